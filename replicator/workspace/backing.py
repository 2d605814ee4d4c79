"""Where the rows of a pipeline's tables live: the hidden backing table behind a streaming table or materialized view.

CLONE refuses the pipeline's own tables and takes their backing tables, which the platform has named in several ways.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from replicator.errors import NotFound, WorkspaceError
from replicator.resources import rest, table
from replicator.resources.base import Observed, Reader
from replicator.workspace.failures import reason_unknown

PIPELINE_TYPES = frozenset({"STREAMING_TABLE", "MATERIALIZED_VIEW"})

_FORMS = (
    "{catalog}.{schema}.__materialization_mat_{pipeline}_{table}_1",
    "__databricks_internal.__dlt_materialization_schema_{pipeline}.{table}",
    "__databricks_internal.__dlt_materialization_schema_{pipeline}.__materialization_mat_{pipeline}_{table}_1",
    "__databricks_internal.__dlt_materialization_schema_{pipeline}.__materialization_mat_{table}_1",
)
"""In the order in which they are looked for: default publishing mode first, then three forms of the legacy mode."""


def candidates(full_name: str, pipeline_id: str) -> tuple[str, ...]:
    """The names that the backing table of a pipeline's table may have."""
    catalog, schema, name = full_name.split(".")
    pipeline = pipeline_id.replace("-", "_")
    return tuple(form.format(catalog=catalog, schema=schema, table=name, pipeline=pipeline) for form in _FORMS)


def with_backing_tables(
    reader: Reader, tables: Mapping[str, Observed], pool: ThreadPoolExecutor
) -> dict[str, Observed]:
    """The tables, those of pipelines naming their backing table in `info`, and the backing tables beside them."""
    asked = {
        name: pool.submit(_find, reader, candidates(name, item.info["pipeline_id"]), tables)
        for name, item in sorted(tables.items())
        if item.info.get("table_type") in PIPELINE_TYPES and item.info.get("pipeline_id")
    }
    found = dict(tables)
    for name, future in asked.items():
        facts, backing = future.result()
        found[name] = replace(tables[name], info={**tables[name].info, **facts})
        if backing is not None:
            found[backing.name] = backing
    return found


def _find(
    reader: Reader, names: tuple[str, ...], listed: Mapping[str, Observed]
) -> tuple[dict[str, Any], Observed | None]:
    """What is known of the backing table. A name that may not be looked at proves nothing, and is said to."""
    refused = ""
    for name in names:
        try:
            observed = listed[name] if name in listed else table.observe(reader.get(rest.path("tables", name)))
        except NotFound:
            continue
        except WorkspaceError as error:
            refused = refused or reason_unknown(error)
            continue
        return {"backing_table": observed.name}, observed
    return {"backing_unknown": refused or "no backing table was found under any known name"}, None
