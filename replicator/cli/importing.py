"""`replicator import`: write down what exists, so that the next plan takes it over."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replicator.address import Address, Side
from replicator.cli import output
from replicator.cli.common import Run, verb
from replicator.cli.options import Workers
from replicator.cli.work import opened, planned
from replicator.engine.policy import Policy
from replicator.engine.snapshot import Scope, Snapshot
from replicator.errors import ConfigError, ReplicatorError, UsageError
from replicator.render.declaration import SECTIONS, entry_of, with_resources
from replicator.render.look import clean
from replicator.resources import TYPES
from replicator.resources.base import Observed
from replicator.wording import listed, many

if TYPE_CHECKING:
    from replicator.engine.state import State
    from replicator.execution.session import Prepared, Session
    from replicator.workspace import WorkspaceReader

_WILD = re.compile(r"[*?\[]")
_IN_CATALOGS = ("catalog", "schema", "table", "view")
_VALUES = frozenset({"grants", "tags"})
_TABLES = frozenset({"MANAGED", "EXTERNAL"})


@dataclass(frozen=True)
class Wish:
    """What to write down: `side:type/name`, the type and the name with wildcards."""

    text: str
    side: Side
    types: tuple[str, ...]
    name: str

    def matches(self, address: Address) -> bool:
        return (
            address.side is self.side
            and address.type in self.types
            and fnmatchcase(address.name.lower(), self.name.lower())
        )


def parse(text: str) -> Wish:
    """A pattern. Raises UsageError when it names no side, or a type that cannot be written down."""
    side, colon, rest = text.partition(":")
    kind, slash, name = rest.partition("/")
    if not colon or not slash or not name or side not in set(Side):
        raise UsageError(f"import {text}: not an address", hint="addresses look like target:table/catalog.schema.table")
    types = tuple(known for known in SECTIONS if fnmatchcase(known, kind))
    if _WILD.search(kind) or _WILD.search(name):
        types = tuple(known for known in types if known not in _VALUES)
    if not types:
        raise UsageError(
            f"import {text}: {kind} cannot be imported by this pattern",
            hint=f"there are: {', '.join(SECTIONS)}; grants come with --grants, or one by one as tags do",
        )
    return Wish(text, Side(side), types, name)


@verb
def import_(
    run: Run,
    patterns: Annotated[
        list[str], typer.Argument(metavar="PATTERN", help="Of addresses: target:table/sales.crm.*, source:share/x.")
    ],
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="FILE", help="Leave the configuration; write it all there, - to print it."),
    ] = None,
    grants: Annotated[bool, typer.Option("--grants", help="And who may do what with them.")] = False,
    workers: Workers = None,
) -> None:
    """Write existing objects into `resources:` of the configuration, as they are. Changes no metastore."""
    wishes = [parse(text) for text in patterns]
    with opened(run, workers=workers) as session:
        prepared = planned(run, session, Policy())
        found = look(session, wishes, grants=grants)
        taken, left = sort_out(found, prepared)
        tags, declared = sort_out(tags_of(session, taken), prepared)
    taken |= tags
    for address, why in (*left, *declared):
        output.tell(run, f"! {clean(str(address))} is left out: {why}")
    for line in _not_written(taken, grants=grants):
        output.tell(run, f"! {line}")
    if not found:
        raise UsageError(f"import {' '.join(patterns)}: nothing that exists has such an address")
    if not taken:
        output.show(run, "Nothing to import.\n")
        return
    text = _written(run, taken, prepared)
    _check(run, text)
    _save(run, text, out, taken)


def look(session: "Session", wishes: Sequence[Wish], *, grants: bool) -> dict[Address, Observed]:
    """Everything that matches, as it is."""
    from replicator.workspace import read_snapshot

    found: dict[Address, Observed] = {}
    for side in sorted({wish.side for wish in wishes}):
        own = [wish for wish in wishes if wish.side is side]
        reader = session.readers[side]
        seen = read_snapshot(reader, scope_of(reader, own), workers=session.workers)
        here = {at: item for at, item in _objects(seen) if any(wish.matches(at) for wish in own)}
        if grants:
            held = Scope(grants=frozenset(f"{_securable(at)}/{at.name}" for at in here if _grantable(at)))
            here |= dict(_objects(read_snapshot(reader, held, workers=session.workers)))
        for key, why in seen.unknown.items():
            raise ReplicatorError(f"{side}: {key} cannot be read: {why}", hint="import what can be read")
        found |= here
    return found


def tags_of(session: "Session", taken: Mapping[Address, Observed]) -> dict[Address, Observed]:
    """The tags on what is taken, and on its columns."""
    from replicator.workspace import read_snapshot

    found: dict[Address, Observed] = {}
    for side in sorted({at.side for at in taken}):
        names = {name for at, item in taken.items() if at.side is side for name in _taggable(at, item)}
        seen = read_snapshot(session.readers[side], Scope(tags=frozenset(names)), workers=session.workers)
        for key, why in seen.unknown.items():
            raise ReplicatorError(f"{side}: {key} cannot be read: {why}", hint="import what can be read")
        found |= dict(_objects(seen))
    return found


def _taggable(address: Address, observed: Observed) -> Iterable[str]:
    if address.type in _IN_CATALOGS:
        yield f"{_securable(address)}/{address.name}"
    if address.type in ("table", "view"):
        yield from (f"column/{address.name}.{name}" for name in observed.fields.get("columns") or {})


_ON_COLUMNS = {"mask": "mask", "default": "default", "generated": "generation", "identity": "identity"}


def _not_written(taken: Mapping[Address, Observed], *, grants: bool) -> Iterable[str]:
    """What is on the objects that `resources:` has no words for, or was not asked for: it stays as it is, and nobody
    could make it again from the file."""
    for address, observed in taken.items():
        words = ["its row filter"] if observed.info.get("row_filter") else []
        for name, facts in sorted(observed.info.get("columns", {}).items()):
            words += [f"the {word} of {clean(name)}" for key, word in _ON_COLUMNS.items() if key in facts]
        if words:
            yield f"{clean(str(address))} is written without {listed(words)}: kept as it is, and not managed"
    if not grants and any(map(_grantable, taken)):
        yield "who may do what with them is left out: --grants writes it too"


def _grantable(address: Address) -> bool:
    return address.type in (*_IN_CATALOGS, "share")


def _securable(address: Address) -> str:
    return "table" if address.type == "view" else address.type


def _objects(seen: Snapshot) -> Iterable[tuple[Address, Observed]]:
    for kind in SECTIONS:
        for name, observed in seen.objects.get(kind, {}).items():
            is_view = observed.info.get("table_type") in TYPES["view"].table_types
            yield Address(seen.side, "view" if is_view else kind, name), observed


def scope_of(reader: "WorkspaceReader", wishes: Sequence[Wish]) -> Scope:
    """What must be read; where a name begins with a wildcard, names are listed first."""
    catalogs: dict[str, set[str] | None] = {}
    shares: set[str] = set()
    for wish in wishes:
        first, _, rest = wish.name.partition(".")
        if set(wish.types) & set(_IN_CATALOGS):
            for name in _names(reader, "catalogs", first):
                known = catalogs.setdefault(name, set())
                if {"table", "view"} & set(wish.types) and known is not None:
                    schema = rest.partition(".")[0]
                    if _WILD.search(first + schema):
                        catalogs[name] = None
                    elif schema:
                        known.add(schema.lower())
        if "share" in wish.types:
            shares |= set(_names(reader, "shares", wish.name))
    return Scope(
        catalogs={name: None if inner is None else frozenset(inner) for name, inner in catalogs.items()},
        shares=frozenset(shares),
        recipients=any("recipient" in wish.types for wish in wishes),
        providers=bool(catalogs),
        grants=frozenset(wish.name for wish in wishes if "grants" in wish.types),
        tags=frozenset(wish.name for wish in wishes if "tags" in wish.types),
    )


def _names(reader: "WorkspaceReader", what: str, pattern: str) -> list[str]:
    if not _WILD.search(pattern):
        return [pattern.lower()]
    from replicator.resources import rest

    found = reader.pages(rest.path(what), what, {"max_results": 0})
    return [item["name"] for item in found if fnmatchcase(item["name"].lower(), pattern.lower())]


def sort_out(
    found: Mapping[Address, Observed], prepared: "Prepared"
) -> tuple[dict[Address, Observed], list[tuple[Address, str]]]:
    """What to write down, and what not, with the reason."""
    declared = {(at.side, TYPES[at.type].kind, at.name) for at in prepared.desired.resources}
    taken: dict[Address, Observed] = {}
    left: list[tuple[Address, str]] = []
    for address, observed in sorted(found.items()):
        why = _not_ours(address, observed, prepared.state)
        if (address.side, TYPES[address.type].kind, address.name) in declared:
            why = "it is declared already"
        if why:
            left.append((address, why))
        else:
            taken[address] = observed
    return taken, left


def _not_ours(address: Address, observed: Observed, state: "State") -> str:
    if address.type == "schema" and address.name.endswith(".information_schema"):
        return "the platform keeps it"
    kind = str(observed.info.get("table_type", "MANAGED"))
    if address.type == "table" and kind not in _TABLES:
        return f"a {kind.lower().replace('_', ' ')} cannot be declared"
    if observed.mark is not None and not state.owns(observed.mark):
        return "another deployment manages it"
    return ""


def _written(run: Run, taken: Mapping[Address, Observed], prepared: "Prepared") -> str:
    others = {side: prepared.snapshots[side.other].metastore.global_id for side in Side}
    entries = [(at, entry_of(at, observed, others[at.side])) for at, observed in taken.items()]
    try:
        return with_resources(run.path.read_text(encoding="utf-8"), entries)
    except ValueError as error:
        raise ConfigError(f"{run.path}: cannot be added to: {error}") from error


def _check(run: Run, text: str) -> None:
    """Raises ReplicatorError when what would be written could not be read back; nothing was written then."""
    import os

    from replicator.config import load

    trial = run.path.with_name(f".{run.path.name}.{os.getpid()}.import")
    trial.write_text(text, encoding="utf-8")
    try:
        load(trial, environment=run.environment, variables=run.variables)
    except ConfigError as error:
        raise ReplicatorError(f"what exists cannot be declared as it is: {error.message}", hint=error.hint) from error
    finally:
        trial.unlink()


def _save(run: Run, text: str, out: str | None, taken: Mapping[Address, Observed]) -> None:
    if out == "-":
        output.show_raw(text)
        return
    from replicator.execution.files import write_atomic

    path = Path(out) if out else run.path
    try:
        # What the configuration's folder is shared with must go on reading it, so the file keeps its mode.
        mode = (path if path.exists() else run.path).stat().st_mode & 0o777
        write_atomic(path.resolve(), text.encode())
        path.chmod(mode)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
    output.show(run, "".join(f"= {clean(str(address))}\n" for address in taken))
    output.show(
        run, f"{path}: {many(len(taken), 'resource')} added. Take them over:  replicator apply{run.arguments}\n"
    )
