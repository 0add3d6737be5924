"""Odd ARNs and events, documented and made up, each with the answer to it."""

from __future__ import annotations

from typing import Any

from tests.requests import JOB_1, STACK_ID, request

ARN = JOB_1

GOOD_ARNS = [
    ARN,
    "arn:aws-us-gov:robomaker:us-gov-west-1:123456789012:world-export-job/job-1",
    "arn:aws-us-gov:robomaker:us-gov-east-1:123456789012:world-export-job/job-1",
    "arn:aws-cn:robomaker:cn-north-1:123456789012:world-export-job/job-1",
    "arn:aws-cn:robomaker:cn-northwest-1:123456789012:world-export-job/job-1",
    "arn:aws:robomaker:ap-southeast-1:123456789012:world-export-job/job-1",
    "arn:aws:robomaker:me-central-1:000000000000:world-export-job/wej-8d3qx1v6w0pc",
    ARN.replace("job-1", "a"),
    ARN.replace("job-1", "0b4c9e51-6f3c-4c83-9e4b-3a8c8a1c7a5d"),
    ARN.replace("job-1", "A.b_c:d=e@f+g-h"),
    ARN + "x" * (1024 - len(ARN)),
]

_EMPTY = "must be a string that is not empty"
_NO_ARN = "not an ARN"
_WHITESPACE = "no whitespace and no control characters"
_PARTITION = "partition must be one of aws, aws-cn, aws-us-gov"
_ACCOUNT = "account must be 12 digits"
_CHARACTERS = "letters, digits and -_.:=@+ only"
_KIND = "must be a world-export-job, not "
_REGION = "is not the name of a region"
_TOO_LONG = "longer than the 1,024 bytes"

# A value, and the rule that it breaks.
BAD_ARNS: list[tuple[object, str]] = [
    *[(value, _EMPTY) for value in (None, "", 7, 7.5, True, [], [ARN], {"Ref": "JobArn"}, b"arn", object)],
    *[
        (value, _NO_ARN)
        for value in (
            "job-1",
            "None",
            "{}",
            "arn",
            ":::::",
            "ARN:" + ARN[4:],
            "urn" + ARN[3:],
            "arn:aws:robomaker:us-west-2",
            ARN.replace(":", "\uff1a"),
            "\u0430rn" + ARN[3:],
        )
    ],
    *[
        (value, _WHITESPACE)
        for value in (
            ARN + " ",
            " " + ARN,
            ARN + "\n",
            ARN + "\r\nX-Header: 1",
            ARN + "\x00",
            ARN + "\x1b[31m",
            ARN + "\x7f",
            ARN + "\u200b",
            ARN + "\u202e",
            ARN + "\ud800",
            ARN.replace("job-1", "job 1"),
        )
    ],
    *[(ARN.replace("arn:aws:", f"arn:{name}:"), _PARTITION) for name in ("", "AWS", "aws-iso", "aws-eusc", "*", "gcp")],
    *[
        (ARN.replace("robomaker", name), f"service must be robomaker, not {name!r}")
        for name in ("s3", "", "RoboMaker", "robomaker-evil", "*")
    ],
    *[
        (ARN.replace("us-west-2", name), f"{name!r} {_REGION}")
        for name in (
            "",
            "*",
            "us_west_2",
            "US-WEST-2",
            "us-west-123",
            "us-west-\u0662",
            "-us-west-2",
            "evil.example",
            "us-west-2@evil.example",
            "169.254.169.254",
        )
    ],
    (ARN.replace("us-west-2", "cn-north-1"), "the region cn-north-1 is not in the partition aws"),
    (ARN.replace("us-west-2", "us-gov-west-1"), "the region us-gov-west-1 is not in the partition aws"),
    (ARN.replace("us-west-2", "us-isob-east-1"), "the region us-isob-east-1 is not in the partition aws"),
    (ARN.replace("arn:aws:", "arn:aws-cn:"), "the region us-west-2 is not in the partition aws-cn"),
    *[
        (ARN.replace("123456789012", account), _ACCOUNT)
        for account in (
            "",
            "*",
            "12345678901",
            "12345678901x",
            "-12345678901",
            "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u0660\u0661\u0662",
        )
    ],
    *[
        (ARN.replace("world-export-job/job-1", resource), f"{_KIND}{resource.partition('/')[0]!r}")
        for resource in (
            "",
            "job-1",
            "*",
            "world-generation-job/job-1",
            "World-Export-Job/job-1",
            "world-export-job:job-1",
        )
    ],
    (ARN.replace("/job-1", ""), "the job's id is empty"),
    (ARN.replace("job-1", ""), "the job's id is empty"),
    *[
        (ARN.replace("job-1", job_id), _CHARACTERS)
        for job_id in ("*", "a/b", 'a"b', "a\\b", "a%0Ab", "$(id)", "j\u00f6b")
    ],
    (ARN + "x" * 1024, _TOO_LONG),
    (ARN + "x" * 1_000_000, _TOO_LONG),
    (ARN + "x" * (1025 - len(ARN)), _TOO_LONG),
    (ARN + "\u00f6" * 500, _TOO_LONG),
]


def _delete(**more: Any) -> dict[str, Any]:
    return request("Delete", {"JobArn": ARN}, PhysicalResourceId=ARN, **more)


def _nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"more": value}
    return value


_DONE, _FAILED = "SUCCESS", "FAILED"

