"""`${name}` and `${env:NAME}` in keys and values; `$${` is a literal `${`.

What is put in is text and is never read as YAML again. Only a value that is nothing but one reference takes the
variable's own type, so that `max_workers: ${workers}` can be a number.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from replicator.config import scalars
from replicator.config.nodes import Node, Tree, child
from replicator.config.problems import Problem, did_you_mean
from replicator.config.scalars import Scalar
from replicator.engine.desired import Position

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[^{}]*)(?P<end>\})?")
_UNDEFINED = "undefined"
"""What an undefined name stands for in the rest of the checks, so that one mistake is reported once."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass
class _Scope:
    """What names stand for, and what went wrong with them."""

    file: str
    declared: Mapping[str, Node]
    given: Mapping[str, str]
    environ: Mapping[str, str]
    problems: list[Problem]
    known: dict[str, Scalar] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    path: list[str] = field(default_factory=list)


def substitute(tree: Tree, given: Mapping[str, str], environ: Mapping[str, str], problems: list[Problem]) -> Tree:
    """The tree without its `variables:` section and with every reference replaced.

    `given` (from the command line) goes before the section's values. Undefined names are appended to `problems`.
    """
    section = child(tree.root, "variables")
    declared: dict[str, Node] = section.value if section is not None and isinstance(section.value, dict) else {}
    scope = _Scope(tree.file, declared, given, environ, problems)
    for name, node in declared.items():
        if isinstance(node.value, dict | list):
            _report(scope, node, f"variable `{name}` must be text, a number or a boolean")
    for name in declared:
        _value(scope, name, declared[name])
    root = Node({key: value for key, value in tree.root.value.items() if key != "variables"}, tree.root.mark)
    replaced = _replace(scope, root)
    for name in sorted(set(given) - set(declared) - scope.used):
        _report(scope, tree.root, f"there is no variable `{name}` to set{did_you_mean(name, declared)}")
    return Tree(tree.file, replaced)


def _report(scope: _Scope, node: Node, text: str) -> None:
    scope.problems.append(Problem(Position(scope.file, *node.mark), text))


def _replace(scope: _Scope, node: Node) -> Node:
    if isinstance(node.value, dict):
        return Node(_mapping(scope, node), node.mark, node.key)
    if isinstance(node.value, list):
        return Node([_replace(scope, item) for item in node.value], node.mark, node.key)
    if isinstance(node.value, str) and "${" in node.value:
        return Node(_text(scope, node), node.mark, node.key)
    return node


def _mapping(scope: _Scope, node: Node) -> dict[str, Node]:
    replaced: dict[str, Node] = {}
    for name, below in node.value.items():
        key = name
        if "${" in name:
            at = Node(name, below.key or below.mark)
            key = str(_text(scope, at))
            if key in replaced or key in node.value:
                _report(scope, at, f"the key `{key}` stands here a second time after its variables are replaced")
        replaced[key] = _replace(scope, below)
    return replaced


def _text(scope: _Scope, node: Node) -> Scalar:
    """A scalar with its references replaced."""
    whole = _REFERENCE.fullmatch(node.value)
    if whole is not None and whole["name"] is not None:
        return _resolve(scope, node, whole)
    return _REFERENCE.sub(lambda match: _written(_resolve(scope, node, match)), node.value)


def _written(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _resolve(scope: _Scope, node: Node, match: re.Match[str]) -> Scalar:
    name = match["name"]
    if name is None:
        return "${"
    if match["end"] is None:
        _report(scope, node, "`${` is not closed by `}`; write `$${` for the text itself")
        return _UNDEFINED
    prefix, colon, rest = name.partition(":")
    if colon:
        lookup = _PREFIXES.get(prefix)
        if lookup is not None:
            return lookup(scope, node, rest)
    if not _NAME.fullmatch(name):
        _report(
            scope, node, f"`${{{name}}}` is neither `${{name}}` nor `${{env:NAME}}`; write `$${{` for the text itself"
        )
        return _UNDEFINED
    return _value(scope, name, node)


def _environment(scope: _Scope, node: Node, name: str) -> Scalar:
    if name not in scope.environ:
        _report(scope, node, f"the environment variable {name} is not set")
        return _UNDEFINED
    return scope.environ[name]


_PREFIXES: dict[str, Callable[[_Scope, Node, str], Scalar]] = {"env": _environment}


def _value(scope: _Scope, name: str, node: Node) -> Scalar:
    """What a variable stands for; `node` is where it is used."""
    scope.used.add(name)
    if name in scope.known:
        return scope.known[name]
    if name in scope.path:
        circle = " → ".join([*scope.path[scope.path.index(name) :], name])
        _report(scope, node, f"these variables refer to each other in a circle: {circle}")
        return _UNDEFINED
    scope.path.append(name)
    scope.known[name] = _look_up(scope, name, node)
    scope.path.pop()
    return scope.known[name]


def _look_up(scope: _Scope, name: str, node: Node) -> Scalar:
    declared = scope.declared.get(name)
    if name in scope.given:
        return _given(scope.given[name], declared)
    if declared is None:
        _report(scope, node, f"the variable `{name}` is not defined{did_you_mean(name, scope.declared)}")
        return _UNDEFINED
    if declared.value is None:
        _report(scope, declared, f"the variable `{name}` has no value; give one with --var {name}=…")
        return _UNDEFINED
    if isinstance(declared.value, str):
        return _text(scope, declared) if "${" in declared.value else declared.value
    value: Scalar = _UNDEFINED if isinstance(declared.value, dict | list) else declared.value
    return value


def _given(text: str, declared: Node | None) -> Scalar:
    """A value from the command line: text, unless the file gives the variable a number or a boolean."""
    typed = declared is not None and isinstance(declared.value, bool | int | float)
    return scalars.resolve(text) if typed else text
