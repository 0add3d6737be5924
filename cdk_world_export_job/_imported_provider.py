"""A provider that another app, team or template has deployed."""

from __future__ import annotations

import re

from aws_cdk import Arn, ArnFormat, Stack
from constructs import Construct

from ._errors import InvalidArgumentError, invalid
from ._provider_interface import ProviderInterface, Service
from ._tokens import DYNAMIC_REFERENCE, is_token, not_a_string

# Lambda API reference, FunctionConfiguration and AliasConfiguration: a function's ARN, and that of an alias of it.
_FUNCTION_ARN = re.compile(
    r"arn:[a-z-]+:lambda:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12})"
    r":function:(?P<name>[A-Za-z0-9_-]{1,64})(:(?P<qualifier>\$LATEST|[A-Za-z0-9_-]{1,128}))?"
)
_GIVE_THE_ARN = "Pass the `service_token` of its provider, such as arn:aws:lambda:us-west-2:123456789012:function:NAME."


class ImportedProvider(ProviderInterface):
    """What a provider's `from_service_token` returns."""

    def __init__(self, scope: Construct, id: str, service_token: str) -> None:  # noqa: A002
        super().__init__(scope, id)
        if not isinstance(service_token, str) and is_token(service_token):
            raise not_a_string(self, "service_token", service_token)
        self._service_token = service_token
        self._arn = None if is_token(service_token) else self._parse(service_token)

    def _parse(self, service_token: object) -> re.Match[str]:
        def refuse(rule: str, fix: str = _GIVE_THE_ARN) -> InvalidArgumentError:
            return invalid(self, "service_token", service_token, rule, fix)

        arn = _FUNCTION_ARN.fullmatch(service_token) if isinstance(service_token, str) else None
        if arn is None:
            raise refuse("it must be the ARN of a Lambda function, or of an alias of it")
        # An alias can move to a newer version, and its name is never a number (Lambda API reference, CreateAlias). A
        # version can't move, and CloudFormation gives a deployed resource no other token.
        if (arn["qualifier"] or "").isdecimal():
            raise refuse(
                f"it is the function's version {arn['qualifier']}, which no fix can ever reach",
                "Pass the ARN of the function itself, or of an alias.",
            )
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
            raise invalid(
                self,
                "service_token",
                self._service_token,
                "it is a dynamic reference, of which the template can't take the function's name for a metric",
                "Pass `StringParameter.value_for_string_parameter(...)` instead.",
            )
        return Arn.split(self._service_token, ArnFormat.COLON_RESOURCE_NAME).resource_name or ""

    def _serve(self, served: Construct) -> Service:
        account, region = (self._arn["account"], self._arn["region"]) if self._arn else (None, None)
        self._check_environment(served, shown=self._service_token, account=account, region=region)
        # It is not this app's to delete.
        return Service(self._service_token, stays=True)
