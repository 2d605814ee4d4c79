"""`environments:`: one file for dev and prod. The chosen one is laid over the rest of the file."""

from collections.abc import Mapping

from replicator.config.nodes import Node, Tree, child, describe, merge, without
from replicator.config.problems import Problem, did_you_mean
from replicator.engine.desired import Position

_OWN_KEYS = ("default", "description")
_NOT_INSIDE = ("environments", "version")


def select(tree: Tree, wanted: str | None, problems: list[Problem]) -> tuple[str, Tree]:
    """The name of the environment and the tree with its settings laid over the base, places kept.

    Without a wish it is the one marked `default: true`, the only one, or the one named `default`.
    """
    section = child(tree.root, "environments")
    if section is None:
        if wanted is not None and wanted != "default":
            _report(tree, tree.root, f"there is no environment `{wanted}`: the file has no `environments:`", problems)
        return wanted or "default", tree
    known = _named(tree, section, problems)
    base = without(tree.root, "environments")
    name = _choose(tree, section, known, wanted, problems)
    if name is None:
        return wanted or "default", Tree(tree.file, base)
    return name, Tree(tree.file, merge(base, without(known[name], *_OWN_KEYS, *_NOT_INSIDE)))


def _report(tree: Tree, node: Node, text: str, problems: list[Problem]) -> None:
    line, column = node.key or node.mark
    problems.append(Problem(Position(tree.file, line, column), text))


def _named(tree: Tree, section: Node, problems: list[Problem]) -> dict[str, Node]:
    """The environments that are mappings; everything else is reported."""
    if not isinstance(section.value, dict) or not section.value:
        _report(tree, section, "`environments` must be a mapping from names to settings", problems)
        return {}
    found: dict[str, Node] = {}
    for name, node in section.value.items():
        if not isinstance(node.value, dict):
            _report(tree, node, f"environment `{name}`: expected a mapping, got {describe(node.value)}", problems)
            continue
        if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or name.startswith("."):
            _report(tree, node, f"environment `{name}`: use letters, digits, `-`, `_` and `.`", problems)
        for key in _NOT_INSIDE:
            if key in node.value:
                _report(tree, node.value[key], f"`{key}` cannot be set inside an environment", problems)
        default = child(node, "default")
        if default is not None and not isinstance(default.value, bool):
            _report(tree, default, f"`default`: expected true or false, got {describe(default.value)}", problems)
        found[name] = node
    return found


def _choose(
    tree: Tree, section: Node, known: Mapping[str, Node], wanted: str | None, problems: list[Problem]
) -> str | None:
    if wanted is not None:
        if wanted in known:
            return wanted
        listed = ", ".join(known)
        text = f"there is no environment `{wanted}`{did_you_mean(wanted, known)} (there are: {listed})"
        _report(tree, section, text, problems)
        return None
    marked = [name for name, node in known.items() if (flag := child(node, "default")) and flag.value is True]
    if len(marked) > 1:
        _report(tree, known[marked[1]], f"two environments are the default: {marked[0]} and {marked[1]}", problems)
        return marked[0]
    if marked or len(known) == 1 or "default" in known:
        return (marked or [name for name in known if len(known) == 1 or name == "default"])[0]
    if known:
        listed = ", ".join(known)
        _report(tree, section, f"choose an environment with --env, or mark one `default: true`: {listed}", problems)
    return None
