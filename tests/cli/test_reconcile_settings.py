"""What reconciliation_config says of a whole run: how many tables, and where results go."""

import json
from pathlib import Path

from tests.cli.conftest import CONFIG, Command

MORE = "  enable_sampling: true\n  no_of_sampling_tables: 1\n  recon_schema_check_table: findings\n"


def test_a_sample_is_taken_and_tables_of_results_are_called_as_the_file_says(shop: Path, command: Command) -> None:
    (shop / "replicator.yaml").write_text(CONFIG + MORE)
    assert command("apply", "--yes").code == 0
    report = json.loads(command("reconcile", "--json").out)
    assert (len(report["tables"]), report["declared"]) == (1, 2)
    every = json.loads(command("reconcile", "--sample", "2", "--json").out)
    assert len(every["tables"]) == 2
    tables = command("emulator", "exec", "emulator://eu-west", "SHOW TABLES IN shop_dr.checks").out
    assert "findings" in tables
    assert "recon_rows" in tables
    assert "recon_columns" not in tables


def test_two_tables_of_results_cannot_have_one_name(shop: Path, command: Command) -> None:
    (shop / "replicator.yaml").write_text(CONFIG + "  recon_schema_check_table: recon_runs\n")
    ended = command("validate")
    assert ended.code == 1
    assert "two tables of results cannot have one name" in ended.err


def test_the_last_line_counts_the_statements_that_timings_counts(shop: Path, command: Command) -> None:
    assert command("apply", "--yes").code == 0
    for _ in range(2):  # computed, then remembered
        ended = command("reconcile", "--timings")
        rows = [line.split() for line in ended.err.splitlines() if line.startswith(("source ", "target "))]
        asked = sum(int(row[2]) for row in rows)
        assert asked > 0
        assert f" · {asked} statement" in ended.out.replace("\n ", "")