# What arrives -> the status that it is answered with.
EVENTS: dict[str, tuple[dict[str, Any], str]] = {
    "a Create as CloudFormation sends it": (request("Create", {"JobArn": ARN, "WaitSeconds": "300"}), _DONE),
    "an Update as CloudFormation sends it": (
        request("Update", {"JobArn": ARN}, PhysicalResourceId=ARN, OldResourceProperties={"JobArn": ARN}),
        _DONE,
    ),
    "a Delete as CloudFormation sends it": (_delete(), _DONE),
    "a Create with a ServiceTimeout and unknown properties": (
        request("Create", {"JobArn": ARN, "ServiceTimeout": "960", "Color": "red", "\ud800": "x"}),
        _DONE,
    ),
    "a Create with numbers and booleans that are no strings": (
        request("Create", {"JobArn": ARN, "WaitSeconds": 300, "BestEffort": True}),
        _DONE,
    ),
    "a Create without properties": ({**request("Create"), "ResourceProperties": None}, _FAILED),
    "a Create whose properties are a list": ({**request("Create"), "ResourceProperties": [ARN]}, _FAILED),
    "a Create whose properties are JSON in a string": (
        {**request("Create"), "ResourceProperties": f'{{"JobArn": "{ARN}"}}'},
        _FAILED,
    ),
    "a Create with a very long ARN": (request("Create", {"JobArn": "x" * 1_000_000}), _FAILED),
    "a Create with an ARN of lone surrogates": (request("Create", {"JobArn": "\ud800" * 1000}), _FAILED),
    "a Create with an ARN that forges a line of the log": (
        request("Create", {"JobArn": 'x"}\n{"level": "ERROR", "message": "forged'}),
        _FAILED,
    ),
    "a Create with an ARN that forges an answer": (
        request("Create", {"JobArn": '","Status":"SUCCESS","PhysicalResourceId":"x'}),
        _FAILED,
    ),
    "a Create with a deeply nested ARN": (request("Create", {"JobArn": _nested(200)}), _FAILED),
    "a Create with a negative wait": (request("Create", {"JobArn": ARN, "WaitSeconds": "-1"}), _FAILED),
    "a Create with a wait in floating point": (request("Create", {"JobArn": ARN, "WaitSeconds": "1e2"}), _FAILED),
    "a Create with a wait of 5,000 digits": (request("Create", {"JobArn": ARN, "WaitSeconds": "9" * 5000}), _FAILED),
    "a Create with a physical id": (request("Create", {"JobArn": ARN}, PhysicalResourceId="other"), _DONE),
    "an Update without a physical id": (request("Update", {"JobArn": ARN}, PhysicalResourceId=""), _FAILED),
    "an Update from what was another kind of resource": (
        request("Update", {"JobArn": ARN}, PhysicalResourceId="sample", OldResourceProperties={"Color": "red"}),
        _DONE,
    ),
    "a Delete of a failed Create": (request("Delete", {}, PhysicalResourceId="never-created-1"), _DONE),
    "a Delete of what another handler created": (request("Delete", {}, PhysicalResourceId="Stack_Job_1ABC"), _DONE),
    "a Delete of another service's ARN": (request("Delete", {}, PhysicalResourceId="arn:aws:s3:::bucket"), _DONE),
    "a Delete of every job": (request("Delete", {}, PhysicalResourceId=ARN.replace("job-1", "*")), _DONE),
    "a Delete without a physical id": (request("Delete", {"JobArn": ARN}), _FAILED),
    "a Delete whose physical id is a number": (request("Delete", {}, PhysicalResourceId=7), _FAILED),
    "a Delete whose physical id is a list": (request("Delete", {}, PhysicalResourceId=[ARN]), _FAILED),
    "a Delete with properties of another version": (
        request("Delete", {"jobArn": ARN, "waitSeconds": "soon", "BestEffort": "yes"}, PhysicalResourceId=ARN),
        _DONE,
    ),
    "a Delete with an infinite wait": (
        request("Delete", {"JobArn": ARN, "WaitSeconds": float("inf")}, PhysicalResourceId=ARN),
        _DONE,
    ),
    "a Delete that crhelper would take for a poll": (_delete(CrHelperPoll=True, CrHelperPermission="x"), _DONE),
    "a Delete with a stack id that is no ARN": (_delete(StackId="stack"), _DONE),
    "a request of another kind": (request("Read", {"JobArn": ARN}), _FAILED),
    "a request whose kind is in lower case": (request("delete", {"JobArn": ARN}, PhysicalResourceId=ARN), _FAILED),
    "a request whose kind is a list": ({**_delete(), "RequestType": ["Delete"]}, _FAILED),
    "a request without a request id": (_delete(RequestId=None), _FAILED),
    "a request without a stack id": (_delete(StackId=None), _FAILED),
    "a request with a very long logical id": (_delete(LogicalResourceId="L" * 255), _DONE),
    "a message of SNS": ({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "{}"}}]}, _FAILED),
    "an event of EventBridge": ({"version": "0", "source": "aws.events", "detail": {}, "account": "1"}, _FAILED),
    "a request of API Gateway": ({"httpMethod": "POST", "body": "{}", "headers": {"Host": "x"}}, _FAILED),
    "a test event of the console": ({"key1": "value1", "key2": "value2", "key3": "value3"}, _FAILED),
    "nothing": ({}, _FAILED),
    "nothing but a stack": ({"StackId": STACK_ID}, _FAILED),
}
