"""YAML as it is typed: accepted exactly, or refused in one line with its place and a caret."""

import time
from collections.abc import Callable

import pytest

from replicator.config.nodes import plain
from replicator.config.yaml import parse
from replicator.errors import ConfigError


def read(text: str | bytes) -> tuple[object, list[str]]:
    problems: list[object] = []
    tree = parse(text if isinstance(text, bytes) else text.encode(), "c.yaml", problems)
    return plain(tree.root), [str(problem).splitlines()[0] for problem in problems]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("010", "010"),
        ("0o10", 8),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("2026-01-01", "2026-01-01"),
        ("12:30:00", "12:30:00"),
        ("'12'", "12"),
        ('"a\\tb"', "a\tb"),
        ("!!str 12", "12"),
        ("!!float 12", 12.0),
        ("! 12", "12"),
        ("1.0.0", "1.0.0"),
        ("caf\u00e9", "caf\u00e9"),
    ],
)
def test_words_mean_what_yaml_1_2_says_without_surprises(word: str, value: object) -> None:
    assert read(f"a: {word}\n")[0] == {"a": value}


@pytest.mark.parametrize(
    ("text", "message", "caret"),
    [
        ("a:\n\t- b", "c.yaml:2:1: a tab is used for indentation; YAML accepts only spaces", "     - b\n    ^"),
        ("a: 'x\nb: 1", "c.yaml:1:4: this quote is never closed", "    a: 'x\n       ^"),
        (
            "a: 1\n b: 2",
            "c.yaml:2:3: a `key: value` cannot stand here; check the indentation, or put the text in quotes",
            "     b: 2\n      ^",
        ),
        ("a: x\x00y", "c.yaml:1:5: the control character U+0000 is not allowed in YAML", "    a: x\ufffdy\n        ^"),
        (
            "a: b\ufeffc",
            "c.yaml:1:5: the control character U+FEFF is not allowed in YAML",
            "    a: b\ufffdc\n        ^",
        ),
        ("a: [1, 2", "c.yaml:1:9: this list needs a `,` or its closing `]`", "    a: [1, 2\n            ^"),
        ("a: {b: 1", "c.yaml:1:9: this mapping needs a `,` or its closing `}`", "    a: {b: 1\n            ^"),
        ("- a\nb: 1", "c.yaml:2:1: a list item (`- …`) is expected here; check the indentation", "    b: 1\n    ^"),
        ("@a: 1", "c.yaml:1:1: this character cannot start a value; put the text in quotes", "    @a: 1\n    ^"),
        (
            "a: [target:schema/a.b]",
            "c.yaml:1:11: text that contains a `:` needs quotes inside [ ] and { }",
            "    a: [target:schema/a.b]\n              ^",
        ),
        (
            "a: {{x}}",
            "c.yaml:1:5: a key must be text; a value that starts with { or [ needs quotes",
            "    a: {{x}}\n        ^",
        ),
        ("a: 1\n---\nb: 2", "c.yaml:2:1: a second document starts here; a configuration is only one", "    ---\n    ^"),
        (
            "a: &x [*x]",
            "c.yaml:1:8: the alias *x stands inside the value that it repeats",
            "    a: &x [*x]\n           ^",
        ),
        ("a: *x", "c.yaml:1:4: the alias *x stands for no anchor before it", "    a: *x\n       ^"),
        (
            "a: !!python/name:os.system x",
            "c.yaml:1:4: the tag tag:yaml.org,2002:python/name:os.system is not accepted; only plain YAML values are",
            "    a: !!python/name:os.system x\n       ^",
        ),
        (
            "a: &b {c: 1}\nd:\n  <<: *b",
            "c.yaml:3:3: merge keys (<<) are not accepted; repeat the settings, or use variables",
            "      <<: *b\n      ^",
        ),
        ("[" * 70, "c.yaml:1:65: values are nested deeper than 64 levels", "    " + "[" * 70 + "\n" + " " * 68 + "^"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(text: str, message: str, caret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert caught.value.message == f"{message}\n{caret}"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "c.yaml:1:1: the file is empty"),
        (b"# nothing\n", "c.yaml:1:1: the file is empty"),
        ("a: é".encode("latin-1"), "c.yaml:1:4: the byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("a: 1".encode("utf-16"), "c.yaml:1:1: the file is UTF-16; save it as UTF-8"),
        (b"a: " + b"x" * 10_000_000, "c.yaml:1:1: the file is larger than 10 MB"),
    ],
)
def test_files_of_the_wrong_kind_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(data)
    assert caught.value.message.splitlines()[0] == message


def test_a_byte_order_mark_windows_line_ends_and_anchors_are_fine() -> None:
    text = "\ufeffa: &x [1, {b: 2}]\r\nc: *x\r\n"
    assert read(text) == ({"a": [1, {"b": 2}], "c": [1, {"b": 2}]}, [])


def test_duplicates_wrong_keys_and_odd_numbers_are_all_reported_and_read_past() -> None:
    value, problems = read("a: 1\na: 2\nb: {c: 1, c: 2}\n1: x\nd: .inf\ne: !!int x\n")
    assert value == {"a": 1, "b": {"c": 1}, "d": ".inf", "e": "x"}
    assert problems == [
        "c.yaml:2:1: the key `a` stands here a second time; the first is in line 1",
        "c.yaml:3:11: the key `c` stands here a second time; the first is in line 3",
        "c.yaml:4:1: a key must be text; put it in quotes",
        "c.yaml:5:4: infinity and not-a-number are not accepted",
        "c.yaml:6:4: this is not of the type that its tag !!int says",
    ]


def test_aliases_cost_what_they_stand_for() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(ConfigError, match="more than 1,000,000 values when aliases are written out"):
        read("\n".join(lines))


def test_aliases_cannot_hide_depth() -> None:
    chain = ["a0: &a0 " + "[" * 20 + "]" * 20] + [f"a{i}: &a{i} {'[' * 20}*a{i - 1}{']' * 20}" for i in range(1, 6)]
    with pytest.raises(ConfigError, match="nested deeper than 64 levels"):
        read("\n".join(chain))


@pytest.mark.parametrize("line", ["token: 'dapi0123456789abcdef", "host: 'https://me:hunter2@x"])
def test_a_credential_in_a_broken_line_is_not_shown(line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(line)
    assert "***" in caught.value.message
    assert not {"0123456789abcdef", "hunter2"} & set(caught.value.message.replace("@", " ").split())
    assert "dapi" not in caught.value.message
    assert "hunter2" not in caught.value.message


def test_places_survive_in_a_large_file_that_is_read_in_seconds(refused: Callable[..., list[str]]) -> None:
    columns = "".join(f"        - {{name: c{i}, type: int, comment: 'the column {i}'}}\n" for i in range(20_000))
    table = "resources:\n  source:\n    tables:\n      a.b.c:\n       columns:\n"
    text = table + columns + "        - {name: z, typ: int}\n"
    started = time.perf_counter()
    assert refused(text) == [
        "c.yaml:20008:11: `type` is missing in `columns`",
        "c.yaml:20008:21: unknown key `typ`, did you mean `type`?",
    ]
    assert time.perf_counter() - started < 10
