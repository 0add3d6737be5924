"""A provider that another app, team or template deployed."""

from __future__ import annotations

import re

from aws_cdk import Arn, ArnFormat, Stack
from constructs import Construct

from ._errors import invalid
from ._kinds import Jobs
from ._provider_interface import IStopOnDeleteProvider
from ._tokens import DYNAMIC_REFERENCE, is_string_token

# Lambda API reference, FunctionConfiguration and AliasConfiguration: a function's ARN, and that of an alias of it.
_FUNCTION_ARN = re.compile(
    r"arn:[a-z-]+:lambda:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12})"
    r":function:(?P<name>[A-Za-z0-9_-]{1,64})(:(?P<qualifier>\$LATEST|[A-Za-z0-9_-]{1,128}))?"
)


class ImportedProvider(IStopOnDeleteProvider):
    """The function that `StopOnDeleteProvider.from_service_token` imports."""

    def __init__(self, scope: Construct, id: str, service_token: str) -> None:  # noqa: A002
        super().__init__(scope, id)
        self._service_token = service_token
        self._arn = None if is_string_token(self, "service_token", service_token) else self._parse(service_token)

    def _parse(self, service_token: object) -> re.Match[str]:
        arn = _FUNCTION_ARN.fullmatch(service_token) if isinstance(service_token, str) else None
        if arn is None:
            rule = "it must be the ARN of a Lambda function, or of an alias of it"
            fix = "Pass its provider's `service_token`, such as arn:aws:lambda:us-west-2:123456789012:function:NAME."
            raise invalid(self, "service_token", service_token, rule, fix)
        # An alias can move to a newer version, and its name is never a number (Lambda API reference, CreateAlias).
        # A version never changes, and CloudFormation can't give a deployed resource another token.
        if (arn["qualifier"] or "").isdecimal():
            rule = f"it is version {arn['qualifier']} of the function, which can never be updated"
            fix = "Pass the ARN of the function itself, or of an alias."
            raise invalid(self, "service_token", service_token, rule, fix)
        return arn

    @property
    def service_token(self) -> str:
        """The function's ARN, as it was given."""
        return self._service_token

    @property
    def _function_name(self) -> str:
        if self._arn:
            return self._arn["name"]
        if DYNAMIC_REFERENCE in str(Stack.of(self).resolve(self._service_token)):
            rule = "it is a dynamic reference, from which the template can't read the function's name for a metric"
            fix = "Pass `StringParameter.value_for_string_parameter(...)` instead."
            raise invalid(self, "service_token", self._service_token, rule, fix)
        return Arn.split(self._service_token, ArnFormat.COLON_RESOURCE_NAME).resource_name or ""

    def _bind(self, user: Construct, kind: type[Jobs]) -> tuple[str, bool]:  # noqa: ARG002 - its kinds aren't known
        self._check_environment(user, self._service_token, self._arn.groupdict() if self._arn else {})
        return self._service_token, True
