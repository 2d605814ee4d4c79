"""Columns of answers as Python values, whatever type they come in."""

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa

from replicator.workspace.columns import iso, milliseconds, texts

MOMENT = datetime(2026, 3, 1, 12, 30, 15, 123_999, tzinfo=UTC)


def test_a_column_of_timestamps_is_read_to_the_millisecond_in_any_zone_and_unit() -> None:
    exact = int(MOMENT.timestamp()) * 1000 + 123
    for kind in (pa.timestamp("us", "UTC"), pa.timestamp("ns", "Europe/Vienna")):
        assert milliseconds(pa.chunked_array([pa.array([MOMENT, None], kind)])) == [exact, None]
    there_is_no_zone = pa.array([MOMENT.replace(tzinfo=None)], pa.timestamp("us"))
    assert milliseconds(pa.chunked_array([there_is_no_zone])) == [exact]


def test_texts_are_read_too() -> None:
    texts = [MOMENT.isoformat(), MOMENT.astimezone(timezone(timedelta(hours=2))).isoformat(), "2026-03-01 12:30:15.124"]
    exact = int(MOMENT.timestamp()) * 1000 + 124
    assert milliseconds(pa.chunked_array([pa.array([*texts, None])])) == [exact, exact, exact, None]


def test_a_moment_is_written_with_its_milliseconds() -> None:
    assert iso(int(MOMENT.timestamp()) * 1000 + 7) == "2026-03-01T12:30:15.007+00:00"
    assert iso(-1) == "1969-12-31T23:59:59.999+00:00"


def test_strings_are_read_with_their_nulls() -> None:
    for values in ([], ["a", None, "é"], [None, None]):
        assert texts(pa.chunked_array([pa.array(values, pa.string())])) == values
    assert texts(pa.chunked_array([["a"], ["b", None]])) == ["a", "b", None]
