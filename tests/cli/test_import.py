"""import: what exists, written down so that the next plan takes it over and changes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from replicator.errors import ExitCode
from tests.cli.conftest import Command

THERE = """
CREATE CATALOG ops COMMENT 'runs on ${hope}, "quoted": yes';
CREATE SCHEMA ops.`raw` COMMENT 'true';
CREATE SCHEMA ops.marts;
CREATE TABLE ops.raw.events (Id BIGINT NOT NULL COMMENT 'the key: unique', note STRING, amount DECIMAL(12, 2),
  nested STRUCT<a: INT, b: ARRAY<STRING>>) PARTITIONED BY (note) COMMENT 'line one
line two' TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true', 'owner.team' = '007');
CREATE TABLE ops.raw.users (id BIGINT) CLUSTER BY (id);
CREATE TABLE ops.marts.daily (day DATE);
CREATE VIEW ops.marts.seen AS SELECT 1 AS one;
GRANT USE SCHEMA, SELECT ON SCHEMA ops.raw TO `analysts`;
"""

CONFIG = """# Who runs this: data platform
version: "1.0"   # the format
source_databricks_connect_config: {host: "emulator://us-east"}
target_databricks_connect_config:
  host: 'emulator://eu-west'
resources:
  target:
    schemas:
      # made by hand
      ops.marts: {comment: 'Marts'}
"""


@pytest.fixture
def there(shop: Path, command: Command) -> Path:
    (shop / "replicator.yaml").write_text(CONFIG)
    (shop / "there.sql").write_text(THERE)
    made = command("emulator", "exec", "emulator://eu-west", "-f", "there.sql")
    assert made.code == 0, made.err
    return shop


def planned(command: Command) -> list[Any]:
    ended = command("plan", "--json")
    assert ended.code == 0, ended.err
    return list(json.loads(ended.out)["actions"])


def test_the_next_plan_imports_and_changes_nothing_and_then_there_is_nothing_to_do(
    there: Path, command: Command
) -> None:
    ended = command("import", "target:*/ops*", "--grants")
    assert ended.code == 0, ended.err
    assert "= target:table/ops.raw.events" in ended.out
    assert "target:schema/ops.marts is left out: it is declared already" in ended.err
    assert "= target:view/ops.marts.seen" in ended.out
    found = {action["address"]: action for action in planned(command)}
    own = found.pop("target:schema/ops.marts")
    assert [change["path"] for change in own["changes"]] == [["comment"]]
    assert {"target:catalog/ops", "target:table/ops.raw.events", "target:grants/schema/ops.raw"} <= found.keys()
    assert {action["do"] for action in found.values()} == {"import"}
    assert [action["changes"] for action in found.values()] == [[]] * len(found)
    assert [action["blocked"] for action in found.values()] == [[]] * len(found)
    assert command("apply", "--yes").code == 0
    assert planned(command) == []


@pytest.mark.parametrize("indent", [2, 4])
def test_what_the_file_held_stays_as_it_was(indent: int, there: Path, command: Command) -> None:
    lines = [line.lstrip() for line in CONFIG.splitlines()]
    depths = [(len(line) - len(line.lstrip())) // 2 * indent for line in CONFIG.splitlines()]
    config = "".join(f"{' ' * depth}{line}\n" for depth, line in zip(depths, lines, strict=True))
    (there / "replicator.yaml").write_text(config)
    assert command("import", "target:table/ops.raw.*").code == 0
    text = (there / "replicator.yaml").read_text()
    kept = iter(text.splitlines())
    assert all(line in kept for line in config.splitlines()), text


def test_the_file_keeps_its_mode(there: Path, command: Command) -> None:
    (there / "replicator.yaml").chmod(0o640)
    assert command("import", "target:table/ops.raw.users").code == 0
    assert (there / "replicator.yaml").stat().st_mode & 0o777 == 0o640


GOVERNED = """
SET TAG ON CATALOG ops team = platform;
ALTER SCHEMA ops.raw SET TAGS ('layer' = 'bronze');
ALTER TABLE ops.raw.users SET TAGS ('owner_team' = '007', 'reviewed' = '');
ALTER TABLE ops.raw.users ALTER COLUMN id SET TAGS ('pii' = 'no');
CREATE FUNCTION ops.raw.hidden(x STRING) RETURNS STRING RETURN '*';
ALTER TABLE ops.raw.events ALTER COLUMN note SET MASK ops.raw.hidden;
"""


def test_tags_come_along_and_what_has_no_words_is_told(there: Path, command: Command) -> None:
    (there / "more.sql").write_text(GOVERNED)
    made = command("emulator", "exec", "emulator://eu-west", "-f", "more.sql")
    assert made.code == 0, made.err
    ended = command("import", "target:catalog/ops", "target:schema/ops.raw", "target:table/ops.raw.*")
    assert ended.code == 0, ended.err
    tagged = ("catalog/ops", "schema/ops.raw", "table/ops.raw.users", "column/ops.raw.users.id")
    assert [name for name in tagged if f"= target:tags/{name}\n" not in ended.out] == []
    assert "target:table/ops.raw.events is written without the mask of note" in ended.err
    assert "--grants writes it too" in ended.err
    actions = planned(command)
    changed = {action["address"] for action in actions if action["changes"]}
    assert changed == {"target:schema/ops.marts"}  # which the file declared before, with another comment
    assert command("apply", "--yes").code == 0
    assert planned(command) == []
    assert "is left out: it is declared already" in command("import", "target:table/ops.raw.users").err


def test_importing_twice_adds_nothing(there: Path, command: Command) -> None:
    command("import", "target:table/ops.raw.*")
    before = (there / "replicator.yaml").read_text()
    again = command("import", "target:table/ops.raw.*")
    assert (again.code, again.out) == (0, "Nothing to import.\n")
    assert (there / "replicator.yaml").read_text() == before


def test_out_leaves_the_configuration_alone(there: Path, command: Command) -> None:
    printed = command("import", "target:schema/ops.raw", "--out", "-")
    assert "ops.raw:" in printed.out
    assert command("import", "target:schema/ops.raw", "--out", "new.yaml").code == 0
    assert (there / "new.yaml").read_text() == printed.out
    assert (there / "replicator.yaml").read_text() == CONFIG


def test_shares_and_recipients_of_another_deployment_are_taken_over(shop: Path, command: Command) -> None:
    command("apply", "--yes")
    (shop / "state").rename(shop / "lost")
    (shop / "replicator.yaml").write_text(CONFIG.partition("resources:")[0])
    ended = command("import", "source:share/*", "source:recipient/*", "target:catalog/shop_shared", "--grants")
    assert ended.code == 0, ended.err
    text = (shop / "replicator.yaml").read_text()
    assert "metastore: target" in text
    assert "provider: source" in text
    actions = planned(command)
    assert {action["do"] for action in actions} == {"import"}
    assert [action["changes"] for action in actions] == [[]] * len(actions)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("ops.raw", "not an address"),
        ("target:clone/ops.raw.*", "clone cannot be imported"),
        ("target:grants/schema/*", "grants cannot be imported by this pattern"),
        ("target:table/ops.raw.nothing", "nothing that exists has such an address"),
    ],
)
def test_a_pattern_that_names_nothing_is_a_mistake(pattern: str, said: str, there: Path, command: Command) -> None:
    refused = command("import", pattern)
    assert refused.code == ExitCode.USAGE
    assert said in refused.err
    assert (there / "replicator.yaml").read_text() == CONFIG
