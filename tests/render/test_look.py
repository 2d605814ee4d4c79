"""Numbers, cuts and lists, the way people read them."""

import pytest

from replicator.errors import ReplicatorError
from replicator.render.fit import spread
from replicator.render.look import Look, clean, cut, duration, folded, joined, size, value
from replicator.render.problems import error_text
from replicator.render.table import table_text
from replicator.wording import listed, many


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (410 * 1024**3, "410 GiB"), (2_111_062_325_330, "1.92 TiB")],
)
def test_sizes(number: int, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (2.14, "2.1 s"), (59.94, "59.9 s"), (372, "6 m 12 s"), (3840, "1 h 04 m")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_cut_keeps_both_ends_and_the_width() -> None:
    assert cut("abcdefghij", 10) == "abcdefghij"
    assert cut("abcdefghijk", 10) == "abcd…ghijk"
    assert all(len(cut("x" * 50, width)) == width for width in range(3, 50))


def test_lists_show_three_and_count_the_rest() -> None:
    assert listed(["a", "b", "c"]) == "a, b, c"
    assert listed(["a", "b", "c", "d"]) == "a, b, c, …1 more"


def test_values() -> None:
    assert value(None) == "unset"
    assert value("") == '""'
    assert value({"b": 1, "a": [True]}) == '{"a": [true], "b": 1}'
    assert value({"$secret": "digest"}) == "(secret)"
    assert value({"$unknown": "made by the platform"}) == "(known after apply: made by the platform)"


def test_control_characters_are_spelled_out() -> None:
    assert clean("a\x1b[2Jb\u202ec") == "a\\x1b[2Jb\\u202ec"
    assert clean("Ünïcode 日本") == "Ünïcode 日本"


def test_rows_take_what_fits() -> None:
    assert joined(["one", "two", "three"], 10) == "one · two"
    assert folded("x: ", ["aaaa", "bbbb", "cccc"], 14) == ["x: aaaa · bbbb ·", "  cccc"]
    assert spread("left", "right", 20) == "left           right"
    assert spread("left", "right", 10) == "left\n     right"
    assert many(1, "copy", "copies") == "1 copy"
    assert many(1204, "copy", "copies") == "1,204 copies"


def test_an_error_is_a_message_and_what_to_do() -> None:
    error = ReplicatorError("a.yaml:1:1: this\na.yaml:2:3: that\n  x: y\n    ^", hint="mend them")
    indent = " " * len("error: ")
    below = [f"{indent}a.yaml:2:3: that", f"{indent}  x: y", f"{indent}    ^", "  mend them"]
    assert error_text(error).splitlines() == ["error: a.yaml:1:1: this", *below]


def test_a_table_is_aligned_and_counted() -> None:
    text = table_text(["id", "name"], [["1", "a"], ["10", "b\x1b"]], Look(), more=3)
    assert text == "id  name\n--  -----\n1   a\n10  b\\x1b\n(…3 rows more)\n"
