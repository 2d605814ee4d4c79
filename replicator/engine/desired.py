"""The desired graph: what the configuration declares, each resource with its place in the file."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from replicator.address import Address
from replicator.resources.base import Resource


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands in a file; line and column count from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Declared:
    resource: Resource
    at: Position | None = None


@dataclass(frozen=True)
class Desired:
    """`kept` are address prefixes of disabled sections: what state holds of them stays as it is, neither changed
    nor deleted.

    `moved` maps old addresses to new ones. `forget` are managed no more, whatever else would become of them; their
    objects stay. `notices` are sentences that a plan must show.
    """

    environment: str
    config_hash: str
    resources: Mapping[Address, Declared]
    sections: Mapping[Address, str] = field(default_factory=dict)
    disabled_sections: frozenset[str] = frozenset()
    moved: Mapping[Address, Address] = field(default_factory=dict)
    forget: frozenset[Address] = frozenset()
    notices: tuple[str, ...] = ()
