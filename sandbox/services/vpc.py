"""VPCs: moto's, with route tables that a stack can delete, or it could delete no VPC that has one."""

from __future__ import annotations

from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.route_tables import RouteTable

from .moto_parts import replace_model


class RouteTableResource(RouteTable):
    """AWS::EC2::RouteTable: moto's has no deletion."""

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,  # noqa: ARG003 - moto's signature
        account_id: str,
        region_name: str,
    ) -> None:
        """Delete the route table."""
        ec2_backends[account_id][region_name].delete_route_table(resource_name)


def let_route_tables_go() -> None:
    """Put this in the place of moto's part."""
    replace_model("AWS::EC2::RouteTable", RouteTableResource)
