"""A pair of metastores of many tables, in seconds: a small pair is applied for real, then its catalog is multiplied.

The source holds `main`, shared with the target, which holds a replica of each table in `dr`. State, grants and share
are what the real apply left, under as many names.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from replicator.address import Address
from replicator.config import load
from replicator.emulator import sql, start, stop
from replicator.emulator.multiply import identifier, multiply_schema, multiply_table
from replicator.engine.state import Entry
from replicator.execution import places
from replicator.execution.running import apply_plan
from replicator.execution.session import Snapshots, open_session, prepare
from replicator.execution.standing import remembered
from replicator.execution.store import open_state, save

SOURCE, TARGET = "us-east", "eu-west"
SCHEMA, TABLE = "s0000", "t00000"
COLUMNS = 20
GRANTED_IN_EACH = 1
"""Tables of each schema that have grants of their own, in the source and in the file."""

_CONFIG = """
version: "1.0"
source_databricks_connect_config: {{host: "emulator://us-east"}}
target_databricks_connect_config: {{host: "emulator://eu-west"}}
delta_share_config:
  enabled: true
  recipient_id: dr
  shares:
    - {{share_name: everything, catalog_name: main, shared_catalog_name: shared, schemas: [{{schema_name: "s*"}}]}}
replication_config:
  enabled: true
  catalogs: [{{catalog_name: main, target_catalog: dr, schemas: [{{schema_name: "s*"}}]}}]
resources:
  target:
    grants:
{grants}
"""


@dataclass(frozen=True)
class Size:
    """So many tables, spread evenly over so many schemas."""

    tables: int
    schemas: int

    def schema_names(self) -> list[str]:
        return [f"s{number:04}" for number in range(self.schemas)]

    def places(self) -> Iterator[tuple[str, str]]:
        """Schema and name of every table."""
        names = self.schema_names()
        for number in range(self.tables):
            yield names[number % self.schemas], f"t{number // self.schemas:05}"


def build(folder: Path, size: Size, *, columns: int = COLUMNS) -> Path:
    """Make the metastores, the state and the configuration in a folder; the configuration's path."""
    config = folder / "replicator.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    config.write_text(_CONFIG.format(grants=_grants([SCHEMA])), encoding="utf-8")
    root = folder / ".replicator" / "emulator"
    source, target = start(SOURCE, root), start(TARGET, root)
    listed = ", ".join(f"column_{n:02} {'BIGINT' if n % 3 else 'STRING'} COMMENT 'no. {n}'" for n in range(columns))
    for statement in (
        "CREATE CATALOG main",
        f"CREATE SCHEMA main.{SCHEMA}",
        f"CREATE TABLE main.{SCHEMA}.{TABLE} ({listed}) COMMENT 'one of many'",
    ):
        sql.execute(source.session(), statement)
    with open_session(load(config), locked_for="apply") as session:
        done = apply_plan(session, prepare(session))
    assert not done.exit_code, done
    with open_session(load(config)) as session:
        snapshots = prepare(session).snapshots
    _multiply(folder, size, snapshots)
    config.write_text(_CONFIG.format(grants=_grants(size.schema_names())), encoding="utf-8")
    stop(source)
    stop(target)
    return config


def _grants(schemas: list[str]) -> str:
    """Grants on every schema of replicas and on some of their tables, as the file declares them."""
    lines = []
    for schema in schemas:
        lines.append(f"      schema/dr.{schema}: {{privileges: {{account users: [USE_SCHEMA, SELECT]}}}}")
        for number in range(GRANTED_IN_EACH):
            lines.append(f"      table/dr.{schema}.t{number:05}: {{privileges: {{account users: [SELECT]}}}}")
    return "\n".join(lines)


def _multiply(folder: Path, size: Size, snapshots: Snapshots) -> None:
    root = folder / ".replicator" / "emulator"
    others = [name for name in size.schema_names() if name != SCHEMA]
    for name, catalog in ((SOURCE, "main"), (TARGET, "dr")):
        here = start(name, root)
        multiply_schema(here.store, name, catalog, SCHEMA, others)
        places = (place for place in size.places() if place != (SCHEMA, TABLE))
        template = (catalog, SCHEMA, TABLE)
        multiply_table(here.store, name, template, places, granted=_is_granted if catalog == "dr" else lambda p: False)
    _share(start(SOURCE, root).store, others)
    _state(folder, size, others, snapshots)


def _is_granted(place: tuple[str, str]) -> bool:
    return int(place[1][1:]) < GRANTED_IN_EACH


def _share(store, others: list[str]) -> None:  # type: ignore[no-untyped-def]
    doc = store.get(SOURCE, "share", "everything")
    one = doc["objects"][0]
    for name in others:
        schema = store.get(SOURCE, "schema", "main", name)
        doc["objects"].append({**one, "name": f"main.{name}", "_object_id": schema["schema_id"]})
    store.put(SOURCE, "share", "everything", doc=doc)


def _state(folder: Path, size: Size, others: list[str], snapshots: Snapshots) -> None:
    """The state that applying everything would have left, and that the first look at it afterwards completes."""
    kept = places.backend(load(folder / "replicator.yaml"))
    state = open_state(kept).state
    found = dict(state.resources)
    share = found["source:share/everything"]
    objects = share.inputs["objects"]
    one = objects[f"SCHEMA:main.{SCHEMA}"]
    share.inputs["objects"] = {**objects, **{f"SCHEMA:main.{name}": one for name in others}}
    share.watched["objects"] = sorted([[f"SCHEMA:main.{name}"] for name in (SCHEMA, *others)])
    for kind in ("schema", "grants/schema"):
        at = f"target:{kind}/dr.{SCHEMA}"
        for name in others:
            entry = _renamed(found[at], SCHEMA, name)
            number = identifier(TARGET, "dr", name) if kind == "schema" else found[at].id
            found[at.replace(SCHEMA, name)] = entry.model_copy(update={"id": number})
    clone, grants = f"target:clone/dr.{SCHEMA}.{TABLE}", f"target:grants/table/dr.{SCHEMA}.{TABLE}"
    at = Address.parse(clone)
    found[clone] = found[clone].model_copy(update={"outputs": remembered(found[clone], at, snapshots)})
    for schema, table in size.places():
        if (schema, table) == (SCHEMA, TABLE):
            continue
        full = f"{schema}.{table}"
        entry = _renamed(found[clone], f"{SCHEMA}.{TABLE}", full, SCHEMA, schema)
        entry.outputs["origin_id"] = identifier(SOURCE, "main", schema, table)
        number = identifier(TARGET, "dr", schema, table)
        found[f"target:clone/dr.{full}"] = entry.model_copy(update={"id": number})
        if _is_granted((schema, table)):
            found[f"target:grants/table/dr.{full}"] = _renamed(found[grants], f"{SCHEMA}.{TABLE}", full)
    save(kept, state.model_copy(update={"resources": found, "serial": state.serial + 1}))


def _renamed(entry: Entry, *pairs: str) -> Entry:
    text = json.dumps(entry.model_dump(mode="json"))
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        text = text.replace(old, new)
    return Entry.model_validate_json(text)
