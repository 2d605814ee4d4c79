"""What this run is allowed to do, and the codes of everything that holds an action back."""

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Literal


class Code(StrEnum):
    """Stable codes of guards. The letters say what is at stake."""

    PROTECTED = "PR101"
    DROPS_DATA = "DL101"
    DROPS_CHILDREN = "DL102"
    DROPS_COLUMN = "DL103"
    REPLACES_DATA = "DL201"
    OVERWRITES_REPLICA = "DL202"
    SOURCE_RECREATED = "DL203"
    REVOKES = "AC101"
    LOCKS_OUT = "AC102"
    REPLACES_ACCESS = "AC103"
    UNTAGS = "AC104"
    EXPOSES = "AC105"
    UNSHIELDED = "AC106"
    MANY_UPDATES = "TH101"
    MANY_DELETES = "TH102"
    MARKED_BY_OTHER = "OW101"
    NOT_MANAGED = "OW102"
    OTHER_OBJECT = "OW103"
    OTHER_METASTORE = "ID101"
    UNKNOWN = "UN101"
    ORIGIN_MISSING = "UN102"
    SCHEMA_CHANGED = "SC101"


def release_of(text: str) -> tuple[str, str]:
    """The code and the address pattern of a release, either of them empty: `DL101`, `target:table/sales.*`,
    `DL101:target:table/sales.*`."""
    head, _, rest = text.partition(":")
    return (head, rest) if head in set(Code) else ("", text)


@dataclass(frozen=True)
class Policy:
    """`allow` holds what a person released for this run, as `release_of` reads it.

    `max_update_percent` and `max_delete_percent` apply per side that holds at least `threshold_objects` managed
    objects.
    `targets` and `excludes` are address patterns that narrow the plan.
    """

    mode: Literal["normal", "destroy"] = "normal"
    allow: tuple[str, ...] = ()
    max_update_percent: int = 30
    max_delete_percent: int = 10
    threshold_objects: int = 20
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    def allows(self, code: Code, address: str, *, alone: bool = False) -> bool:
        """Whether a person released this guard for this resource. A pattern without a code names no guard, so it
        releases only one that holds the resource `alone`."""
        return any(
            (named == code.value or (alone and not named)) and (not pattern or fnmatchcase(address, pattern))
            for named, pattern in map(release_of, self.allow)
        )
