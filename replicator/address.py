"""Addresses: the one name by which plan, state, journal and output speak of a resource."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

_FORM = re.compile(r"(?P<side>source|target):(?P<type>[a-z_]+)/(?P<name>.+)", re.DOTALL)


class Side(StrEnum):
    """One of the two metastores."""

    SOURCE = "source"
    TARGET = "target"

    @property
    def other(self) -> "Side":
        return Side.TARGET if self is Side.SOURCE else Side.SOURCE


@dataclass(frozen=True, order=True, slots=True)
class Address:
    """`side:type/full.name`, for example `target:schema/main.sales` or `target:grants/schema/main.sales`."""

    side: Side
    type: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read an address back from its text; raises ValueError when it is not one."""
        return _parse(text)

    @property
    def parts(self) -> tuple[str, ...]:
        """The dotted parts of the object's name: catalog, schema, object."""
        return tuple(self.name.rpartition("/")[2].split("."))

    @property
    def container(self) -> str:
        """The name without its last part, empty for a top-level object."""
        return self.name.rpartition("/")[2].rpartition(".")[0]

    def __str__(self) -> str:
        return f"{self.side.value}:{self.type}/{self.name}"


@lru_cache(maxsize=1 << 17)
def _parse(text: str) -> Address:
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"not an address: {text!r} (expected side:type/full.name)")
    return Address(Side(match["side"]), match["type"], match["name"])


def split_column(name: str) -> tuple[str, str]:
    """`catalog.schema.table` and the rest, dot included, of the full name of a column, which may have dots itself."""
    parts = name.split(".", 3)
    return ".".join(parts[:3]), "".join(f".{part}" for part in parts[3:])
