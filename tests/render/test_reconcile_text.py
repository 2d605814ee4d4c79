"""Verdicts for people: the worst first, what differs below it, equal tables counted when they are many."""

from collections.abc import Callable

import pytest

from replicator.render.look import Look
from replicator.render.reconcile import report_text
from tests.render.verdicts import a_bad_day, report, result


@pytest.mark.parametrize("equal", [3, 500])
def test_looks_as_agreed(equal: int, golden: Callable[[str, str], None]) -> None:
    golden(f"reconcile-{equal}.txt", report_text(a_bad_day(equal), Look()))


def test_five_hundred_tables_fit_a_screen_and_full_names_them() -> None:
    assert len(report_text(a_bad_day(500), Look()).splitlines()) < 40
    assert "dr.ops.t499" in report_text(a_bad_day(500), Look(full=True))


def test_one_equal_table_is_three_lines() -> None:
    lines = report_text(report(result("dr.sales.orders")), Look()).splitlines()
    assert lines[0] == "✓ MATCH  dr.sales.orders  1,000 rows · 8 columns · source v34, copy v12"
    assert lines[1] == "1 copy: 1 equal."
    assert len(lines) == 3


def test_nothing_declared_says_so() -> None:
    assert report_text(report(), Look()).startswith("Nothing to reconcile")
