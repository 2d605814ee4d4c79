"""Ten thousand tables in two hundred schemas, nothing changed: how many requests and statements a plan takes."""

from pathlib import Path

import pytest

from benchmarks.metastores import Size, build
from benchmarks.serving import run, served

pytestmark = pytest.mark.slow


def test_a_plan_over_ten_thousand_tables_costs_so_much_and_no_more(tmp_path: Path) -> None:
    config = build(tmp_path, Size(tables=10_000, schemas=200))
    with served(config) as there:
        spent = run(there, "plan", "--detailed-exitcode")
    assert spent.code == 0, spent.output[-2000:]
    # Source: who we are (2), the warehouse, the catalog, its schemas (3 pages), the empty schema that a glance says
    # nothing of, the share, its grants, recipients. Target: the same without a share, 201 listings of tables, their
    # sizes, the shared catalog with its provider and schemas, and providers.
    assert (spent.requests, spent.statements) == (226, 56)
    assert spent.refused == 0
