"""A small pair of metastores behind real HTTP, and the commands' own way to plan and apply over it."""

from pathlib import Path

from replicator.config import load
from replicator.emulator import sql, start, stop
from replicator.emulator.faults import Faults, Rule
from replicator.engine.actions import Plan
from replicator.execution.results import ApplyResult
from replicator.execution.running import apply_plan
from replicator.execution.session import open_session, prepare


def head(*, workers: int, attempts: int) -> str:
    """The beginning of a configuration over the pair."""
    return f"""
version: "1.0"
concurrency: {{max_workers: {workers}}}
retry: {{max_attempts: {attempts}, retry_delay_seconds: 0}}
source_databricks_connect_config: {{host: "emulator://us-east"}}
target_databricks_connect_config: {{host: "emulator://eu-west"}}
"""


CONFIG = (
    head(workers=2, attempts=3)
    + """backup_config:
  enabled: true
  audit_log_table: operations.audit.logs
  catalogs:
    - catalog_name: main
      backup_catalog: bk
      schemas: [{schema_name: sales}]
delta_share_config:
  enabled: true
  recipient_id: dr
  shares:
    - share_name: out
      catalog_name: main
      schema_suffix: _share
      shared_catalog_name: shared
      schemas: [{schema_name: sales}]
replication_config:
  enabled: true
  catalogs: [{catalog_name: main, target_catalog: dr, schemas: [{schema_name: sales}]}]
reconciliation_config:
  enabled: true
"""
)

SOURCE = (
    "CREATE CATALOG main",
    "CREATE SCHEMA main.sales",
    "CREATE CATALOG operations",
    "CREATE TABLE main.sales.orders (id BIGINT, note STRING) COMMENT 'what was ordered'",
    "INSERT INTO main.sales.orders SELECT id, 'x' FROM range(100)",
)

TABLES = ("source:clone/bk.sales.orders", "target:clone/dr.sales.orders")
REST_WRITES = {"method": "POST|PATCH|PUT|DELETE", "path": r"^/api/2\.1/unity-catalog/"}
SQL_WRITES = {"statement": r"\b(CREATE (OR REPLACE )?(TABLE|SCHEMA)|ALTER TABLE|COMMENT ON|INSERT INTO) "}


def root(folder: Path) -> Path:
    return folder / ".replicator" / "emulator"


def on_source(folder: Path, *statements: str) -> None:
    """Run SQL on the source as its owner."""
    session = start("us-east", root(folder)).session()
    for statement in statements:
        sql.execute(session, statement)


def rows(folder: Path, query: str) -> list[dict[str, object]]:
    """What a query on the source returns."""
    found: list[dict[str, object]] = sql.execute(start("us-east", root(folder)).session(), query).table.to_pylist()
    return found


def begin(folder: Path) -> Path:
    """A folder with the configuration, and a source with a table in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "replicator.yaml").write_text(CONFIG, encoding="utf-8")
    on_source(folder, *SOURCE)
    return folder


def faults(folder: Path, *rules: Rule) -> Faults:
    """The weather that both workspaces share from now on."""
    found = start("us-east", root(folder)).faults
    found.clear()
    found.add(*rules)
    return found


def struck(weather: Faults, rule: Rule) -> bool:
    """Whether a rule's time came."""
    return any(seen > rule.after for (known, _), seen in weather._seen.items() if known == rule)


def end(folder: Path) -> None:
    for name in ("us-east", "eu-west"):
        stop(start(name, root(folder)))


def apply(folder: Path) -> ApplyResult:
    with open_session(load(folder / "replicator.yaml"), locked_for="apply") as session:
        return apply_plan(session, prepare(session))


def plan(folder: Path) -> Plan:
    with open_session(load(folder / "replicator.yaml")) as session:
        return prepare(session).plan


def orphans(folder: Path) -> set[str]:
    """Objects with this deployment's mark that its state does not hold."""
    with open_session(load(folder / "replicator.yaml")) as session:
        prepared = prepare(session)
    state = prepared.state
    held = {address.replace(":clone/", ":table/") for address in state.resources}
    found = {
        f"{side}:{kind}/{name}"
        for side, snapshot in prepared.snapshots.items()
        for kind, items in snapshot.objects.items()
        for name, item in items.items()
        if item.mark == state.lineage
    }
    return found - held
