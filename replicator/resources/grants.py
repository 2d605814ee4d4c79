"""Grants: who may do what with one securable."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator

from replicator.address import Address
from replicator.errors import NotFound
from replicator.resources import canonical, rest
from replicator.resources.base import (
    Effect,
    Fields,
    Observed,
    Outputs,
    Path,
    Reader,
    Resource,
    ResourceType,
    Rule,
    Task,
    Writer,
    rules_of,
)


def canonical_privileges(privileges: Any) -> dict[str, dict[str, bool]]:
    """Principal to set of privileges, written as a mapping so that single privileges are compared. The server does not
    list who has none, so an empty list is no principal: otherwise it would seem to be taken away each time."""
    found: dict[str, dict[str, bool]] = {}
    for name, listed in privileges.items():
        found.setdefault(canonical.principal(name), {}).update({canonical.privilege(item): True for item in listed})
    return {name: canonical.by_key(found[name]) for name in sorted(found) if found[name]}


_WORDS = """
ALL_PRIVILEGES ACCESS APPLY_TAG BROWSE CREATE CREATE_CATALOG CREATE_CLEAN_ROOM CREATE_CONNECTION
CREATE_EXTERNAL_LOCATION CREATE_EXTERNAL_TABLE CREATE_EXTERNAL_VOLUME CREATE_FOREIGN_CATALOG
CREATE_FOREIGN_SECURABLE CREATE_FUNCTION CREATE_MANAGED_STORAGE CREATE_MATERIALIZED_VIEW CREATE_MODEL
CREATE_PROVIDER CREATE_RECIPIENT CREATE_SCHEMA CREATE_SERVICE_CREDENTIAL CREATE_SHARE CREATE_STORAGE_CREDENTIAL
CREATE_TABLE CREATE_VIEW CREATE_VOLUME EXECUTE EXECUTE_CLEAN_ROOM_TASK EXTERNAL_USE_LOCATION EXTERNAL_USE_SCHEMA
MANAGE MANAGE_ALLOWLIST MODIFY MODIFY_CLEAN_ROOM READ_FILES READ_METADATA READ_PRIVATE_FILES READ_VOLUME REFRESH
SELECT SET_SHARE_PERMISSION USAGE USE_CATALOG USE_CONNECTION USE_MARKETPLACE_ASSETS USE_PROVIDER USE_RECIPIENT
USE_SCHEMA USE_SHARE WRITE_FILES WRITE_PRIVATE_FILES WRITE_VOLUME
"""
KNOWN = frozenset(_WORDS.split())
"""The privileges that the REST API documents. The platform grows others, so one that resembles none of these passes."""


def _spelled(privileges: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    for name in (item for listed in privileges.values() for item in listed):
        word = canonical.privilege(name)
        near = difflib.get_close_matches(word, KNOWN, n=1, cutoff=0.8) if word not in KNOWN else []
        if near:
            raise ValueError(f"there is no privilege `{name}`, did you mean `{near[0].replace('_', ' ')}`?")
    return privileges


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
        AfterValidator(_spelled),
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
            yield from (Address(self.side, kind, self.securable.name) for kind in ("clone", "view"))
        if self.securable.type == "share":
            yield from (Address(self.side, "recipient", name) for name in self.privileges)
        yield from self.after


Privileges = Mapping[str, Mapping[str, bool]]


def _path(at: Address) -> str:
    kind, _, name = at.name.partition("/")
    return rest.path("shares", name, "permissions") if kind == "share" else rest.path("permissions", kind, name)


def observe(name: str, assignments: Iterable[Mapping[str, Any]]) -> Observed | None:
    """The direct grants on one securable from their REST JSON; None where nobody was granted anything."""
    return observed(name, {item["principal"]: item.get("privileges") or () for item in assignments})


def observed(name: str, privileges: Mapping[str, Iterable[str]]) -> Observed | None:
    """The direct grants on one securable by principal; None where nobody was granted anything."""
    held = canonical_privileges({who: tuple(listed) for who, listed in privileges.items()})
    return Observed(name=name, fields={"privileges": held}) if held else None


def read(reader: Reader, at: Address) -> Observed | None:
    """The direct grants on one securable, None when there are none (or no such securable)."""
    try:
        return observe(at.name, reader.pages(_path(at), "privilege_assignments", {"max_results": 0}))
    except NotFound:
        return None


def create(writer: Writer, task: Task) -> Outputs:
    """Grant what is declared."""
    return _change(writer, task.address, _missing({}, task.desired["privileges"]), {})


def update(writer: Writer, task: Task) -> Outputs:
    """Grant what is missing and revoke what is ours to revoke, in one request."""
    held: Privileges = task.before.fields["privileges"] if task.before else {}
    wanted: Privileges = task.desired["privileges"]
    ours: Privileges = held if _authoritative(task.desired) else task.applied.get("privileges") or {}
    return _change(writer, task.address, _missing(held, wanted), _both(held, _missing(wanted, ours)))


def delete(writer: Writer, task: Task) -> Outputs:
    """Revoke what we granted, and only that."""
    held: Privileges = task.before.fields["privileges"] if task.before else {}
    return _change(writer, task.address, {}, _both(held, task.desired.get("privileges") or {}))


def _missing(held: Privileges, wanted: Privileges) -> dict[str, list[str]]:
    """What of `wanted` is not held."""
    found = {who: sorted(set(listed) - set(held.get(who, ()))) for who, listed in wanted.items()}
    return {who: listed for who, listed in found.items() if listed}


def _both(held: Privileges, listed: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    found = {who: sorted(set(names) & set(held.get(who, ()))) for who, names in listed.items()}
    return {who: names for who, names in found.items() if names}


def _change(writer: Writer, at: Address, add: Mapping[str, list[str]], remove: Mapping[str, list[str]]) -> Outputs:
    changes = [
        {
            "principal": who,
            **({"add": [*add[who]]} if who in add else {}),
            **({"remove": [*remove[who]]} if who in remove else {}),
        }
        for who in sorted({*add, *remove})
    ]
    if changes:
        writer.send("PATCH", _path(at), {"changes": changes})
    return {}


TYPE = ResourceType(
    name="grants",
    model=Grants,
    rules=rules_of(Grants),
    kind="grants",
    is_value=True,
    read=read,
    create=create,
    update=update,
    delete=delete,
)
