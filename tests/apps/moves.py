"""Clusters that leave their stack without a deletion, by an orphaning and a refactoring, and one that another joins."""

from __future__ import annotations

from aws_cdk import App, CfnWaitConditionHandle, Environment, Stack
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from cdk_stop_on_delete import EcsTasks, StopOnDelete, StopOnDeleteProvider

ENVIRONMENT = Environment(account="123456789012", region="us-west-2")

app = App()
after = bool(app.node.try_get_context("after"))
provider = StopOnDeleteProvider(Stack(app, "MovesProvider", env=ENVIRONMENT), "Provider", kinds=[EcsTasks])

orphaned, joined, refactored, other = (
    Stack(app, name, env=ENVIRONMENT) for name in ("MovesOrphaned", "MovesJoined", "MovesRefactored", "MovesOther")
)
CfnWaitConditionHandle(other, "Anchor")
for stack in (orphaned, joined, refactored):
    # `cdk orphan` takes the path of a construct, and what is in it.
    place = Construct(other if after and stack is refactored else stack, "Nightly")
    cluster = ecs.CfnCluster(place, "Cluster", cluster_name=stack.stack_name)
    StopOnDelete(stack, "Stop", jobs=EcsTasks(cluster), provider=provider)
if after:
    ecs.CfnCluster(joined, "Imported", cluster_name="Imported").override_logical_id("Imported")
app.synth()
