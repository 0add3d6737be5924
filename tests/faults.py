"""What may go wrong at RoboMaker, and what it means: a row a fault, for unit, protocol and end-to-end tests alike."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.robomaker import (
    ACCESS_DENIED,
    CANCEL_REFUSED,
    CONNECTION_DROPPED,
    EXISTING_CUSTOMERS_ONLY,
    RETIRED,
    SERVER_ERROR,
    THROTTLED,
    Fault,
)
from teardown import Verdict


@dataclass(frozen=True)
class Row:
    """A fault and its meaning.

    Parameters
    ----------
    fault : Fault
        What the endpoint answers in place of the truth.
    verdict : Verdict
        What it means.
    words : str
        A part of what the reason says of it.
    """

    fault: Fault
    verdict: Verdict
    words: str

    def __str__(self) -> str:
        """Name it in a few words."""
        return str(self.fault)

    @property
    def may_pass(self) -> bool:
        """Whether a Delete gets over it if it is met a few times only."""
        return self.verdict in (Verdict.PASSING, Verdict.UNKNOWN, Verdict.REFUSED)

    @property
    def answer(self) -> str:
        """What a Delete answers that meets nothing else."""
        return "FAILED" if self.may_pass else "SUCCESS"

    @property
    def describe(self) -> Verdict:
        """What it means if a look meets it, which can't be refused what it does not ask for."""
        return Verdict.UNKNOWN if self.verdict is Verdict.REFUSED else self.verdict


def _page(status: int, body: str = "<html>Welcome</html>") -> Fault:
    return Fault(message=body, status=status)


PASSING, UNKNOWN, RETIRED_, GONE = Verdict.PASSING, Verdict.UNKNOWN, Verdict.RETIRED, Verdict.GONE

FAULTS = [
    # RoboMaker's own four errors, in every spelling of a code (AWS restJson1 protocol).
    Row(Fault("ResourceNotFoundException", "no such job", 404), GONE, "no such job"),
    Row(Fault("com.amazonaws.robomaker#ResourceNotFoundException", "no such job", 400), GONE, "no such job"),
    Row(Fault("ResourceNotFoundException:http://internal.amazon.com/", "no such job", 404), GONE, "no such job"),
    Row(CANCEL_REFUSED, Verdict.REFUSED, "its cancel was refused"),
    Row(Fault("InvalidParameterException", "no"), Verdict.REFUSED, "InvalidParameterException: no"),
    Row(Fault("InvalidParameterException", "It has been deprecated"), Verdict.REFUSED, "deprecated"),
    Row(THROTTLED, PASSING, "ThrottlingException: Rate exceeded"),
    Row(SERVER_ERROR, PASSING, "InternalServerException"),
    # What passes, too.
    Row(Fault("ServiceUnavailable", "", 503), PASSING, "answered ServiceUnavailable: (no message)"),
    Row(Fault("TooManyRequestsException", ""), PASSING, "TooManyRequestsException"),
    Row(Fault("Throttling", "Rate exceeded"), PASSING, "Throttling: Rate exceeded"),
    Row(Fault("RequestLimitExceeded", "Rate exceeded"), PASSING, "RequestLimitExceeded"),
    Row(Fault("ServiceUnavailableException", "Try later"), PASSING, "Try later"),
    Row(Fault("Slow", "", 429), PASSING, "Slow"),
    Row(Fault("Slow", "", 408), PASSING, "Slow"),
    Row(CONNECTION_DROPPED, PASSING, "lost its connection"),
    # What is no answer of RoboMaker's.
    Row(_page(200), PASSING, "not RoboMaker's: HTTP status 200, '<html>Welcome</html>'"),
    Row(_page(200, "Welcome"), PASSING, "not RoboMaker's: HTTP status 200, 'Welcome'"),
    Row(_page(200, '{"__type": "ThrottlingException"}'), PASSING, "__type"),
    Row(_page(200, '{"message": "Rate exceeded"}'), PASSING, "Rate exceeded"),
    Row(Fault("ThrottlingException", "Rate exceeded", 200), PASSING, "Rate exceeded"),
    Row(_page(200, '{"arn": "arn:aw'), PASSING, "not RoboMaker's"),
    Row(_page(200, "[]"), PASSING, "not RoboMaker's"),
    Row(_page(200, "null"), PASSING, "not RoboMaker's"),
    Row(_page(200, '{"Output": {"__type": "x#UnknownOperationException"}}'), PASSING, "not RoboMaker's"),
    Row(_page(200, '{"fault": {}}'), PASSING, "not RoboMaker's"),
    Row(_page(403, "<html>This site is no longer available</html>"), PASSING, "not RoboMaker's: HTTP status 403"),
    Row(_page(404), PASSING, "not RoboMaker's: HTTP status 404"),
    Row(_page(502), PASSING, "not RoboMaker's: HTTP status 502"),
    # The end of RoboMaker, in words.
    Row(RETIRED, RETIRED_, "has ended"),
    Row(_page(200, '{"Output": {"__type": "x#A", "message": "Its support has ended"}}'), RETIRED_, "has ended"),
    Row(_page(400, '{"Output": {"__type": "x#A", "Message": "Its support has ended"}}'), RETIRED_, "has ended"),
    Row(EXISTING_CUSTOMERS_ONLY, RETIRED_, "existing customers"),
    Row(Fault("a.b#ThrottlingException:http://x/", RETIRED.message), RETIRED_, "has ended"),
    Row(Fault("AnyException", "x" * 5000 + RETIRED.message), RETIRED_, "AnyException"),
    Row(
        Fault("AccessDeniedException", "AWS RoboMaker is no longer available to new customers.", 403),
        RETIRED_,
        "no longer available",
    ),
    Row(
        Fault("AccessDeniedException", "AWS RoboMaker is no longer accepting new customers", 403),
        RETIRED_,
        "no longer accepting",
    ),
    Row(Fault("ValidationException", "It is not accepting new customers."), RETIRED_, "not accepting new customers"),
    Row(Fault("ValidationException", "This command is therefore no longer supported."), RETIRED_, "longer supported"),
    Row(Fault("BadRequest", "This operation, ListFleets, has been deprecated"), RETIRED_, "has been deprecated"),
    Row(Fault("Gone", "AWS RoboMaker has been discontinued", 410), RETIRED_, "has been discontinued"),
    # What sounds like it, and is not.
    Row(
        Fault("AccessDeniedException", "User: arn is not authorized to perform: x, which has been deprecated", 403),
        UNKNOWN,
        "has no permission robomaker:",
    ),
    Row(Fault("UnknownOperationException", "", 404), UNKNOWN, "UnknownOperationException"),
    Row(Fault("NotFound", "Not Found", 404), UNKNOWN, "NotFound: Not Found"),
    # What may pass or not.
    Row(ACCESS_DENIED, UNKNOWN, "has no permission robomaker:"),
    Row(Fault("AccessDenied", ACCESS_DENIED.message, 403), UNKNOWN, "has no permission robomaker:"),
    Row(Fault("AccessDeniedException", "Your account is suspended", 403), UNKNOWN, "It is unknown whether"),
    Row(Fault("ForbiddenException", "Not you", 403), UNKNOWN, "ForbiddenException: Not you"),
    Row(Fault("UnrecognizedClientException", "Bad token", 403), UNKNOWN, "UnrecognizedClientException: Bad token"),
    Row(Fault("StrangeException", "Odd", 400), UNKNOWN, "StrangeException: Odd"),
    Row(Fault("Moved", "Elsewhere", 301), UNKNOWN, "Moved: Elsewhere"),
]
