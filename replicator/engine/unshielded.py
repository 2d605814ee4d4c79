"""What hides rows or values of a table and does not come along when it is cloned. Pure."""

from replicator.resources.base import Observed


def unshielded(origin: Observed, copy: Observed | None) -> tuple[str, ...]:
    """The row filter and the column masks that an origin has and its copy lacks, in words."""
    found: list[str] = []
    row_filter = origin.info.get("row_filter")
    if row_filter and not (copy is not None and copy.info.get("row_filter")):
        found.append(f"the row filter {row_filter.get('function_name')}")
    bare = sorted(_masked(origin) - (_masked(copy) if copy is not None else frozenset()))
    if bare:
        found.append(f"the mask{'s' * (len(bare) > 1)} of {', '.join(bare)}")
    return tuple(found)


def _masked(table: Observed) -> frozenset[str]:
    return frozenset(name for name, facts in table.info.get("columns", {}).items() if "mask" in facts)
