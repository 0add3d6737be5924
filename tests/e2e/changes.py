"""The rows of the table of containers that are deployed: those that are changed in the same way share a stack."""

from __future__ import annotations

from tests.containers import ROWS, Row

DELETED, DELETED_IN_VAIN = "StopDeleted", "StopDeletedInVain"
UPDATED, UPDATED_IN_VAIN, CREATED_IN_VAIN = "StopUpdated", "StopUpdatedInVain", "StopCreatedInVain"


def _change(row: Row) -> str:
    if row.after is None:
        return DELETED if row.answer == "SUCCESS" else DELETED_IN_VAIN
    if not row.after.fails:
        return UPDATED
    return UPDATED_IN_VAIN if row.before else CREATED_IN_VAIN


DEPLOYED = [row for row in ROWS if row.is_deployed]
CHANGES = {
    name: [row for row in DEPLOYED if _change(row) == name]
    for name in (DELETED, DELETED_IN_VAIN, UPDATED, UPDATED_IN_VAIN, CREATED_IN_VAIN)
}
