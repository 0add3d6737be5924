"""The table of RoboMaker's faults: each answer in place of the usual one, and what it means to the handler."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.outcome import Result
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
from teardown import Failure, State


@dataclass(frozen=True)
class Row:
    """A fault and its meaning.

    Parameters
    ----------
    fault : Fault
        The answer of the endpoint.
    means : State, Failure or Result
        The state, the failure or the result after a cancel with this answer.
    words : str
        A part of the reason, or of the detail in the log.
    """

    fault: Fault
    means: State | Failure | Result
    words: str

    def __str__(self) -> str:
        """Return the name of the test."""
        return str(self.fault)

    @property
    def may_pass(self) -> bool:
        """Whether a Delete that gets this answer only a few times still stops the job."""
        return not isinstance(self.means, Result)

    @property
    def answer(self) -> str:
        """The status in the answer to a Delete that gets only this answer."""
        return "FAILED" if self.may_pass else "SUCCESS"

    @property
    def means_at_a_look(self) -> State | Failure | Result:
        """The same as `means` after a describe, which can't be refused."""
        return Failure.REJECTED if self.means is State.REFUSED else self.means


def _page(status: int, body: str = "<html>Welcome</html>") -> Fault:
    return Fault(message=body, status=status)


TRANSIENT, UNKNOWN, REJECTED = Failure.TRANSIENT, Failure.UNKNOWN, Failure.REJECTED
GONE, RETIRED_ = Result.GONE, Result.RETIRED

FAULTS = [
    # RoboMaker's own four errors, in every spelling of a code (AWS restJson1 protocol).
    Row(Fault("ResourceNotFoundException", "no such job", 404), GONE, "no such job"),
    Row(Fault("com.amazonaws.robomaker#ResourceNotFoundException", "no such job", 400), GONE, "no such job"),
    Row(Fault("ResourceNotFoundException", "no such job", 503), GONE, "no such job"),
    Row(Fault("ResourceNotFoundException:http://internal.amazon.com/", "no such job", 404), GONE, "no such job"),
    Row(CANCEL_REFUSED, State.REFUSED, "RoboMaker refuses to cancel it"),
    Row(Fault("InvalidParameterException", "no"), State.REFUSED, "InvalidParameterException: no"),
    Row(Fault("InvalidParameterException", "It has been deprecated"), State.REFUSED, "deprecated"),
    Row(THROTTLED, TRANSIENT, "ThrottlingException: Rate exceeded"),
    Row(SERVER_ERROR, TRANSIENT, "InternalServerException"),
    # Other transient errors.
    Row(Fault("ServiceUnavailable", "", 503), TRANSIENT, "answered ServiceUnavailable: (no message)"),
    Row(Fault("TooManyRequestsException", ""), TRANSIENT, "TooManyRequestsException"),
    Row(Fault("Throttling", "Rate exceeded"), TRANSIENT, "Throttling: Rate exceeded"),
    Row(Fault("RequestLimitExceeded", "Rate exceeded"), TRANSIENT, "RequestLimitExceeded"),
    Row(Fault("ServiceUnavailableException", "Try later"), TRANSIENT, "Try later"),
    Row(Fault("Slow", "", 429), TRANSIENT, "Slow"),
    Row(Fault("Slow", "", 408), TRANSIENT, "Slow"),
    Row(CONNECTION_DROPPED, TRANSIENT, "lost its connection"),
    # Answers that are not from RoboMaker.
    Row(_page(200), TRANSIENT, "not from RoboMaker: HTTP status 200, '<html>Welcome</html>'"),
    Row(_page(200, "Welcome"), TRANSIENT, "not from RoboMaker: HTTP status 200, 'Welcome'"),
    Row(_page(200, '{"__type": "ThrottlingException"}'), TRANSIENT, "__type"),
    Row(_page(200, '{"__type": "ResourceNotFoundException"}'), TRANSIENT, "__type"),
    Row(_page(200, '{"__type": "InvalidParameterException"}'), TRANSIENT, "__type"),
    Row(_page(200, '{"message": "Rate exceeded"}'), TRANSIENT, "Rate exceeded"),
    Row(Fault("ThrottlingException", "Rate exceeded", 200), TRANSIENT, "Rate exceeded"),
    Row(_page(200, '{"arn": "arn:aw'), TRANSIENT, "not from RoboMaker"),
    Row(_page(200, "[]"), TRANSIENT, "not from RoboMaker"),
    Row(_page(200, "null"), TRANSIENT, "not from RoboMaker"),
    Row(_page(200, '{"Output": {"__type": "x#UnknownOperationException"}}'), TRANSIENT, "not from RoboMaker"),
    Row(_page(200, '{"fault": {}}'), TRANSIENT, "not from RoboMaker"),
    Row(_page(403, "<html>This site is no longer available</html>"), TRANSIENT, "not from RoboMaker: HTTP status 403"),
    Row(_page(404), TRANSIENT, "not from RoboMaker: HTTP status 404"),
    Row(_page(502), TRANSIENT, "not from RoboMaker: HTTP status 502"),
    # RoboMaker says that it has been retired.
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
    # It only sounds so.
    Row(
        Fault("AccessDeniedException", "User: arn is not authorized to perform: x, which has been deprecated", 403),
        UNKNOWN,
        "has no permission robomaker:",
    ),
    Row(Fault("UnknownOperationException", "", 404), REJECTED, "UnknownOperationException"),
    Row(Fault("NotFound", "Not Found", 404), REJECTED, "NotFound: Not Found"),
    # Denials, and errors that RoboMaker does not document.
    Row(ACCESS_DENIED, UNKNOWN, "has no permission robomaker:"),
    Row(Fault("AccessDenied", ACCESS_DENIED.message, 403), UNKNOWN, "has no permission robomaker:"),
    Row(Fault("AccessDeniedException", "Your account is suspended", 403), UNKNOWN, "Your account is suspended"),
    Row(Fault("ForbiddenException", "Not you", 403), REJECTED, "ForbiddenException: Not you"),
    Row(Fault("UnrecognizedClientException", "Bad token", 403), REJECTED, "UnrecognizedClientException: Bad token"),
    Row(Fault("StrangeException", "Odd", 400), REJECTED, "StrangeException: Odd"),
    Row(Fault("Moved", "Elsewhere", 301), REJECTED, "Moved: Elsewhere"),
]
