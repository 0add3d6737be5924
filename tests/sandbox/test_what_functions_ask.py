"""What CloudFormation tells the function of a custom resource of its own stack, at the moment of each request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.cloudformation.backend import LifecycleBackend
from sandbox.local_aws import ACCOUNT, LocalAws
from sandbox.services.jobs import NEVER
from tests.sandbox.answers import put

ROLE = f"arn:aws:iam::{ACCOUNT}:role/role"


def _cluster(name: str) -> dict[str, Any]:
    return {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": name}}


def _application() -> dict[str, Any]:
    properties = {"Name": "spark", "ReleaseLabel": "emr-7.10.0", "Type": "Spark"}
    return {"Type": "AWS::EMRServerless::Application", "Properties": properties}


def _stop(name: str, **properties: Any) -> dict[str, Any]:
    return {"Type": "Custom::Stop", "Properties": {"ServiceToken": "arn:function", "id": name, **properties}}


def _template(**resources: Any) -> dict[str, Any]:
    return {"Resources": resources}


@dataclass(frozen=True)
class Seen:
    """What a function sees: the stack's status, the template's resources, and the cluster's physical id."""

    status: str
    resources: list[str]
    cluster: str


class Cloud:
    """The local AWS, with a function that looks at its stack before it answers."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.failing: set[tuple[str, str]] = set()
        self.seen: dict[tuple[str, str], Seen] = {}
        self.cloudformation = aws.client("cloudformation")
        self.ecs = aws.client("ecs")

    def answer(self, _: str, event: dict[str, Any]) -> None:
        """Look, and answer: with the property ``id`` as the physical id."""
        request = (event["RequestType"], event.get("PhysicalResourceId", event["ResourceProperties"]["id"]))
        self.seen[request] = self._look(event["StackId"])
        copied = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
        physical_id = request[1] if request[0] == "Delete" else event["ResourceProperties"]["id"]
        status = "FAILED" if request in self.failing else "SUCCESS"
        body = json.dumps({**copied, "Status": status, "Reason": "No.", "PhysicalResourceId": physical_id})
        put(event["ResponseURL"], body.encode())

    def _look(self, stack: str) -> Seen:
        [described] = self.cloudformation.describe_stacks(StackName=stack)["Stacks"]
        template = self.cloudformation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
        return Seen(described["StackStatus"], sorted(template["Resources"]), self.physical_id(stack, "Cluster"))

    def physical_id(self, stack: str, logical_id: str) -> str:
        """Give a resource's physical id, or "" if the stack has no such resource."""
        with suppress(ClientError):
            asked = self.cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
            return str(asked["StackResourceDetail"]["PhysicalResourceId"])
        return ""

    def change(self, kind: str, template: dict[str, Any]) -> str:
        """Create or update the stack and give the status that it ends in."""
        change = {"StackName": "Stack", "ChangeSetName": "change"}
        self.cloudformation.create_change_set(**change, ChangeSetType=kind, TemplateBody=json.dumps(template))
        self.cloudformation.execute_change_set(**change)
        return self.settled()

    def delete(self) -> str:
        """Delete the stack and give the status that it ends in."""
        self.cloudformation.delete_stack(StackName="Stack")
        return self.settled()

    def settled(self) -> str:
        """Wait until nothing is in progress. A stack that is gone has the status ``""``."""
        while "IN_PROGRESS" in (status := self.aws.stacks().get("Stack", "")):
            time.sleep(0.01)
        return status


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with closing(LocalAws()) as aws:
        cloud = Cloud(aws)
        monkeypatch.setattr(LifecycleBackend, "_invoke", staticmethod(cloud.answer))
        yield cloud


BOTH = ["Cluster", "Stop"]


