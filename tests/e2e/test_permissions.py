"""The calls that the handler makes are exactly those that its role allows, by recorded traffic and deployed policy."""

from __future__ import annotations

from fnmatch import fnmatchcase

from tests.e2e.conftest import Cloud


def test_what_is_called_is_granted_and_what_is_granted_is_called(cloud: Cloud) -> None:
    replaced, deleted = cloud.start_job(cancel_seconds=1), cloud.start_job(cancel_seconds=1)
    cloud.deploy(replaced)
    [statement] = [found for found in cloud.granted("Provider") if found["Action"][0].startswith("robomaker:")]
    cloud.deploy(deleted)
    cloud.destroy()

    assert {f"robomaker:{call.operation}" for call in cloud.aws.robomaker.calls} == set(statement["Action"])
    assert {call.job for call in cloud.aws.robomaker.calls} == {replaced, deleted}
    assert all(fnmatchcase(call.job, statement["Resource"]) for call in cloud.aws.robomaker.calls)


def test_beside_robomaker_the_role_may_only_write_its_log(cloud: Cloud) -> None:
    cloud.deploy(cloud.start_job())
    others = {
        action
        for statement in cloud.granted("Provider")
        for action in statement["Action"]
        if not action.startswith("robomaker:")
    }
    assert others == {"logs:CreateLogStream", "logs:PutLogEvents"}
