"""Providers: what a recipient's metastore shows of the other one. They appear by themselves; we wait for them."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, TypeVar

from replicator.address import Address
from replicator.errors import Unavailable
from replicator.resources import rest
from replicator.resources.base import Observed, Reader, Resource, ResourceType, rules_of

T = TypeVar("T")


class Provider(Resource):
    """The other metastore as a provider; its `name` here is that metastore's sharing identifier cloud:region:uuid."""

    type: ClassVar[str] = "provider"

    def depends_on(self) -> Iterable[Address]:
        yield from self.after


VISIBLE_WITHIN = 120.0
"""Seconds until a new share must show on the other side; Databricks documents a cache of up to one minute."""


def observe(raw: Mapping[str, Any]) -> Observed | None:
    """A provider from its REST JSON; None for one that is no Databricks metastore."""
    metastore = raw.get("data_provider_global_metastore_id")
    if not metastore:
        return None
    return Observed(name=metastore, fields={}, id=metastore, info={**rest.facts(raw), "provider_name": raw["name"]})


def provider_ids(listed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Provider name to sharing identifier, of the providers that are Databricks metastores."""
    found = ((raw["name"], raw.get("data_provider_global_metastore_id")) for raw in listed)
    return {name: metastore for name, metastore in found if metastore}


def read(reader: Reader, at: Address) -> Observed | None:
    """The provider whose metastore has this sharing identifier, None while there is none."""
    listed = reader.pages(
        rest.path("providers"), "providers", {"data_provider_global_metastore_id": at.name, "max_results": 0}
    )
    return next((found for raw in listed if (found := observe(raw)) is not None and found.name == at.name), None)


def wait_for_provider(reader: Reader, metastore: str) -> str:
    """The provider's name on this side. Raises Unavailable when it does not appear in time."""
    at = Address(reader.side, "provider", metastore)
    found = polled(lambda: read(reader, at), f"the provider for metastore {metastore}")
    return str(found.info["provider_name"])


def wait_for_share(reader: Reader, provider: str, share: str) -> None:
    """Return when the provider shows the share. Raises Unavailable when it does not in time."""

    def shown() -> bool:
        listed = reader.pages(rest.path("providers", provider, "shares"), "shares", {"max_results": 0})
        return any(raw["name"] == share for raw in listed)

    polled(shown, f"share {share} of provider {provider}")


def polled(look: Callable[[], T | None], what: str, within: float = VISIBLE_WITHIN) -> T:
    """The first truthy answer of `look`, asked again ever more slowly. Raises Unavailable after `within` seconds."""
    deadline, pause = time.monotonic() + within, 0.1
    while not (found := look()):
        if time.monotonic() + pause > deadline:
            raise Unavailable(
                f"{what} did not appear within {within:.0f} s",
                hint="run replicator apply again; what is done stays done",
            )
        time.sleep(pause)
        pause = min(5.0, pause * 1.5)
    return found


TYPE = ResourceType(
    name="provider", model=Provider, rules=rules_of(Provider), kind="provider", observed_only=True, read=read
)
