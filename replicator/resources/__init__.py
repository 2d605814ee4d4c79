"""What a metastore can hold: one module per type, and this table of them."""

from replicator.resources import catalog, check, clone, grants, provider, recipient, schema, share, table, tags, view
from replicator.resources.base import ResourceType

TYPES: dict[str, ResourceType] = {
    module.TYPE.name: module.TYPE
    for module in (catalog, schema, table, clone, view, share, recipient, provider, grants, tags, check)
}
