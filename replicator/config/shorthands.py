"""What people write in `resources:` that the models spell otherwise: the other metastore by its side, names in any
case, and `after` as addresses."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import ValidationError

from replicator.address import Address, Side
from replicator.config import names
from replicator.config.connection import Section
from replicator.config.nodes import Path, Tree
from replicator.config.problems import Problem
from replicator.config.validation import problems_of

Fields = dict[str, Any]

IDENTIFIERS: Mapping[str, Side] = {"{source}": Side.SOURCE, "{target}": Side.TARGET}
"""Stand for a metastore's sharing identifier until a snapshot tells it."""


class _SharedBy(Section):
    """`share: {name: s, provider: source}` of a catalog."""

    name: names.Name
    provider: Literal["source", "target"]


class _Recipient(Section):
    """`metastore: target` of a recipient."""

    metastore: Literal["source", "target"]


def expand_shorthands(
    tree: Tree, side: Side, kind: str, name: str, path: Path, fields: Fields, problems: list[Problem]
) -> Fields | None:
    """The fields as the model of `kind` has them, or None and a problem."""
    found = len(problems)
    expanded = _after(tree, path, fields, problems)
    change = _BY_KIND.get(kind)
    if change is not None:
        expanded = change(tree, side, path, expanded, problems)
    if kind == "grants" and name.startswith("share/") and isinstance(expanded.get("privileges"), dict):
        expanded = expanded | {"privileges": {who.lower(): what for who, what in expanded["privileges"].items()}}
    return expanded if len(problems) == found else None


def _after(tree: Tree, path: Path, fields: Fields, problems: list[Problem]) -> Fields:
    listed = fields.get("after")
    if not isinstance(listed, list):
        return fields
    addresses = []
    for index, text in enumerate(listed):
        try:
            address = Address.parse(text if isinstance(text, str) else "")
        except ValueError:
            expected = "expected an address like target:table/catalog.schema.table"
            problems.append(Problem(tree.at((*path, "after", index)), f"`after[{index}]`: {expected}"))
            continue
        addresses.append({"side": address.side.value, "type": address.type, "name": address.name})
    return fields | {"after": addresses}


def _other(tree: Tree, side: Side, path: Path, written: str, problems: list[Problem]) -> str:
    """The identifier of the metastore that a side names; it must be the other one."""
    if Side(written) is side:
        problems.append(Problem(tree.at(path), f"`{path[-1]}`: expected `{side.other.value}`, the other metastore"))
    return f"{{{written}}}"


def _catalog(tree: Tree, side: Side, path: Path, fields: Fields, problems: list[Problem]) -> Fields:
    if "share" not in fields:
        return fields
    rest = {key: value for key, value in fields.items() if key != "share"}
    try:
        shared = _SharedBy.model_validate(fields["share"])
    except ValidationError as error:
        problems.extend(problems_of(error, _SharedBy, tree, (*path, "share")))
        return rest
    provider = _other(tree, side, (*path, "share", "provider"), shared.provider, problems)
    return rest | {"share_name": shared.name, "provider_id": provider}


def _recipient(tree: Tree, side: Side, path: Path, fields: Fields, problems: list[Problem]) -> Fields:
    if "metastore" not in fields:
        return fields
    rest = {key: value for key, value in fields.items() if key != "metastore"}
    try:
        named = _Recipient.model_validate({"metastore": fields["metastore"]})
    except ValidationError as error:
        problems.extend(problems_of(error, _Recipient, tree, path))
        return rest
    return rest | {"metastore_id": _other(tree, side, (*path, "metastore"), named.metastore, problems)}


def _share(tree: Tree, side: Side, path: Path, fields: Fields, problems: list[Problem]) -> Fields:
    listed = fields.get("objects")
    if not isinstance(listed, list):
        return fields
    return fields | {"objects": [_folded(item, "name", "shared_as") for item in listed]}


def _clone(tree: Tree, side: Side, path: Path, fields: Fields, problems: list[Problem]) -> Fields:
    folded: Fields = _folded(fields, "source")
    if isinstance(folded.get("source"), str):
        return {"origin": f"{side.value}:table/{folded['source']}"} | folded
    return folded


def _folded(item: Any, *keys: str) -> Any:
    """A mapping with the text of some keys in lower case; anything else as it is."""
    if not isinstance(item, dict):
        return item
    return {key: value.lower() if key in keys and isinstance(value, str) else value for key, value in item.items()}


_BY_KIND: Mapping[str, Callable[[Tree, Side, Path, Fields, list[Problem]], Fields]] = {
    "catalog": _catalog,
    "recipient": _recipient,
    "share": _share,
    "clone": _clone,
}
