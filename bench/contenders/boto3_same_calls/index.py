"""The calls that StopOnDelete makes for an empty container, with plain boto3 and without any care."""

import json
import time
import urllib.request

import boto3


def handler(event: dict, _: object) -> None:
    properties = event["ResourceProperties"]
    cloudformation = boto3.client("cloudformation")
    cloudformation.describe_stacks(StackName=event["StackId"])
    cloudformation.list_stack_resources(StackName=event["StackId"])
    cloudformation.get_template(StackName=event["StackId"], TemplateStage="Processed")
    LOOKS[properties["Kind"]](properties["Container"])
    copied = ("PhysicalResourceId", "StackId", "RequestId", "LogicalResourceId")
    body = json.dumps({"Status": "SUCCESS", **{key: event[key] for key in copied}}).encode()
    headers = {"Content-Type": ""}
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], body, headers, method="PUT")).read()


def look_for_tasks(cluster: str) -> None:
    ecs = boto3.client("ecs")
    for pause in (0, 2):
        time.sleep(pause)
        for status in ("RUNNING", "STOPPED"):
            ecs.list_tasks(cluster=cluster, desiredStatus=status, maxResults=100)


def look_for_executions(state_machine: str) -> None:
    step_functions = boto3.client("stepfunctions")
    asked = {"stateMachineArn": state_machine, "statusFilter": "RUNNING", "maxResults": 1000}
    step_functions.list_executions(**asked)
    time.sleep(2)
    step_functions.list_executions(**asked)


def look_for_job_runs(application: str) -> None:
    emr = boto3.client("emr-serverless")
    unfinished = (
        ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED"],
        ["SUBMITTED", "STARTING", "STARTED", "IDLE", "BUSY"],
    )
    for runs, sessions in (unfinished, (["CANCELLING"], ["TERMINATING"])):
        emr.list_job_runs(applicationId=application, states=runs, maxResults=50)
        emr.list_sessions(applicationId=application, states=sessions, maxResults=50)
    emr.get_application(applicationId=application)


LOOKS = {
    "EcsTasks": look_for_tasks,
    "StateMachineExecutions": look_for_executions,
    "EmrServerlessJobRuns": look_for_job_runs,
}
