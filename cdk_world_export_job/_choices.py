"""Checks what may be chosen of an end that a stack owns, whatever it is that ends, and makes its resource."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import CfnParameter, CustomResource, Duration, RemovalPolicy
from constructs import Construct

from ._errors import AsWritten, blamed_on, invalid
from ._function_provider import FUNCTION_TIMEOUT
from ._handler_code import properties
from ._provider_interface import Service
from ._tokens import is_token, not_a_string

# A little over the function's time-out, so that an answer that is lost costs minutes and not CloudFormation's hour.
SERVICE_TIMEOUT = Duration.seconds(FUNCTION_TIMEOUT.to_seconds() + 60)


def check_removal_policy(construct: Construct, argument: str, policy: object) -> None:
    """Refuse what is no policy, or none for what is only ended."""
    fix = "Pass RemovalPolicy.DESTROY, RETAIN or RETAIN_ON_UPDATE_OR_DELETE."
    if not isinstance(policy, RemovalPolicy):
        raise invalid(construct, argument, policy, "it must be a RemovalPolicy", fix)
    if policy is RemovalPolicy.SNAPSHOT:
        raise invalid(construct, argument, policy, "a job has no snapshots", fix)


def check_best_effort(construct: Construct, best_effort: object) -> None:
    """Refuse what is neither a bool nor a token."""
    if isinstance(best_effort, CfnParameter):
        raise not_a_string(construct, "best_effort", best_effort)
    if not isinstance(best_effort, bool) and not is_token(best_effort):
        raise invalid(construct, "best_effort", best_effort, "it must be a bool or a token", "Pass True or False.")


def check_wait(construct: Construct, wait: object) -> float:
    """Give a wait in seconds, or as a token; the default if there is none."""
    if wait is None:
        return properties.DEFAULT_WAIT_SECONDS
    if not isinstance(wait, Duration):
        raise invalid(construct, "wait", wait, "it must be a Duration", "Pass, for example, Duration.minutes(5).")
    if wait.is_unresolved():
        return wait.to_seconds()
    seconds = wait.to_seconds(integral=False)
    with blamed_on(construct, "wait"):
        return properties.check_wait_seconds(
            AsWritten(int(seconds) if seconds == int(seconds) else seconds, wait.to_string())
        )


def check_provider(construct: Construct, provider: object, interface: type, name: str) -> None:
    """Refuse what is no provider of an interface, which the class of a name makes."""
    if provider is None or isinstance(provider, interface):
        return
    if any(kind.__name__ == interface.__name__ for kind in type(provider).__mro__):
        rule = "it is of another copy of this library, which was imported twice"
        raise invalid(construct, "provider", provider, rule, "Import it once, and from one place.")
    raise invalid(
        construct,
        "provider",
        provider,
        f"it must be a {name}, or what its from_service_token returns",
        f"Make one, which makes the function itself, or import one with `{name}.from_service_token(scope, id, arn)`.",
    )


def make_resource(
    construct: Construct, resource_type: str, service: Service, policy: RemovalPolicy, values: Mapping[str, object]
) -> CustomResource:
    """Make the resource of a construct whose Delete is the end."""
    return CustomResource(
        construct,
        "Resource",
        resource_type=resource_type,
        service_token=service.token,
        service_timeout=SERVICE_TIMEOUT,
        removal_policy=policy,
        # The reason of a FAILED says by the last one which step works for this stack.
        properties={**values, "ProviderStays": service.stays},
    )
