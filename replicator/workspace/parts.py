"""Pieces of a snapshot: what one request, or a few that belong together, told and could not tell."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from replicator.address import Address
from replicator.errors import NotFound, Unavailable, WorkspaceError
from replicator.resources import TYPES, rest
from replicator.resources.base import Observed, Reader
from replicator.workspace.failures import reason_unknown

Part: TypeAlias = tuple[str, list[str], Callable[[], list[Observed]]]
"""The arguments of `attempt`: a kind, what is unknown if it fails, and the request."""


@dataclass
class Found:
    """What was read, by kind and name, and what could not be: "kind/name" or "kind/container.*" to the reason."""

    objects: dict[str, dict[str, Observed]] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, items: Iterable[Observed]) -> None:
        self.objects.setdefault(kind, {}).update({item.name: item for item in items})

    def take(self, part: "Found") -> None:
        for kind, items in part.objects.items():
            self.objects.setdefault(kind, {}).update(items)
        self.unknown |= part.unknown


def attempt(kind: str, keys: Iterable[str], work: Callable[[], Iterable[Observed]]) -> Found:
    """The objects of one request; or `keys` as unknown, when the workspace refused or failed to answer just that."""
    part = Found({kind: {}})
    try:
        part.add(kind, work())
    except NotFound:
        return part
    except WorkspaceError as error:
        part.unknown = {key: reason_unknown(error) for key in keys}
    return part


def single(reader: Reader, at: Address) -> Callable[[], list[Observed]]:
    read = TYPES[at.type].read
    assert read is not None, f"{at.type} cannot be read"
    return lambda: some([read(reader, at)])


def some(items: Iterable[Observed | None]) -> list[Observed]:
    return [item for item in items if item is not None]


def listed(reader: Reader, what: str, query: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    return reader.pages(rest.path(what), what, {"max_results": 0, **(query or {})})


def shortly(error: WorkspaceError) -> str:
    """Raises the error again when it is about the whole workspace."""
    if error.status or isinstance(error, Unavailable):
        raise error
    return error.message.partition("\n")[0]
