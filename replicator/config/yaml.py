"""YAML text to a tree with places: strict, bounded, and never a surprise.

ruamel.yaml's C parser gives the events; the tree is built here, because only so can duplicates, merge keys and the
cost of aliases be judged before they are loaded.
"""

from dataclasses import dataclass, field
from typing import Any

from replicator.config import scalars
from replicator.config.nodes import Mark, Node, Tree
from replicator.config.problems import Problem, as_error
from replicator.config.syntax import check_characters, decode, pointed, syntax_problem
from replicator.engine.desired import Position

MAX_BYTES = 10_000_000
MAX_DEPTH = 64
MAX_NODES = 1_000_000


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been seen."""

    node: Node
    anchor: str | None
    before: int
    height: int = 1
    key: str | None = None
    key_mark: Mark | None = None


@dataclass(slots=True)
class _Anchored:
    """What an alias stands for, and how large it is when written out."""

    node: Node
    size: int
    height: int


@dataclass
class _Builder:
    """The tree while it grows. `nodes` counts aliases as if they were written out."""

    file: str
    text: str
    problems: list[Problem]
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, _Anchored | None] = field(default_factory=dict)
    nodes: int = 0
    root: Node | None = None


def parse(data: bytes, file: str, problems: list[Problem]) -> Tree:
    """Read one document. What is wrong but can be read past is appended to `problems`.

    Raises ConfigError with one line, the place and a caret for text that is not YAML or exceeds the limits:
    10 MB, 64 levels, a million values after aliases are written out.
    """
    if len(data) > MAX_BYTES:
        raise as_error([Problem(Position(file, 1), f"the file is larger than {MAX_BYTES // 1_000_000} MB")])
    text = decode(data, file)
    check_characters(text, file)
    builder = _Builder(file, text, problems)
    _feed(builder)
    if builder.root is None or builder.root.value is None:
        raise as_error([Problem(Position(file, 1), "the file is empty")])
    return Tree(file, builder.root)


def _feed(builder: _Builder) -> None:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    documents = 0
    try:
        for event in YAML(typ="safe", pure=False).parse(builder.text):
            name = event.__class__.__name__
            if name == "DocumentStartEvent":
                documents += 1
                if documents == 2:
                    raise _fatal(builder, _mark(event), "a second document starts here; a configuration is only one")
            elif name in _ON:
                _ON[name](builder, event)
    except MarkedYAMLError as error:
        raise as_error([syntax_problem(error, builder.text, builder.file)]) from None


def _mark(event: Any) -> Mark:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _fatal(builder: _Builder, mark: Mark, text: str) -> Exception:
    at = Position(builder.file, *mark)
    return as_error([*builder.problems, Problem(at, text, pointed(builder.text, *mark))])


def _note(builder: _Builder, mark: Mark, text: str) -> None:
    builder.problems.append(Problem(Position(builder.file, *mark), text, pointed(builder.text, *mark)))


def _count(builder: _Builder, mark: Mark, size: int) -> None:
    builder.nodes += size
    if builder.nodes > MAX_NODES:
        raise _fatal(builder, mark, f"the document holds more than {MAX_NODES:,} values when aliases are written out")


def _place(builder: _Builder, node: Node, height: int) -> None:
    """Put a finished or opened value where it belongs."""
    if not builder.stack:
        builder.root = node
        return
    top = builder.stack[-1]
    top.height = max(top.height, height + 1)
    if len(builder.stack) + height > MAX_DEPTH:
        raise _fatal(builder, node.mark, f"values are nested deeper than {MAX_DEPTH} levels")
    if isinstance(top.node.value, list):
        top.node.value.append(node)
    elif top.key_mark is None:
        _key(builder, top, node)
    else:
        node.key = top.key_mark
        if top.key is not None:
            top.node.value[top.key] = node
        top.key = top.key_mark = None


def _key(builder: _Builder, top: _Open, node: Node) -> None:
    """Take a value as the key of the next one; a wrong key is reported, and its value is dropped."""
    top.key_mark = node.mark
    if isinstance(node.value, dict | list):
        raise _fatal(builder, node.mark, "a key must be text; a value that starts with { or [ needs quotes")
    if not isinstance(node.value, str):
        _note(builder, node.mark, "a key must be text; put it in quotes")
    elif node.value in top.node.value:
        line = top.node.value[node.value].key[0]
        _note(builder, node.mark, f"the key `{node.value}` stands here a second time; the first is in line {line}")
    else:
        top.key = node.value


def _on_scalar(builder: _Builder, event: Any) -> None:
    mark = _mark(event)
    _count(builder, mark, 1)
    text, tag = event.value, event.tag
    value: scalars.Scalar = text
    try:
        if tag is not None and tag != "!":
            value = _tagged(builder, mark, text, tag)
        elif tag is None and event.implicit[0]:
            value = scalars.resolve(text)
    except ValueError as error:
        _note(builder, mark, str(error))
        value = text
    expects_key = bool(builder.stack) and isinstance(builder.stack[-1].node.value, dict)
    if text == "<<" and event.implicit[0] and expects_key and builder.stack[-1].key_mark is None:
        raise _fatal(builder, mark, "merge keys (<<) are not accepted; repeat the settings, or use variables")
    node = Node(value, mark)
    if event.anchor is not None:
        builder.anchors[event.anchor] = _Anchored(node, 1, 1)
    _place(builder, node, 1)


def _tagged(builder: _Builder, mark: Mark, text: str, tag: str) -> scalars.Scalar:
    if tag not in scalars.TAGS:
        raise _fatal(builder, mark, f"the tag {tag} is not accepted; only plain YAML values are")
    return scalars.resolve_tagged(text, tag)


def _on_start(builder: _Builder, event: Any, value: Any) -> None:
    mark = _mark(event)
    if event.tag is not None and event.tag != "!" and event.tag not in scalars.TAGS:
        raise _fatal(builder, mark, f"the tag {event.tag} is not accepted; only plain YAML values are")
    if event.anchor is not None:
        builder.anchors[event.anchor] = None
    node = Node(value, mark)
    opened = _Open(node, event.anchor, builder.nodes)
    _count(builder, mark, 1)
    _place(builder, node, 1)
    builder.stack.append(opened)


def _on_end(builder: _Builder, event: Any) -> None:
    closed = builder.stack.pop()
    if closed.anchor is not None:
        builder.anchors[closed.anchor] = _Anchored(closed.node, builder.nodes - closed.before, closed.height)
    if builder.stack:
        builder.stack[-1].height = max(builder.stack[-1].height, closed.height + 1)


def _on_alias(builder: _Builder, event: Any) -> None:
    mark = _mark(event)
    if event.anchor not in builder.anchors:
        raise _fatal(builder, mark, f"the alias *{event.anchor} stands for no anchor before it")
    anchored = builder.anchors[event.anchor]
    if anchored is None:
        raise _fatal(builder, mark, f"the alias *{event.anchor} stands inside the value that it repeats")
    _count(builder, mark, anchored.size)
    _place(builder, Node(anchored.node.value, mark), anchored.height)


_ON = {
    "ScalarEvent": _on_scalar,
    "AliasEvent": _on_alias,
    "MappingStartEvent": lambda builder, event: _on_start(builder, event, {}),
    "SequenceStartEvent": lambda builder, event: _on_start(builder, event, []),
    "MappingEndEvent": _on_end,
    "SequenceEndEvent": _on_end,
}
