"""The state: what was last applied, per resource. This module is its format; where it is kept is execution's
business."""

from shlex import quote
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from replicator.errors import StateError
from replicator.values import canonical_json, fingerprint

FORMAT_VERSION = 1


class Entry(BaseModel):
    """What we know of one resource.

    `inputs` are the canonical fields that were applied; `outputs` what writes returned. `imported`: it existed
    before us.
    `section` is the part of the configuration it came from, so that disabling the part keeps it.
    `ignore` are the paths that nobody is to look at (see Lifecycle). `watched` are the keys of access-bearing
    fields at the last apply (see Rule.watch).
    """

    model_config = ConfigDict(extra="forbid")

    id: str | None = None
    imported: bool = False
    protect: bool = False
    partial: bool = False
    on_removed: Literal["delete", "forget"] | None = None
    section: str = "resources"
    inputs: dict[str, Any] = Field(default_factory=dict)
    outputs: dict[str, Any] = Field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    watched: dict[str, Any] = Field(default_factory=dict)
    depends_on: list[str] = Field(default_factory=list)


class State(BaseModel):
    """One environment's state. `serial` counts saves; `metastores` maps side to metastore uuid, and never changes.

    `adopted` are lineages whose states were lost: what carries their marks is ours.
    """

    model_config = ConfigDict(extra="forbid")

    format_version: int = FORMAT_VERSION
    environment: str
    lineage: str
    serial: int = 0
    tool_version: str = ""
    adopted: list[str] = Field(default_factory=list)
    metastores: dict[str, str] = Field(default_factory=dict)
    last_apply: dict[str, Any] = Field(default_factory=dict)
    resources: dict[str, Entry] = Field(default_factory=dict)

    def owns(self, mark: str | None) -> bool:
        """Whether the mark on an object says that this deployment made it, or took it over."""
        return mark is not None and mark in (self.lineage, *self.adopted)


def dump(state: State) -> str:
    """The state as sorted JSON, a line for each resource, with the sha256 of its body in `checksum`."""
    body = state.model_dump(mode="json", exclude={"resources"})
    body["resources"] = {
        address: entry.model_dump(mode="json", exclude_defaults=True) for address, entry in state.resources.items()
    }
    return _lines({**body, "checksum": fingerprint(body)}, depth=2) + "\n"


def _lines(value: dict[str, Any], depth: int, margin: str = " ") -> str:
    """An object with a line for each key, and for each key of an object in it, to a depth. (The standard library's
    own indentation takes ten times as long.)"""
    import json

    below = []
    for key, inner in sorted(value.items()):
        apart = depth > 1 and isinstance(inner, dict) and inner
        text = _lines(inner, depth - 1, margin + " ") if apart else canonical_json(inner)
        below.append(f"{margin}{json.dumps(key, ensure_ascii=False)}: {text}")
    return "{\n" + ",\n".join(below) + f"\n{margin[1:]}}}"


def load(data: bytes, *, where: str, options: str | None = None) -> State:
    """Read a state back. Raises StateError when it is damaged or newer than this tool; never returns an empty
    state instead. `options` are what the command that restores an earlier one needs; without them, the file."""
    import json

    found_by = f" --file {quote(where)}" if options is None else options
    repair = f"restore an earlier one: replicator state restore{found_by}"
    try:
        document = json.loads(data.decode())
        checksum = document.pop("checksum")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        why = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error.__class__.__name__
        raise StateError(f"{where}: the state file is damaged ({why})", hint=repair) from error
    version = document.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise StateError(
            f"{where}: state format {version} is newer than this tool reads ({FORMAT_VERSION})",
            hint="use the version of replicator that wrote it, or a newer one",
        )
    if checksum != fingerprint(document):
        raise StateError(f"{where}: the state file is damaged (its checksum does not match)", hint=repair)
    try:
        return State.model_validate(document)
    except ValidationError as error:
        # Its checksum is right, so that is how it was written, but not by any version that this one knows.
        raise StateError(f"{where}: the state file is not one that this tool writes", hint=repair) from error


def same(a: State, b: State) -> bool:
    """Whether both would be written alike. Entries that are one object are not looked into: most are."""
    if a.resources.keys() != b.resources.keys():
        return False
    differing = [address for address, entry in a.resources.items() if entry is not b.resources[address]]

    def rest(state: State) -> str:
        kept = {address: state.resources[address] for address in differing}
        return canonical_json(state.model_copy(update={"resources": kept}).model_dump(mode="json"))

    return rest(a) == rest(b)
