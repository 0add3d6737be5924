"""What each answer of a living service means, as botocore gives it from a real endpoint."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.httpsession import URLLib3Session

from jobs import living_service
from jobs.living_service import LivingService, TroubleError
from sandbox.loopback import DROPPED, Response
from teardown import Reply, Verdict
from tests.canned import Canned, denial, error
from tests.network import Names


@pytest.fixture
def new_clients() -> Iterator[None]:
    """Let the clients of a test be its own."""
    living_service._client.cache_clear()
    yield
    living_service._client.cache_clear()


def _trouble(service: str, action: str, **parameters: Any) -> TroubleError:
    with pytest.raises(TroubleError) as trouble:
        LivingService(service).call(action, **parameters)
    return trouble.value


@pytest.mark.parametrize(
    ("service", "action", "parameters", "permission"),
    [
        ("ecs", "ListTasks", {}, "ecs:ListTasks"),
        ("stepfunctions", "ListExecutions", {}, "states:ListExecutions"),
        ("emr-serverless", "GetApplication", {"applicationId": "00f"}, "emr-serverless:GetApplication"),
        ("cloudformation", "DescribeStacks", {}, "cloudformation:DescribeStacks"),
    ],
)
def test_a_denial_names_the_permission_as_iam_does(
    aws: Canned, service: str, action: str, parameters: dict[str, str], permission: str
) -> None:
    aws.answer(action, denial(permission))
    trouble = _trouble(service, action, **parameters)
    assert trouble.reply == Reply(
        Verdict.UNKNOWN,
        f"The handler's role has no permission {permission}: add it, and look for a permissions boundary or a service"
        f" control policy that takes it away. {permission} answered AccessDeniedException: User:"
        f" arn:aws:iam::123456789012:user/u is not authorized to perform: {permission}",
    )
    assert (trouble.code, trouble.refused) == ("AccessDeniedException", False)


@pytest.mark.parametrize(
    ("answer", "verdict", "refused"),
    [
        (error("ThrottlingException"), Verdict.PASSING, False),
        (error("KmsThrottlingException"), Verdict.PASSING, False),
        (error("Throttling"), Verdict.PASSING, False),
        (error("TooManyRequestsException", status=429), Verdict.PASSING, False),
        (error("OddException", status=429), Verdict.PASSING, False),
        (error("OddException", status=408), Verdict.PASSING, False),
        (error("ServerException", status=500), Verdict.PASSING, False),
        (error("ServerException", status=503), Verdict.PASSING, False),
        (error("ServiceUnavailableException"), Verdict.PASSING, False),
        (denial("ecs:StopTask"), Verdict.UNKNOWN, False),
        (error("AccessDenied"), Verdict.UNKNOWN, False),
        (error("OddException", "You are not authorized to perform this."), Verdict.UNKNOWN, False),
        (error("InvalidParameterException"), Verdict.UNKNOWN, True),
        (error("OddException"), Verdict.UNKNOWN, True),
        (error("ThrottlingExceptional"), Verdict.UNKNOWN, True),
        (error("KmsAccessDeniedException"), Verdict.UNKNOWN, True),
        (Response(403, b"<html>Blocked</html>"), Verdict.UNKNOWN, True),
    ],
    ids=str,
)
def test_an_error_may_pass_or_is_a_refusal_or_neither(
    aws: Canned, answer: Response, verdict: Verdict, refused: bool
) -> None:
    aws.answer("StopTask", answer)
    trouble = _trouble("ecs", "StopTask", task="1")
    assert (trouble.reply.verdict, trouble.refused) == (verdict, refused)


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "OddException"])
def test_an_error_keeps_its_code(aws: Canned, code: str) -> None:
    aws.answer("StopTask", error(code))
    assert _trouble("ecs", "StopTask", task="1").code == code


def test_an_error_is_told_in_the_services_words(aws: Canned) -> None:
    aws.answer("StopTask", error("OddException", "x" * 2000))
    trouble = _trouble("ecs", "StopTask", task="1")
    words = f"ecs:StopTask answered OddException: {'x' * 2000}"
    assert (str(trouble), trouble.code) == (words[:1000], "OddException")
    assert trouble.reply.words == words[:1000]


def test_an_access_denied_of_a_service_names_the_permission(aws: Canned) -> None:
    aws.answer("StopTask", error("AccessDeniedException", "Denied."))
    assert _trouble("ecs", "StopTask", task="1").reply.words.startswith(
        "The handler's role has no permission ecs:StopTask: add it"
    )


def test_a_denial_of_another_services_permission_names_that(aws: Canned) -> None:
    message = "User: x is not authorized to perform: kms:GenerateDataKey on resource: y"
    aws.answer("StopExecution", error("KmsAccessDeniedException", message))
    words = _trouble("stepfunctions", "StopExecution", executionArn="1").reply.words
    assert words.startswith("The handler's role has no permission kms:GenerateDataKey: add it")


def test_a_trouble_has_no_code_where_the_service_answered_none() -> None:
    trouble = TroubleError(Reply(Verdict.GONE, "Gone."))
    assert (str(trouble), trouble.code, trouble.refused) == ("Gone.", "", False)


class TestAnswer:
    def test_is_given_as_botocore_reads_it(self, aws: Canned) -> None:
        aws.answer("ListTasks", {"taskArns": ["1"]})
        service = LivingService("ecs")
        assert service.call("ListTasks", cluster="prod")["taskArns"] == ["1"]
        assert service.ask("ListTasks", "taskArns", cluster="prod") == ["1"]
        assert aws.calls == [("ListTasks", {"cluster": "prod"})] * 2
        assert service.calls == 2

    @pytest.mark.parametrize("answer", [{}, {"taskArns": None}, Response(200, b""), Response(200, b'{"Error": "x"}')])
    def test_without_what_was_wanted_is_trouble_that_passes(self, aws: Canned, answer: Any) -> None:
        aws.answer("ListTasks", answer)
        with pytest.raises(TroubleError) as trouble:
            LivingService("ecs").ask("ListTasks", "taskArns")
        assert trouble.value.reply == Reply(Verdict.PASSING, "ListTasks got an answer without taskArns")

    @pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"{", b"[]", b"null", b'{"taskArns": 7}'])
    def test_that_can_not_be_read_is_trouble_that_passes(self, aws: Canned, body: bytes) -> None:
        aws.answer("ListTasks", Response(200, body))
        with pytest.raises(
            TroubleError, match=r"ListTasks got an answer (without taskArns|that can't be read: )"
        ) as no:
            LivingService("ecs").ask("ListTasks", "taskArns")
        assert no.value.reply.verdict is Verdict.PASSING

    @pytest.mark.parametrize("clusters", [[None], [{}], [{"status": ""}], [{"status": "ACTIVE"}, {"clusterName": "x"}]])
    def test_whose_elements_lack_what_each_has_is_trouble_that_passes(self, aws: Canned, clusters: list[Any]) -> None:
        aws.answer("DescribeClusters", {"clusters": clusters})
        with pytest.raises(TroubleError) as trouble:
            LivingService("ecs").ask("DescribeClusters", "clusters", each="status")
        words = "DescribeClusters got an answer with clusters without status"
        assert trouble.value.reply == Reply(Verdict.PASSING, words)

    @pytest.mark.parametrize("clusters", [[], [{"status": "ACTIVE"}, {"status": "INACTIVE"}]])
    def test_whose_elements_have_it_is_given(self, aws: Canned, clusters: list[Any]) -> None:
        aws.answer("DescribeClusters", {"clusters": clusters})
        assert LivingService("ecs").ask("DescribeClusters", "clusters", each="status") == clusters

    def test_that_is_no_list_may_lack_it_too(self, aws: Canned) -> None:
        aws.answer("GetApplication", {"application": {"name": "x"}}, {"application": {"state": "STARTED"}})
        service = LivingService("emr-serverless")
        asked = {"each": "state", "applicationId": "00f"}
        with pytest.raises(TroubleError, match="GetApplication got an answer with application without state"):
            service.ask("GetApplication", "application", **asked)
        assert service.ask("GetApplication", "application", **asked) == {"state": "STARTED"}


class TestPages:
    def test_are_given_one_by_one_until_there_is_no_token(self, aws: Canned) -> None:
        aws.answer(
            "ListTasks",
            {"taskArns": ["1"], "nextToken": "a"},
            {"taskArns": [], "nextToken": "b"},
            {"taskArns": ["2", "3"], "nextToken": ""},
        )
        pages = LivingService("ecs").pages("ListTasks", "taskArns", cluster="prod")
        assert next(pages) == ["1"]
        assert len(aws.calls) == 1
        assert list(pages) == [[], ["2", "3"]]
        assert [parameters for _, parameters in aws.calls] == [
            {"cluster": "prod"},
            {"cluster": "prod", "nextToken": "a"},
            {"cluster": "prod", "nextToken": "b"},
        ]

    @pytest.mark.parametrize("tokens", [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "b"]])
    def test_that_come_again_are_trouble_that_passes(self, aws: Canned, tokens: list[str]) -> None:
        aws.answer("ListTasks", *({"taskArns": [], "nextToken": token} for token in tokens))
        pages = LivingService("ecs").pages("ListTasks", "taskArns")
        with pytest.raises(TroubleError) as trouble:
            list(pages)
        assert trouble.value.reply == Reply(Verdict.PASSING, "ListTasks got the same page again and again")
        assert len(aws.calls) == len(tokens)

    @pytest.mark.parametrize("second", [{}, {"jobRuns": [{}]}, {"jobRuns": [None]}])
    def test_of_which_one_lacks_what_was_wanted_are_trouble(self, aws: Canned, second: Any) -> None:
        aws.answer("ListJobRuns", {"jobRuns": [{"id": "1"}], "nextToken": "a"}, second)
        pages = LivingService("emr-serverless").pages("ListJobRuns", "jobRuns", each="id", applicationId="00f")
        assert [run["id"] for run in next(pages)] == ["1"]
        with pytest.raises(TroubleError, match=r"ListJobRuns got an answer with(out jobRuns| jobRuns without id)$"):
            next(pages)


class TestWay:
    """What happens to a call that is not answered."""

    @pytest.fixture
    def service(self, aws: Canned) -> LivingService:
        aws.answer("ListTasks", DROPPED)
        return LivingService("ecs")

    def _verdict(self, service: LivingService) -> tuple[Verdict, str]:
        with pytest.raises(TroubleError) as trouble:
            service.call("ListTasks")
        assert (trouble.value.code, trouble.value.refused) == ("", False)
        return trouble.value.reply.verdict, trouble.value.reply.words

    def test_that_is_lost_passes(self, service: LivingService) -> None:
        verdict, words = self._verdict(service)
        assert verdict is Verdict.PASSING
        assert words.startswith("ListTasks lost its connection: ")

    @pytest.mark.parametrize("answered", [{}, error("OddException")])
    def test_that_is_closed_is_unknown_until_the_service_has_answered(
        self, aws: Canned, service: LivingService, monkeypatch: pytest.MonkeyPatch, answered: Any
    ) -> None:
        refuse = ConnectTimeoutError(endpoint_url=aws.url)
        calls = [refuse, None, refuse]
        real = URLLib3Session.send

        def send(session: URLLib3Session, sent: Any) -> Any:
            trouble = calls.pop(0)
            if trouble:
                raise trouble
            return real(session, sent)

        monkeypatch.setattr(URLLib3Session, "send", send)
        aws.answer("ListTasks", answered)
        verdict, words = self._verdict(service)
        assert verdict is Verdict.UNKNOWN
        assert words.startswith("ListTasks could not reach ecs: Connect timeout on endpoint URL: ")
        with contextlib.suppress(TroubleError):
            service.call("ListTasks")
        assert self._verdict(service)[0] is Verdict.PASSING

    @pytest.mark.usefixtures("new_clients")
    def test_to_a_port_where_nothing_listens_is_unknown(self, aws: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ECS", "http://127.0.0.1:9")
        verdict, words = self._verdict(LivingService("ecs"))
        assert verdict is Verdict.UNKNOWN
        assert words == (
            'ListTasks could not reach ecs: Could not connect to the endpoint URL: "http://127.0.0.1:9/". If the'
            " function is in a VPC, check that its subnets have a route to the endpoint (a NAT gateway or an interface"
            " endpoint) and that its security groups let HTTPS out."
        )
        assert aws.calls == []

    @pytest.mark.usefixtures("new_clients")
    def test_that_is_closed_says_nothing_of_a_job_that_a_create_has_none_of(
        self, aws: Canned, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ECS", "http://127.0.0.1:9")
        _, words = self._verdict(LivingService("ecs"))
        assert words.endswith(
            "If the function is in a VPC, check that its subnets have a route to the endpoint (a NAT"
            " gateway or an interface endpoint) and that its security groups let HTTPS out."
        )
        assert "stopped" not in words
        assert aws.calls == []

    @pytest.mark.usefixtures("new_clients")
    def test_to_a_name_that_can_not_be_looked_up_now_passes(self, aws: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
        trouble = socket.gaierror(socket.EAI_AGAIN, "Try again")
        Names(monkeypatch).fail("ecs.eu-west-1.amazonaws.com", together=trouble, ipv4=trouble)
        monkeypatch.delenv("AWS_ENDPOINT_URL_ECS")
        verdict, words = self._verdict(LivingService("ecs", "eu-west-1"))
        assert verdict is Verdict.PASSING
        assert words.startswith("ListTasks could not look up its endpoint: ")
        assert aws.calls == []

    @pytest.mark.usefixtures("new_clients")
    def test_to_a_name_that_there_is_not_is_unknown(self, aws: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
        trouble = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        Names(monkeypatch).fail("ecs.eu-west-1.amazonaws.com", together=trouble, ipv4=trouble)
        monkeypatch.delenv("AWS_ENDPOINT_URL_ECS")
        verdict, words = self._verdict(LivingService("ecs", "eu-west-1"))
        assert verdict is Verdict.UNKNOWN
        assert words.startswith("ListTasks could not reach ecs: ")
        assert aws.calls == []


class TestClient:
    def test_that_can_not_be_made_is_unknown(self, aws: Canned) -> None:  # noqa: ARG002
        with pytest.raises(TroubleError) as trouble:
            LivingService("no-such-service").call("ListTasks")
        assert trouble.value.reply.verdict is Verdict.UNKNOWN
        assert trouble.value.reply.words.startswith("ListTasks can't be called: UnknownServiceError(")

    def test_refuses_a_parameter_that_can_not_be_sent(self, aws: Canned) -> None:
        trouble = _trouble("ecs", "ListTasks", cluster=7)
        assert trouble.reply.verdict is Verdict.UNKNOWN
        assert trouble.reply.words.startswith("ListTasks failed: Parameter validation failed")
        assert aws.calls == []

    @pytest.mark.usefixtures("new_clients")
    @pytest.mark.parametrize(("region", "expected"), [(None, "us-west-2"), ("eu-west-1", "eu-west-1")])
    def test_calls_the_functions_region_or_the_one_that_is_named(
        self, aws: Canned, region: str | None, expected: str
    ) -> None:
        seen: list[str] = []
        aws.answer("ListTasks", {"taskArns": []})
        service = LivingService("ecs", region)
        client = living_service._client("ecs", expected)

        def look(request: Any, **_: Any) -> None:
            seen.append(str(request.headers["Authorization"]))

        client.meta.events.register("before-send", look)
        service.call("ListTasks")
        assert f"/{expected}/ecs/aws4_request" in seen[0]

    @pytest.mark.usefixtures("new_clients")
    def test_is_made_once_for_a_service_and_region(self) -> None:
        first = living_service._client("ecs", "us-west-2")
        assert living_service._client("ecs", "us-west-2") is first
        assert living_service._client("ecs", "eu-west-1") is not first

    def test_does_not_repeat_a_call_by_itself(self, aws: Canned) -> None:
        aws.answer("ListTasks", error("ThrottlingException"))
        service = LivingService("ecs")
        with pytest.raises(TroubleError):
            service.call("ListTasks")
        assert (len(aws.calls), service.calls) == (1, 1)
