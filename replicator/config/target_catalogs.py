"""`target_catalogs:`: one selection for several operations, written out into the sections that have none.

Settings of one operation may stand beside the selection on every level (catalog, schema, table), under the section's
own key: `target_catalogs: [{catalog_name: a, replication_config: {target_catalog: b}}]`.
"""

from replicator.config.nodes import Node, Tree, child, describe, merge, without
from replicator.config.problems import Problem

_SECTIONS = ("backup_config", "replication_config", "reconciliation_config")
_BELOW = {"target_schemas": "schemas", "schemas": "schemas", "tables": "tables"}


def write_out(tree: Tree, problems: list[Problem]) -> Tree:
    """The tree without `target_catalogs`; its entries stand as `catalogs` in every section that had none."""
    listed = child(tree.root, "target_catalogs")
    if listed is None:
        return tree
    root = without(tree.root, "target_catalogs")
    if not isinstance(listed.value, list):
        text = f"`target_catalogs`: expected a list, got {describe(listed.value)}"
        problems.append(Problem(tree.at(("target_catalogs",)), text))
        return Tree(tree.file, root)
    taking = [
        name
        for name in _SECTIONS
        if (section := child(root, name)) and isinstance(section.value, dict) and "catalogs" not in section.value
    ]
    if not taking:
        text = "`target_catalogs` is used by no section: each has `catalogs` of its own, or there is none"
        problems.append(Problem(tree.at(("target_catalogs",), key=True), text))
    for name in taking:
        root.value[name] = _with_catalogs(root.value[name], listed, name)
    return Tree(tree.file, root)


def _with_catalogs(section: Node, listed: Node, name: str) -> Node:
    catalogs = Node([_entry(item, name) for item in listed.value], listed.mark, listed.key)
    return Node(section.value | {"catalogs": catalogs}, section.mark, section.key)


def _entry(item: Node, section: str) -> Node:
    """One level of the selection with the settings of one section."""
    if not isinstance(item.value, dict):
        return item
    own = without(item, *_SECTIONS)
    for written, key in _BELOW.items():
        below = own.value.pop(written, None)
        if below is not None and isinstance(below.value, list):
            below = Node([_entry(part, section) for part in below.value], below.mark, below.key)
        if below is not None:
            own.value[key] = below
    settings = child(item, section)
    return own if settings is None else merge(own, settings)
