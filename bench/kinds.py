"""The three kinds of job, as the bench plays them on the local AWS."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from moto.cloudformation.models import cloudformation_backends

from bench.contenders import call_on_delete
from jobs.ecs_tasks import EcsTasks
from jobs.emr_serverless_job_runs import EmrServerlessJobRuns
from jobs.running_jobs import Pace
from jobs.state_machine_executions import StateMachineExecutions
from sandbox import ACCOUNT, REGION
from sandbox.local_aws import LocalAws

OWNER = "Container"  # the container's logical id


@dataclass
class Container:
    """A container in a stack of its own.

    Parameters
    ----------
    aws : LocalAws
        Where it is.
    stack : str
        The stack's ARN.
    id : str
        What the property ``Container`` has.
    """

    aws: LocalAws
    stack: str
    id: str

    kind: ClassVar[str]
    noun: ClassVar[str]
    # The operation that stops a job, how many of it may come at once, and how many a second may follow.
    operation: ClassVar[str]
    limit: ClassVar[tuple[float, float]]
    # The limit that the function keeps to.
    pace: ClassVar[Pace]
    # The longest page of the operation that lists jobs.
    page: ClassVar[int]
    # Seconds between the two looks that find no job.
    pause: ClassVar[float]

    @classmethod
    def make(cls, aws: LocalAws) -> Container:
        """Make a stack with nothing but the container, and let it be deleted: that is what its status says."""
        name = f"bench-{uuid.uuid4()}"
        change = {"StackName": name, "ChangeSetName": name}
        cloudformation = aws.client("cloudformation")
        template = json.dumps({"Resources": {OWNER: cls._resource(name)}})
        cloudformation.create_change_set(**change, ChangeSetType="CREATE", TemplateBody=template)
        cloudformation.execute_change_set(**change)
        while aws.stacks()[name] == "CREATE_IN_PROGRESS":
            time.sleep(0.01)
        detail = cloudformation.describe_stack_resource(StackName=name, LogicalResourceId=OWNER)["StackResourceDetail"]
        container = cls(aws, detail["StackId"], cls._id(detail["PhysicalResourceId"]))
        container.set_stack_status("DELETE_IN_PROGRESS")
        return container

    def set_stack_status(self, status: str) -> None:
        """Let the stack have a status, without what would lead to it."""
        cloudformation_backends[ACCOUNT][REGION].stacks[self.stack].status = status

    @property
    def physical_id(self) -> str:
        """The physical id of its StopOnDelete."""
        return f"{self.kind}({self.id})"

    def properties(self, job: str = "") -> dict[str, str]:
        """Return what each contender needs: all of them the container, AwsCustomResource the job that it knows."""
        call = call_on_delete({**self._call(job), "physicalResourceId": {"id": self.id}}) if job else {}
        return {"Kind": self.kind, "Container": self.id, "ContainerLogicalId": OWNER, **call}

    def start(self) -> str:
        """Start a job."""
        raise NotImplementedError

    def let_jobs_take(self, seconds: float) -> None:
        """Let every job take that many seconds to stop."""
        raise NotImplementedError

    def end(self, job: str) -> None:
        """Bring a job to its end."""
        raise NotImplementedError

    def has_ended(self, job: str) -> bool:
        """Tell whether a job has ended."""
        raise NotImplementedError

    def remove(self) -> None:
        """Delete the container behind the stack's back."""
        raise NotImplementedError

    @classmethod
    def _resource(cls, name: str) -> Mapping[str, Any]:
        raise NotImplementedError

    @classmethod
    def _id(cls, ref: str) -> str:
        return ref

    def _call(self, job: str) -> Mapping[str, Any]:
        """Return the call of AwsCustomResource's that stops a job, and takes one that has ended or is gone for done."""
        raise NotImplementedError


