"""What the clients of every service have in common."""

from __future__ import annotations

from botocore.credentials import EnvProvider

from jobs.connection import new_client, new_session


def test_credentials_are_looked_for_where_lambda_gives_them_and_nowhere_else() -> None:
    providers = new_session().get_component("credential_provider").providers
    assert [type(provider) for provider in providers] == [EnvProvider]


def test_calls_say_who_makes_them() -> None:
    client = new_client(new_session(), "ecs", "us-west-2")
    assert client.meta.config.user_agent_extra == "cdk-world-export-job"
