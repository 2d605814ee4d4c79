"""The grants and tags in a scope: a statement for all objects of a kind where they are many, or a request for each."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeAlias

from replicator.address import Address, split_column
from replicator.engine.snapshot import Scope
from replicator.errors import WorkspaceError
from replicator.resources import grants, tags
from replicator.resources.base import Observed
from replicator.wording import many as counted
from replicator.workspace.client import WorkspaceReader
from replicator.workspace.information import (
    SECURABLES,
    TAGGED,
    WORTH_A_STATEMENT,
    Sight,
    read_privileges,
    read_tags,
)
from replicator.workspace.parts import Found, Part, shortly, single, some

Many: TypeAlias = Mapping[tuple[str, str], list[str]]
"""Grants or tags, and on objects of which kind, to the names (`type/full.name`) that are worth a statement."""
Answers: TypeAlias = Mapping[tuple[str, str], Future[Any]]

_READ: Mapping[str, Callable[[WorkspaceReader, str, list[str]], Any]] = {"grants": read_privileges, "tags": read_tags}
_OBSERVED: Mapping[str, Callable[[str, Any], Observed | None]] = {"grants": grants.observed, "tags": tags.observed}
_KINDS = {"grants": SECURABLES, "tags": TAGGED}


def in_bulk(reader: WorkspaceReader, scope: Scope, notes: list[str]) -> Many:
    """What is asked for by statements. Without a warehouse that is nothing, which `notes` says."""
    found: dict[tuple[str, str], list[str]] = {}
    for what, names in (("grants", scope.grants), ("tags", scope.tags)):
        for name in sorted(names):
            found.setdefault((what, name.partition("/")[0]), []).append(name)
    many = {
        (what, kind): names
        for (what, kind), names in found.items()
        if kind in _KINDS[what] and len(names) > WORTH_A_STATEMENT
    }
    missing = reader.lacks_warehouse() if many else None
    if missing is None:
        return many
    for (what, kind), keys in many.items():
        notes.append(f"{missing}; the {what} on {counted(len(keys), 'object')} ({kind}) were read one by one")
    return {}


def asked(reader: WorkspaceReader, many: Many, pool: ThreadPoolExecutor) -> Answers:
    """The statements, under way."""
    return {
        (what, kind): pool.submit(_READ[what], reader, kind, sorted({_name(key).partition(".")[0] for key in keys}))
        for (what, kind), keys in many.items()
    }


def attached(reader: WorkspaceReader, many: Many, answers: Answers, found: Found, notes: list[str]) -> Iterator[Part]:
    """Take what the statements show in full; what is left has to be asked for one by one.

    That is every object of which not everything is shown to us, and every one that no listing showed.
    """
    sight = Sight(reader, found.objects)
    for (what, kind), keys in many.items():
        try:
            told = answers[what, kind].result()
        except WorkspaceError as error:
            notes.append(f"{shortly(error)}; the {what} on {counted(len(keys), 'object')} were read one by one")
            alone = keys
        else:
            known = found.objects.get(_kind(kind), {})
            seen = [key for key in keys if _holder(key) in known and sight.whole(_holder(key))]
            found.add(what, some(_OBSERVED[what](key, told.get(_name(key).lower(), {})) for key in seen))
            alone = sorted(set(keys) - set(seen))
            if len(alone) > WORTH_A_STATEMENT:
                notes.append(
                    f"not all {what} on {counted(len(alone), 'object')} are shown to us in bulk; read one by one"
                )
        for key in alone:
            yield what, [f"{what}/{key}"], single(reader, Address(reader.side, what, key))


def _name(key: str) -> str:
    return key.partition("/")[2]


def _kind(kind: str) -> str:
    """The kind of object that is listed: a column is part of its table."""
    return "table" if kind == "column" else kind


def _holder(key: str) -> str:
    kind, _, name = key.partition("/")
    return split_column(name)[0] if kind == "column" else name
