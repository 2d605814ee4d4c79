"""What the operations have in common: where the data of a table really is, and the catalogs that copies go to."""

from replicator.address import Address, Side
from replicator.config.building import Building
from replicator.config.levels import Levels, setting
from replicator.config.selection import Pick
from replicator.resources.base import Lifecycle
from replicator.resources.catalog import Catalog
from replicator.resources.clone import Clone, MaxLag


def address_of(building: Building, name: str) -> Address:
    """The address of a table on the source: the one it is declared under, if it is."""
    return building.slots.get((Side.SOURCE, "table", name), Address(Side.SOURCE, "table", name))


def backing_of(building: Building, pick: Pick) -> Address | None:
    """The table that holds the rows: of a pipeline's table its backing table, else the table itself.

    A pipeline's table cannot be cloned or shared to be cloned (https://docs.databricks.com/delta/clone), so a
    backing table that was not found is a problem.
    """
    if not pick.of_pipeline:
        return address_of(building, pick.name)
    backing = pick.observed.info.get("backing_table")
    if backing:
        return address_of(building, str(backing))
    why = pick.observed.info.get("backing_unknown") or "its pipeline has no backing table that can be seen"
    building.problem(
        pick.at,
        f"the backing table of {pick.name} is unknown: {why}; get access to it, or put it under `exclude_tables`",
    )
    return None


def limited(clone: Clone, levels: Levels) -> Clone:
    """The copy with the `max_lag` that holds for it, if one does."""
    limit: MaxLag | None = setting("max_lag", levels)
    return clone if limit is None else clone.model_copy(update={"max_lag": limit})


def catalog_at(side: Side, name: str, location: str | None, lifecycle: Lifecycle | None = None) -> Catalog:
    """A catalog of which nothing is managed but its storage root, if that is given."""
    made = Catalog(side=side, name=name, lifecycle=lifecycle or Lifecycle())
    return made if location is None else made.model_copy(update={"storage_root": location})
