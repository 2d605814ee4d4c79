"""A small deployment between two emulated metastores, and the command line run in this process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from replicator.cli import entry

SOURCE = """
CREATE CATALOG shop;
CREATE SCHEMA shop.sales;
CREATE TABLE shop.sales.orders (id BIGINT, note STRING) COMMENT 'One row for each order';
INSERT INTO shop.sales.orders VALUES (1, 'a;b'), (2, 'it''s -- no comment'), (3, NULL);
CREATE TABLE shop.sales.items (id BIGINT, price DECIMAL(10, 2));
INSERT INTO shop.sales.items VALUES (1, 9.99);
"""

CONFIG = """
version: "1.0"
concurrency: {max_workers: 4}
retry: {max_attempts: 1, retry_delay_seconds: 0}
source_databricks_connect_config: {host: "emulator://us-east"}
target_databricks_connect_config: {host: "emulator://eu-west"}
delta_share_config:
  enabled: true
  recipient_id: "dr"
  shares:
    - share_name: "shop_share"
      catalog_name: "shop"
      shared_catalog_name: "shop_shared"
      schemas: [{schema_name: "sales"}]
replication_config:
  enabled: true
  catalogs:
    - catalog_name: "shop"
      target_catalog: "shop_dr"
      schemas: [{schema_name: "sales"}]
reconciliation_config:
  enabled: true
  recon_outputs_catalog: "shop_dr"
  recon_outputs_schema: "checks"
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test makes a key in the home of whoever runs it."""
    monkeypatch.setenv("REPLICATOR_PLAN_KEY", "a key for tests alone")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command line here; fails if a traceback is shown."""

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        code = entry.run(list(arguments))
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        assert "a defect in replicator" not in captured.err, captured.err
        return Ended(code, captured.out, captured.err)

    return run


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> Iterator[Path]:
    """A folder with a configuration, two metastores beside it, and a source that holds two tables."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "replicator.yaml").write_text(CONFIG)
    (tmp_path / "source.sql").write_text(SOURCE)
    ended = command("emulator", "exec", "emulator://us-east", "-f", "source.sql")
    assert ended.code == 0, ended.err
    yield tmp_path
    from replicator.emulator.launch import stop_all

    stop_all()
