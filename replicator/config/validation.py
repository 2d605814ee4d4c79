"""pydantic's findings as sentences with a place: what was expected, what stands there, and the nearest key."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from replicator.config.document import ROOT_KEYS, UNSUPPORTED, Document
from replicator.config.nodes import Path, Tree, child, describe, find, plain, walk, without
from replicator.config.problems import Problem, did_you_mean

M = TypeVar("M", bound=BaseModel)

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
    "greater_than": ("more than", "gt"),
    "less_than": ("less than", "lt"),
}
_NEVER_SHOWN = ("token", "secret", "password", "client_id")


def validate(model: type[M], tree: Tree, path: Path, problems: list[Problem]) -> M | None:
    """The model of what stands at `path`; None and problems when it is wrong.

    Keys without a value are left to `find_empty`. Validation is strict, on JSON, where lists are tuples and text is
    an enum, but nothing else is coerced.
    """
    value = plain(find(tree.root, path))
    if not isinstance(value, dict):
        problems.append(Problem(tree.at(path), f"`{label(path)}`: expected a mapping, got {describe(value)}"))
        return None
    try:
        return model.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        found = zip(error.errors(include_url=False), problems_of(error, model, tree, path), strict=True)
        problems.extend(problem for item, problem in found if item["input"] is not None)
        return None


def find_empty(tree: Tree, problems: list[Problem]) -> None:
    """Report keys without a value. Only under `resources` does nothing mean something: clear this field."""
    for path, node in walk(without(tree.root, "resources")):
        if node.value is None and path:
            text = f"`{label(path)}` has no value; write one, or leave it out"
            problems.append(Problem(tree.at(path, key=isinstance(path[-1], str)), text))


def problems_of(error: ValidationError, model: type[BaseModel], tree: Tree, path: Path) -> list[Problem]:
    """pydantic's findings about the value at `path`."""
    return [_problem(model, tree, path, item) for item in error.errors(include_url=False)]


def _problem(model: type[BaseModel], tree: Tree, base: Path, error: Any) -> Problem:
    kind, path = error["type"], (*base, *_real(tree, base, error["loc"]))
    name = label(path)
    if kind == "extra_forbidden":
        return Problem(tree.at(path, key=True), _unknown(model, str(path[-1]), error["loc"][:-1]))
    if kind == "missing":
        missing, where = str(error["loc"][-1]), path
        return Problem(tree.at(where, key=bool(where)), f"`{missing}` is missing{_in(where)}")
    return Problem(tree.at(path), f"`{name}`: {_sentence(kind, error, path)}")


def label(path: Sequence[str | int]) -> str:
    """The last key of a path, with the index into its list: `tables[2]`."""
    if not path:
        return "the file"
    return f"{label(path[:-1])}[{path[-1]}]" if isinstance(path[-1], int) else path[-1]


def _real(tree: Tree, base: Path, loc: Sequence[str | int]) -> Path:
    """The part of pydantic's location that exists in the file; it also names union members and missing keys."""
    node = find(tree.root, base)
    found: list[str | int] = []
    for step in loc:
        below = child(node, step)
        if below is not None:
            node = below
            found.append(step)
    return tuple(found)


def _in(path: Path) -> str:
    names = [str(step) for step in path if isinstance(step, str)]
    return f" in `{names[-1]}`" if names else ""


def _sentence(kind: str, error: Any, path: Path) -> str:
    value, context = error["input"], error.get("ctx", {})
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, got {_shown(value, path)}{_quotes(kind, value)}"
    if kind in ("literal_error", "enum"):
        return f"expected {context['expected']}, got {_shown(value, path)}{_quotes('string_type', value)}"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"must be {words} {context[key]:g}, got {value}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return f"expected text of the form {context['pattern']}"
    return str(error["msg"]).lower()


def _shown(value: Any, path: Path) -> str:
    """What a value is; short text is shown, unless it may be a credential."""
    secret = any(word in str(step) for step in path for word in _NEVER_SHOWN)
    if isinstance(value, str) and not secret and 0 < len(value) <= 40 and value.isprintable():
        return f"the text `{value}`"
    if isinstance(value, int | float) and not isinstance(value, bool) and not secret:
        return f"the number {value}"
    return describe(value)


def _quotes(kind: str, value: Any) -> str:
    return "; put it in quotes" if kind == "string_type" and isinstance(value, bool | int | float) else ""


def _unknown(model: type[BaseModel], name: str, loc: Sequence[str | int]) -> str:
    if name in UNSUPPORTED:
        instead = f": {UNSUPPORTED[name]}" if UNSUPPORTED[name] else ""
        return f"`{name}` is not supported{instead}"
    owner = _owner(model, loc)
    known = ROOT_KEYS if owner is Document else {info.alias or key for key, info in owner.model_fields.items()}
    return f"unknown key `{name}`{did_you_mean(name, known)}"


def _owner(model: type[BaseModel], loc: Sequence[str | int]) -> type[BaseModel]:
    """The model whose key pydantic did not know."""
    for step in loc:
        for key, info in model.model_fields.items():
            if step in (key, info.alias):
                model = _model_in(info.annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for item in get_args(annotation) if (found := _model_in(item)) is not None), None)
