"""Views and tags through a whole day: made, edited behind our back, brought back, taken away."""

from pathlib import Path

import pytest

from tests.cli.conftest import Command

CONFIG = """
version: "1.0"
source_databricks_connect_config: {host: "emulator://us-east"}
target_databricks_connect_config: {host: "emulator://eu-west"}
resources:
  source:
    tables:
      shop.sales.orders:
        lifecycle: {on_existing: import}
        columns: [{name: note, type: string, tags: {pii: "yes"}}]
    views:
      shop.sales.noted:
        definition: "SELECT id FROM shop.sales.orders WHERE note IS NOT NULL"
        comment: "Orders with a note"
        tags: {team: "sales", draft: ""}
"""


@pytest.fixture
def applied(shop: Path, command: Command) -> Path:
    (shop / "replicator.yaml").write_text(CONFIG)
    ended = command("apply", "--yes")
    assert ended.code == 0, ended.out
    assert "No changes." in command("plan").out
    assert command("drift").code == 0
    return shop


def sql(command: Command, statement: str) -> str:
    ended = command("emulator", "exec", "emulator://us-east", statement)
    assert ended.code == 0, ended.err
    return ended.out


def test_edits_behind_our_back_are_drift_and_are_undone(applied: Path, command: Command) -> None:
    sql(command, "ALTER VIEW shop.sales.noted AS SELECT id FROM shop.sales.orders")
    sql(command, "ALTER TABLE shop.sales.orders ALTER COLUMN note UNSET TAGS ('pii')")
    sql(command, "ALTER VIEW shop.sales.noted SET TAGS ('team' = 'theirs', 'other' = 'x')")
    drift = command("drift")
    assert drift.code == 2
    assert "source:view/shop.sales.noted" in drift.out
    assert "source:tags/column/shop.sales.orders.note" in drift.out
    assert "source:tags/table/shop.sales.noted" in drift.out
    assert command("apply", "--yes").code == 0
    assert "No changes." in command("plan").out
    assert command("drift").code == 0
    rows = sql(
        command,
        "SELECT tag_name, tag_value FROM shop.information_schema.table_tags WHERE table_name = 'noted' ORDER BY 1",
    )
    assert [line.split() for line in rows.splitlines() if " x" in line or "sales" in line] == [
        ["other", "x"],
        ["team", "sales"],
    ]


def test_a_tag_that_is_declared_without_a_value_is_taken_away_and_stays_away(applied: Path, command: Command) -> None:
    path = applied / "replicator.yaml"
    path.write_text(CONFIG.replace('pii: "yes"', "pii: ").replace(', draft: ""', ""))
    plan = command("plan")
    assert "takes away the tag pii: policies that go by it no longer apply" in plan.out
    assert "takes away the tag draft" in plan.out
    assert command("apply", "--yes").code == 0
    assert "No changes." in command("plan").out
    assert command("drift").code == 0


def test_a_view_in_the_place_of_a_table_is_never_taken_over(applied: Path, command: Command) -> None:
    sql(command, "CREATE TABLE shop.sales.taken (i INT)")
    path = applied / "replicator.yaml"
    path.write_text(CONFIG + "      shop.sales.taken: {definition: SELECT 1 AS i}\n")
    ended = command("apply", "--yes")
    assert ended.code == 4
    assert "exists as something else: a table" in ended.out
    assert "OW103" in ended.out


def test_what_leaves_the_file_goes_and_only_that(applied: Path, command: Command) -> None:
    sql(command, "ALTER TABLE shop.sales.orders ALTER COLUMN note SET TAGS ('kept' = 'x')")
    path = applied / "replicator.yaml"
    path.write_text(CONFIG[: CONFIG.index("resources:")] + "resources: {}\n")
    ended = command("apply", "--yes")
    assert ended.code == 0, ended.out
    assert "noted" not in sql(command, "SHOW VIEWS IN shop.sales")
    tags = sql(command, "SELECT tag_name FROM shop.information_schema.column_tags")
    assert "kept" in tags
    assert "pii" not in tags
    assert "orders" in sql(command, "SHOW TABLES IN shop.sales")
