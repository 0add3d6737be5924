"""Checks the properties of both custom resources, by the same rules at synthesis and at deployment."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Kind of jobs -> its service, as the metrics name it.
SERVICES = {
    "WorldExportJobs": "RoboMaker",
    "EcsTasks": "ECS",
    "StateMachineExecutions": "StepFunctions",
    "EmrServerlessJobRuns": "EMRServerless",
}

DEFAULT_WAIT_SECONDS = 300
MAX_WAIT_SECONDS = 840

_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")


class InvalidPropertyError(ValueError):
    """A property breaks a rule. The message names the property, its value, the rule and the fix."""

    def __init__(self, name: str, value: object, rule: str, fix: str) -> None:
        super().__init__(f"{name} {_shown(value)} is not valid: {rule}. {fix}")
        self.rule, self.fix = rule, fix


def check_common(properties: Mapping[str, object]) -> None:
    """Check the properties that both custom resources have: BestEffort, WaitSeconds and ProviderOutlivesStack.

    Parameters
    ----------
    properties : Mapping
        The properties of the resource. CloudFormation sends every value as a string.

    Raises
    ------
    InvalidPropertyError
        If a property breaks a rule.
    """
    check_best_effort(properties.get("BestEffort", False))
    check_wait_seconds(properties.get("WaitSeconds", DEFAULT_WAIT_SECONDS))
    check_provider_outlives_stack(properties.get("ProviderOutlivesStack", True))


def check_wait_seconds(value: object) -> int:
    """Check the WaitSeconds property: how long a Delete waits, in seconds.

    Raises
    ------
    InvalidPropertyError
        If it is not a whole number from 0 to 840. The longest wait is a minute shorter than Lambda's limit of 15
        minutes (Lambda quotas), so that there is time to answer.
    """
    text = str(value)
    seconds = int(text) if _WHOLE_NUMBER.fullmatch(text) else -1
    if not 0 <= seconds <= MAX_WAIT_SECONDS:
        raise InvalidPropertyError(
            "WaitSeconds",
            value,
            f"it must be a whole number of seconds from 0 to {MAX_WAIT_SECONDS} (14 minutes)",
            "Set a time in that range.",
        )
    return seconds


def check_best_effort(value: object) -> bool:
    """Check the BestEffort property.

    Raises
    ------
    InvalidPropertyError
        If it is neither ``true`` nor ``false``.
    """
    return _check_bool("BestEffort", value, "Set one of the two.")


def check_provider_outlives_stack(value: object) -> bool:
    """Check the ProviderOutlivesStack property, which the construct sets by itself.

    Raises
    ------
    InvalidPropertyError
        If it is neither ``true`` nor ``false``.
    """
    return _check_bool("ProviderOutlivesStack", value, "Leave it out if the function is not in the job's own stack.")


def _check_bool(name: str, value: object, fix: str) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise InvalidPropertyError(name, value, "it must be true or false", fix)
    return text == "true"


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 300 else f"{shown[:300]}… ({len(shown):,} characters)"
