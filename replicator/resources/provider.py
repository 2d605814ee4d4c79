"""Providers: what a recipient's metastore shows of the other one. They appear by themselves; we wait for them."""

from collections.abc import Iterable
from typing import ClassVar

from replicator.address import Address
from replicator.resources.base import Resource, ResourceType, rules_of


class Provider(Resource):
    """The other metastore as a provider; its `name` here is that metastore's sharing identifier cloud:region:uuid."""

    type: ClassVar[str] = "provider"

    def depends_on(self) -> Iterable[Address]:
        yield from self.after


TYPE = ResourceType(name="provider", model=Provider, rules=rules_of(Provider), kind="provider", observed_only=True)
