"""An object that exists, written as the entry of `resources:` that declares it just as it is."""

import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from replicator.address import Address
from replicator.resources.base import Observed

Entry = dict[str, Any]

SECTIONS: Mapping[str, str] = {
    "catalog": "catalogs",
    "schema": "schemas",
    "table": "tables",
    "view": "views",
    "share": "shares",
    "recipient": "recipients",
    "grants": "grants",
    "tags": "tags",
}
"""The types whose objects can be written down, in the order of the file, and their keys in `resources:`."""

_PROTOCOL = ("delta.min", "delta.feature.", "delta.columnMapping.maxColumnId", "delta.rowTracking.")
"""Properties that say how a table is stored; the platform raises them by itself."""


@dataclass(frozen=True, slots=True)
class _Other:
    """The other metastore: its side, and its sharing identifier."""

    side: str
    identifier: str


def entry_of(address: Address, observed: Observed, identifier: str) -> Entry:
    """The fields as a person would write them; `identifier` is the sharing identifier of the other side's metastore."""
    fields = {key: value for key, value in observed.fields.items() if value not in (None, {}, [], "")}
    return _WRITTEN[address.type](fields, _Other(address.side.other.value, identifier))


def _catalog(fields: Entry, other: _Other) -> Entry:
    provider = fields.pop("provider_id", None)
    if "share_name" not in fields:
        return fields
    if provider == other.identifier:
        fields.pop("provider_name", None)
        return {"share": {"name": fields.pop("share_name"), "provider": other.side}, **fields}
    return fields


def _schema(fields: Entry, other: _Other) -> Entry:
    return fields


def _table(fields: Entry, other: _Other) -> Entry:
    columns = [_column(key, column) for key, column in fields.pop("columns", {}).items()]
    properties = {key: text for key, text in fields.pop("properties", {}).items() if not key.startswith(_PROTOCOL)}
    told = {"columns": columns, "properties": properties}
    return {**{key: item for key, item in told.items() if item}, **fields, "lifecycle": {"on_existing": "import"}}


def _view(fields: Entry, other: _Other) -> Entry:
    return {key: fields[key] for key in ("definition", "comment", "properties", "owner") if key in fields}


def _column(key: str, column: Mapping[str, Any]) -> Entry:
    written: Entry = {"name": column.get("name", key), "type": column["type"]}
    if column.get("nullable") is False:
        written["nullable"] = False
    return written | ({"comment": column["comment"]} if column.get("comment") else {})


def _share(fields: Entry, other: _Other) -> Entry:
    objects = [_shared(key, value) for key, value in fields.pop("objects", {}).items()]
    return {**({"objects": objects} if objects else {}), **fields}


def _shared(key: str, value: Mapping[str, Any]) -> Entry:
    kind, _, name = key.partition(":")
    return {"name": name, "type": kind} | ({"shared_as": value["shared_as"]} if value.get("shared_as") else {})


def _recipient(fields: Entry, other: _Other) -> Entry:
    if fields.get("metastore_id") != other.identifier:
        return fields
    del fields["metastore_id"]
    return {"metastore": other.side, **fields}


def _grants(fields: Entry, other: _Other) -> Entry:
    return {"privileges": {who: sorted(held) for who, held in sorted(fields["privileges"].items())}}


def _tags(fields: Entry, other: _Other) -> Entry:
    return {"tags": dict(fields.get("tags", {}))}


_WRITTEN: Mapping[str, Callable[[Entry, _Other], Entry]] = {
    "catalog": _catalog,
    "schema": _schema,
    "table": _table,
    "view": _view,
    "share": _share,
    "recipient": _recipient,
    "grants": _grants,
    "tags": _tags,
}


def with_resources(text: str, entries: Iterable[tuple[Address, Entry]]) -> str:
    """The file with entries added to its `resources:`; comments, order and quotes of what is there stay.

    Raises ValueError when something in the file stands where a mapping must be.
    """
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    offset = _indent(_LIST, text)
    yaml.indent(mapping=_indent(_MAPPING, text) or 2, sequence=offset + 2, offset=offset)
    document = yaml.load(text)
    for address, entry in sorted(entries, key=lambda item: (list(SECTIONS).index(item[0].type), item[0])):
        place = document
        for step_key in ("resources", address.side.value, SECTIONS[address.type]):
            place = _below(place, step_key)
        place[_text(address.name)] = _plain(entry)
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


_MAPPING = re.compile(r"^()[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n)*( +)[^\s#-]", re.MULTILINE)
_LIST = re.compile(r"^( *)[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n)*( *)- ", re.MULTILINE)


def _indent(pattern: re.Pattern[str], text: str) -> int:
    """How far the file's author indents what stands below a key; 2 if nothing does."""
    found = pattern.search(text)
    return len(found[2]) - len(found[1]) if found else 2


def _below(place: Any, key: str) -> Any:
    """The mapping under a key, made if there is none; one that was written empty on one line becomes a block."""
    from ruamel.yaml.comments import CommentedMap

    if place.get(key) is None:
        place[key] = CommentedMap()
    if not isinstance(place[key], CommentedMap):
        raise ValueError(f"`{key}` is no mapping")
    if not place[key]:
        place[key].fa.set_block_style()
    return place[key]


_BARE = re.compile(r"[A-Za-z_][\w./-]*")
_NEVER_BARE = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def _text(text: str) -> Any:
    """A string that is read back as that very string: quoted where it could be more, `${` escaped."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    bare = _BARE.fullmatch(text) and text.lower() not in _NEVER_BARE
    return text if bare else DoubleQuotedScalarString(text.replace("${", "$${"))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_text(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_flow(item) for item in value]
    return _text(value) if isinstance(value, str) else value


def _flow(item: Any) -> Any:
    """One item of a list: a mapping stands on one line."""
    if not isinstance(item, Mapping):
        return _plain(item)
    from ruamel.yaml.comments import CommentedMap

    found = CommentedMap(_plain(item))
    found.fa.set_flow_style()
    return found