class TestAtTheMomentOf:
    def test_a_create_the_template_is_there_already(self, cloud: Cloud) -> None:
        cloud.change("CREATE", _template(Cluster=_cluster("prod"), Stop=_stop("a", Of={"Ref": "Cluster"})))
        assert cloud.seen["Create", "a"] == Seen("CREATE_IN_PROGRESS", BOTH, "prod")

    def test_a_deletion_the_status_says_so(self, cloud: Cloud) -> None:
        cloud.change("CREATE", _template(Cluster=_cluster("prod"), Stop=_stop("a", Of={"Ref": "Cluster"})))
        assert cloud.delete() == ""
        assert cloud.seen["Delete", "a"] == Seen("DELETE_IN_PROGRESS", BOTH, "prod")

    def test_a_rollback_of_a_create_the_status_says_so(self, cloud: Cloud) -> None:
        cloud.failing = {("Create", "a")}
        cloud.change("CREATE", _template(Cluster=_cluster("prod"), Stop=_stop("a", Of={"Ref": "Cluster"})))
        assert cloud.seen["Delete", "a"] == Seen("ROLLBACK_IN_PROGRESS", BOTH, "prod")

    def test_a_cleanup_the_template_is_the_new_one_and_what_has_left_it_is_there(self, cloud: Cloud) -> None:
        cloud.change("CREATE", _template(Cluster=_cluster("prod"), Stop=_stop("a", Of={"Ref": "Cluster"})))
        cloud.change("UPDATE", _template(Other=_cluster("other")))
        assert cloud.seen["Delete", "a"] == Seen("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ["Other"], "prod")

    def test_a_cleanup_after_a_replacement_the_physical_id_is_the_new_one(self, cloud: Cloud) -> None:
        cloud.change("CREATE", _template(Cluster=_cluster("prod"), Stop=_stop("a", Of={"Ref": "Cluster"})))
        cloud.change("UPDATE", _template(Cluster=_cluster("new"), Stop=_stop("b", Of={"Ref": "Cluster"})))
        assert cloud.seen["Delete", "a"] == Seen("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", BOTH, "new")

    def test_a_cleanup_after_a_rollback_the_template_and_the_physical_id_are_the_old_ones(self, cloud: Cloud) -> None:
        cloud.failing = {("Create", "c")}
        cloud.change("CREATE", _template(Cluster=_cluster("prod"), Stop=_stop("a", Of={"Ref": "Cluster"})))
        new = _template(
            Cluster=_cluster("new"),
            Stop=_stop("b", Of={"Ref": "Cluster"}),
            Bad={**_stop("c"), "DependsOn": "Stop"},
        )
        assert cloud.change("UPDATE", new) == "UPDATE_ROLLBACK_COMPLETE"
        cleanup = Seen("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", BOTH, "prod")
        assert (cloud.seen["Delete", "b"], cloud.seen["Delete", "c"]) == (cleanup, cleanup)
        clusters = cloud.ecs.describe_clusters(clusters=["prod", "new"])["clusters"]
        assert [cluster["status"] for cluster in clusters] == ["ACTIVE", "INACTIVE"]

    def test_the_end_a_deleted_stack_is_still_found_by_its_id(self, cloud: Cloud) -> None:
        cloud.change("CREATE", _template(Cluster=_cluster("prod")))
        [stack] = cloud.cloudformation.describe_stacks(StackName="Stack")["Stacks"]
        cloud.delete()
        [stack] = cloud.cloudformation.describe_stacks(StackName=stack["StackId"])["Stacks"]
        assert stack["StackStatus"] == "DELETE_COMPLETE"
        with pytest.raises(ClientError, match="ValidationError"):
            cloud.cloudformation.describe_stacks(StackName="Stack")

    def test_any_question_of_a_resource_that_the_stack_does_not_have_is_a_validation_error(self, cloud: Cloud) -> None:
        cloud.change("CREATE", _template(Cluster=_cluster("prod")))
        with pytest.raises(ClientError, match=r"ValidationError.*does not exist for stack"):
            cloud.cloudformation.describe_stack_resource(StackName="Stack", LogicalResourceId="Nonsense")


class TestAStackWithWhatStillRuns:
    def test_fails_to_delete_a_cluster(self, cloud: Cloud) -> None:
        cloud.change("CREATE", _template(Cluster=_cluster("prod")))
        task = cloud.aws.ecs.start_task("prod")
        assert cloud.delete() == "DELETE_FAILED"
        cloud.ecs.stop_task(cluster="prod", task=task)
        assert cloud.delete() == ""

    def test_waits_for_the_executions_of_a_state_machine(self, cloud: Cloud) -> None:
        properties = {"StateMachineName": "flow", "RoleArn": ROLE, "DefinitionString": "{}"}
        flow = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
        outputs = {"Arn": {"Value": {"Fn::GetAtt": ["Flow", "Arn"]}}}
        cloud.change("CREATE", {**_template(Flow=flow), "Outputs": outputs})
        [stack] = cloud.cloudformation.describe_stacks(StackName="Stack")["Stacks"]
        assert stack["Outputs"][0]["OutputValue"] == cloud.physical_id("Stack", "Flow")
        execution = cloud.aws.step_functions.start_execution(cloud.physical_id("Stack", "Flow"))
        deletion = threading.Thread(target=cloud.delete)
        deletion.start()
        while cloud.aws.stacks()["Stack"] != "DELETE_IN_PROGRESS":
            time.sleep(0.01)
        deletion.join(0.2)
        assert cloud.aws.stacks() == {"Stack": "DELETE_IN_PROGRESS"}
        cloud.aws.step_functions.settle(execution, "SUCCEEDED")
        deletion.join()
        assert cloud.aws.stacks() == {}

    def test_fails_to_delete_an_application(self, cloud: Cloud) -> None:
        outputs = {"Id": {"Value": {"Ref": "Spark"}}, "Arn": {"Value": {"Fn::GetAtt": ["Spark", "Arn"]}}}
        cloud.change("CREATE", {**_template(Spark=_application()), "Outputs": outputs})
        [stack] = cloud.cloudformation.describe_stacks(StackName="Stack")["Stacks"]
        given = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        assert given["Arn"].endswith(f"/applications/{given['Id']}")
        emr = cloud.aws.client("emr-serverless")
        assert emr.get_application(applicationId=given["Id"])["application"]["state"] == "CREATED"
        job_run = cloud.aws.emr_serverless.start_job_run(given["Id"], stop_seconds=NEVER)
        assert cloud.delete() == "DELETE_FAILED"
        cloud.aws.emr_serverless.settle(given["Id"], job_run, "SUCCESS")
        assert cloud.delete() == "DELETE_FAILED"
        emr.stop_application(applicationId=given["Id"])
        assert cloud.delete() == ""
