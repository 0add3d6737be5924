"""The handler as a team writes it with boto3: list what runs, stop each, answer; what is gone is done."""

import json
import urllib.request

import boto3
from botocore.exceptions import ClientError

GONE = ("ClusterNotFoundException", "StateMachineDoesNotExist", "ResourceNotFoundException")


def handler(event: dict, _: object) -> None:
    properties = event["ResourceProperties"]
    status, reason = "SUCCESS", ""
    try:
        STOPS[properties["Kind"]](properties["Container"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            status, reason = "FAILED", str(error)
    copied = ("PhysicalResourceId", "StackId", "RequestId", "LogicalResourceId")
    body = json.dumps({"Status": status, "Reason": reason, **{key: event[key] for key in copied}}).encode()
    headers = {"Content-Type": ""}
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], body, headers, method="PUT")).read()


def stop_tasks(cluster: str) -> None:
    ecs = boto3.client("ecs")
    for task in ecs.list_tasks(cluster=cluster)["taskArns"]:
        ecs.stop_task(cluster=cluster, task=task)


def stop_executions(state_machine: str) -> None:
    step_functions = boto3.client("stepfunctions")
    running = step_functions.list_executions(stateMachineArn=state_machine, statusFilter="RUNNING")
    for execution in running["executions"]:
        step_functions.stop_execution(executionArn=execution["executionArn"])


def stop_job_runs(application: str) -> None:
    emr = boto3.client("emr-serverless")
    running = emr.list_job_runs(applicationId=application, states=["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING"])
    for job_run in running["jobRuns"]:
        emr.cancel_job_run(applicationId=application, jobRunId=job_run["id"])


STOPS = {
    "EcsTasks": stop_tasks,
    "StateMachineExecutions": stop_executions,
    "EmrServerlessJobRuns": stop_job_runs,
}
