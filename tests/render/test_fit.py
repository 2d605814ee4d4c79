"""Lines for a terminal: no word is broken at its edge, and signs of two columns count as two."""

import pytest

from replicator.errors import ReplicatorError
from replicator.render.fit import cells, fitted, padded, spread, taken, wrapped
from replicator.render.look import Look, cut
from replicator.render.problems import error_text
from replicator.render.table import table_text

LONG = "target:clone/aaron_dr.source_schema.orders"


def test_columns_are_not_characters() -> None:
    assert [cells(text) for text in ("plain", "⛔ x", "日本", "é", "e\u0301")] == [5, 4, 4, 1, 1]
    assert padded("⛔", 4) == "⛔  "
    assert taken("日本語", 5) == "日本"
    assert cells(cut("日本語" * 20, 21)) <= 21


@pytest.mark.parametrize("width", [60, 80, 140])
def test_nothing_that_has_blanks_is_wider_than_the_place(width: int) -> None:
    line = f"   ⛔ DL201  {'a word of some kind ' * 20}"
    assert max(map(cells, fitted(line, width).splitlines())) <= width
    assert fitted(line, width).split() == line.split()


def test_what_goes_on_stands_under_its_column() -> None:
    assert fitted("    rule     one two three four five", 24) == "    rule     one two\n      three four five"
    assert fitted("  rule   one two three four five", 24) == "  rule   one two three\n         four five"


def test_a_command_is_never_broken() -> None:
    command = f"replicator apply --allow-destroy {LONG} --allow-destroy {LONG}"
    assert fitted(f"  {command}", 60) == f"  {command}"
    assert fitted(f"What is blocked:  {command}", 60) == f"What is blocked:\n    {command}"


def test_a_mark_that_does_not_fit_stands_below() -> None:
    assert spread("left", "right", 11) == "left  right"
    assert spread("left", "right", 10) == "left\n     right"


def test_a_word_that_is_too_long_stands_alone() -> None:
    assert wrapped(f"see {LONG} there", 20, 2) == ["see", f"  {LONG}", "  there"]


def test_an_error_is_wrapped_and_a_caret_is_not_moved() -> None:
    error = ReplicatorError("one two three four\n  x: y y y y y y y\n     ^", hint="so: replicator plan --full")
    assert error_text(error, 20).splitlines() == [
        "error: one two three",
        "       four",
        "         x: y y y y y y y",
        "            ^",
        "  so:",
        "      replicator plan --full",
    ]


def test_a_table_takes_one_line_a_row_where_it_can() -> None:
    rows = [["a" * 30, "b" * 38, "1"], ["日" * 10, "c", "22"]]
    lines = table_text(["first", "second", "n"], rows, Look(width=60)).splitlines()
    assert max(map(cells, lines)) <= 60
    assert lines[2].startswith("a" * 10)
    assert "…" in lines[2]
    assert len({cells(line[: line.rindex("  ")]) for line in lines[2:4]}) == 1
