"""Grants: who may do what with one securable."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from replicator.address import Address
from replicator.resources import canonical
from replicator.resources.base import Effect, Fields, Path, Resource, ResourceType, Rule, rules_of


def canonical_privileges(privileges: Any) -> dict[str, dict[str, bool]]:
    """Principal to set of privileges, written as a mapping so that single privileges are compared."""
    found: dict[str, dict[str, bool]] = {}
    for name, listed in privileges.items():
        found[canonical.principal(name)] = {canonical.privilege(item): True for item in listed}
    return found


def _authoritative(desired: Fields) -> bool:
    return desired.get("mode") == "authoritative"


def _revokes(path: Path, before: Any, after: Any) -> bool:
    return before is not None and (after is None or (isinstance(after, Mapping) and not after))


class Grants(Resource):
    """Grants on one securable, named `type/full.name`. `additive` leaves others' grants alone, `authoritative`
    revokes them."""

    type: ClassVar[str] = "grants"

    mode: Annotated[Literal["additive", "authoritative"], Rule(effect=Effect.IGNORED)] = "additive"
    privileges: Annotated[
        dict[str, tuple[str, ...]],
        Rule(
            canonical=canonical_privileges,
            keyed=2,
            prune=_authoritative,
            watch=True,
            lossy=_revokes,
            why="compared privilege by privilege; others' grants are left alone unless mode is authoritative",
        ),
    ]

    @property
    def securable(self) -> Address:
        kind, _, name = self.name.partition("/")
        return Address(self.side, kind, name)

    def depends_on(self) -> Iterable[Address]:
        yield self.securable
        if self.securable.type == "table":
            yield Address(self.side, "clone", self.securable.name)
        if self.securable.type == "share":
            yield from (Address(self.side, "recipient", name) for name in self.privileges)
        yield from self.after


TYPE = ResourceType(name="grants", model=Grants, rules=rules_of(Grants), kind="grants")