class Cluster(Container):
    """A cluster with tasks."""

    kind = "EcsTasks"
    noun = "ECS tasks"
    operation = "StopTask"
    limit = (40, 40)  # ECS API Reference, request-throttling
    pace = EcsTasks.pace
    page = 100  # API reference, ListTasks
    pause = 2.0

    def start(self, group: str = "") -> str:
        """Start a task, in a group such as ``service:web``."""
        return self.aws.ecs.start_task(self.id, group=group)

    def let_jobs_take(self, seconds: float) -> None:
        """Let tasks take that many seconds to stop."""
        self.aws.ecs.stop_seconds = seconds

    def end(self, job: str) -> None:
        """Stop a task, as it does by itself."""
        self.aws.ecs.settle(job, "STOPPED")

    def has_ended(self, job: str) -> bool:
        """Tell whether a task has stopped."""
        return self.aws.ecs.status(job) == "STOPPED"

    def remove(self) -> None:
        """Delete the cluster, which stays visible as INACTIVE."""
        self.aws.client("ecs").delete_cluster(cluster=self.id)

    @classmethod
    def _resource(cls, name: str) -> Mapping[str, Any]:
        return {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": name}}

    @classmethod
    def _id(cls, ref: str) -> str:
        return f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{ref}"

    def _call(self, job: str) -> Mapping[str, Any]:
        return {
            "service": "@aws-sdk/client-ecs",
            "action": "StopTaskCommand",
            "parameters": {"cluster": self.id, "task": job},
            "ignoreErrorCodesMatching": "InvalidParameterException|ClusterNotFoundException",
        }


class StateMachine(Container):
    """A state machine with executions."""

    kind = "StateMachineExecutions"
    noun = "executions"
    operation = "StopExecution"
    limit = (500, 25)  # Step Functions Developer Guide, service-quotas: in three regions it is (1000, 200)
    pace = StateMachineExecutions.pace
    page = 1000  # API reference, ListExecutions
    pause = 2.0

    def start(self) -> str:
        """Start an execution."""
        return self.aws.step_functions.start_execution(self.id)

    def let_jobs_take(self, seconds: float) -> None:
        """Let executions take that many seconds to stop."""
        self.aws.step_functions.stop_seconds = seconds

    def end(self, job: str) -> None:
        """End an execution."""
        self.aws.step_functions.settle(job, "SUCCEEDED")

    def has_ended(self, job: str) -> bool:
        """Tell whether an execution has ended."""
        return self.aws.step_functions.status(job) != "RUNNING"

    def remove(self) -> None:
        """Delete the state machine."""
        self.aws.client("stepfunctions").delete_state_machine(stateMachineArn=self.id)

    @classmethod
    def _resource(cls, name: str) -> Mapping[str, Any]:
        properties = {
            "StateMachineName": name,
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/role",
            "DefinitionString": "{}",
        }
        return {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}

    def _call(self, job: str) -> Mapping[str, Any]:
        return {
            "service": "@aws-sdk/client-sfn",
            "action": "StopExecutionCommand",
            "parameters": {"executionArn": job},
            "ignoreErrorCodesMatching": "ExecutionDoesNotExist",
        }


class Application(Container):
    """An EMR Serverless application with job runs."""

    kind = "EmrServerlessJobRuns"
    noun = "EMR Serverless job runs"
    operation = "CancelJobRun"
    limit = (10, 10)  # no limit is documented: this is assumed
    pace = EmrServerlessJobRuns.pace
    page = 50  # EMR Serverless API reference, ListJobRuns
    pause = 0.0

    def start(self) -> str:
        """Start a job run, and with it the application."""
        return self.aws.emr_serverless.start_job_run(self.id)

    def let_jobs_take(self, seconds: float) -> None:
        """Let job runs take that many seconds to cancel."""
        self.aws.emr_serverless.stop_seconds = seconds

    def end(self, job: str) -> None:
        """End a job run."""
        self.aws.emr_serverless.settle(self.id, job, "SUCCESS")

    def has_ended(self, job: str) -> bool:
        """Tell whether a job run has ended."""
        return self.aws.emr_serverless.state(self.id, job) in ("SUCCESS", "FAILED", "CANCELLED")

    def remove(self) -> None:
        """Delete the application."""
        client = self.aws.client("emr-serverless")
        client.stop_application(applicationId=self.id)
        client.delete_application(applicationId=self.id)

    @classmethod
    def _resource(cls, name: str) -> Mapping[str, Any]:
        properties = {"Name": name, "ReleaseLabel": "emr-7.10.0", "Type": "Spark"}
        return {"Type": "AWS::EMRServerless::Application", "Properties": properties}

    def _call(self, job: str) -> Mapping[str, Any]:
        return {
            "service": "@aws-sdk/client-emr-serverless",
            "action": "CancelJobRunCommand",
            "parameters": {"applicationId": self.id, "jobRunId": job},
            "ignoreErrorCodesMatching": "ResourceNotFoundException|ValidationException",
        }


KINDS = (Cluster, StateMachine, Application)
