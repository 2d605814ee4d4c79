"""Many tables from one, for measurements: the documents that a real CREATE TABLE or CLONE left, under many names.

Only the catalog grows. All copies of a table read the Delta log of the one they were made from, so that every REST and
SQL answer about them is the one that the platform's own way would have given. None of them may be dropped, nor written
to as if it were alone: their files are one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from replicator.emulator.metastore import Doc, Row, Store, row_of

Place: TypeAlias = tuple[str, str]  # schema and table
_OWN = ("name", "schema_name", "full_name", "table_id", "storage_location")


def identifier(*names: str) -> str:
    """The id of a multiplied object: the same for the same names, so that whoever records it can tell it too."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(names)))


def multiply_schema(store: Store, ms: str, catalog: str, schema: str, names: Iterable[str]) -> None:
    """Copy a schema, with the grants on it and without its tables."""
    found = store.get(ms, "schema", catalog, schema)
    assert found is not None, f"{catalog}.{schema} does not exist"
    grants = store.list(ms, "grant", "schema", catalog, schema)
    with store.transaction():
        for name in names:
            own = {"name": name, "full_name": f"{catalog}.{name}", "schema_id": identifier(ms, catalog, name)}
            store.put(ms, "schema", catalog, name, doc={**found, **own})
            for grant in grants:
                store.put(ms, "grant", "schema", catalog, name, grant["principal"], doc=grant)


def multiply_table(
    store: Store,
    ms: str,
    template: Sequence[str],
    places: Iterable[Place],
    granted: Callable[[Place], bool] = lambda place: False,
) -> None:
    """Copy the table `catalog.schema.table` to other places of its catalog; `granted` ones with the grants on it."""
    found = store.get(ms, "table", *template)
    assert found is not None, f"{'.'.join(template)} does not exist"
    grants = store.list(ms, "grant", "table", *template)
    with_grants: list[Place] = []

    def seen() -> Iterator[Place]:
        for place in places:
            if granted(place):
                with_grants.append(place)
            yield place

    with store.transaction():
        store.put_rows(_tables(ms, template[0], found, seen()))
        for schema, name in with_grants:
            for grant in grants:
                store.put(ms, "grant", "table", template[0], schema, name, grant["principal"], doc=grant)


def _tables(ms: str, catalog: str, found: Doc, places: Iterable[Place]) -> Iterator[Row]:
    """What all copies have in common is turned into text once."""
    row = row_of({key: value for key, value in found.items() if key not in _OWN})
    location = str(found["storage_location"]).rpartition("/")[0]
    for schema, name in places:
        number = identifier(ms, catalog, schema, name)
        own = {"name": name, "schema_name": schema, "full_name": f"{catalog}.{schema}.{name}", "table_id": number}
        head = json.dumps(own | {"storage_location": f"{location}/{number}"}, separators=(",", ":"))
        doc = f"{head[:-1]},{row.doc[1:]}"
        yield row._replace(ms=ms, kind="table", parent=(catalog, schema), name=name, doc=doc)
