"""Text that is not YAML: where, why, and the line with a caret under the place."""

import re
from typing import Any

from replicator.config.nodes import Mark
from replicator.config.problems import Problem, as_error
from replicator.engine.desired import Position

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufeff\ufffe\uffff]")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_WIDTH = 100

_CREDENTIAL = re.compile(
    r"(?P<key>(?:token|secret|password|passwd|api_?key|private_key)[\"']?\s*:\s*)\S.*|dapi\w+|(?<=//)[^/\s@]+@",
    re.IGNORECASE,
)

_WORDS = {
    "found character that cannot start any token": "this character cannot start a value; put the text in quotes",
    "mapping values are not allowed in this context": (
        "a `key: value` cannot stand here; check the indentation, or put the text in quotes"
    ),
    "did not find expected key": "a key is expected here; check the indentation and the quotes above",
    "did not find expected '-' indicator": "a list item (`- …`) is expected here; check the indentation",
    "did not find expected ',' or ']'": "this list needs a `,` or its closing `]`",
    "did not find expected ',' or '}'": "this mapping needs a `,` or its closing `}`",
    "found unexpected ':'": "text that contains a `:` needs quotes inside [ ] and { }",
    "could not find expected ':'": "a `:` is missing after this key",
}


def pointed(text: str, line: int, column: int) -> str:
    """A line of the text with a caret under a column; credentials in it are not shown."""
    lines = text.split("\n", line)
    shown = lines[line - 1].rstrip("\r") if line <= len(lines) else ""
    start = max(0, column - _WIDTH)
    shown = _CREDENTIAL.sub(lambda match: f"{match['key'] or ''}***", shown)[start : start + 2 * _WIDTH]
    return f"    {shown.expandtabs(1)}\n    {' ' * min(column - 1 - start, len(shown))}^"


def decode(data: bytes, file: str) -> str:
    """The text of a UTF-8 file, its byte order mark left out. Raises ConfigError for another encoding."""
    if data.startswith(_UTF16):
        raise as_error([Problem(Position(file, 1), "the file is UTF-16; save it as UTF-8")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", errors="replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        text = data.decode("utf-8-sig", errors="replace")
        what = f"the byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise as_error([Problem(Position(file, line, column), what, pointed(text, line, column))]) from None


def check_characters(text: str, file: str) -> None:
    """Raise ConfigError for control characters, which YAML forbids."""
    match = _FORBIDDEN.search(text)
    if match is None:
        return
    line = text.count("\n", 0, match.start()) + 1
    column = match.start() - text.rfind("\n", 0, match.start())
    shown = text[: match.start()] + "\N{REPLACEMENT CHARACTER}" + text[match.end() :]
    what = f"the control character U+{ord(match[0]):04X} is not allowed in YAML"
    raise as_error([Problem(Position(file, line, column), what, pointed(shown, line, column))])


def syntax_problem(error: Any, text: str, file: str) -> Problem:
    """The problem behind an error of ruamel.yaml, at the place where a person would look for it."""
    what = str(error.problem or error.context or "this is not YAML")
    mark = error.problem_mark or error.context_mark
    if "quoted scalar" in str(error.context) and "unexpected end" in what:
        what, mark = "this quote is never closed", error.context_mark
    elif what.startswith("found character that cannot start") and _character(text, mark) == "\t":
        what = "a tab is used for indentation; YAML accepts only spaces"
    elif "end of stream" in what or "did not find expected node content" in what:
        what = "the file ends in the middle of a value"
    line, column = _inside(text, mark.line, mark.column)
    return Problem(Position(file, line, column), _WORDS.get(what, what), pointed(text, line, column))


def _character(text: str, mark: Any) -> str:
    lines = text.split("\n", mark.line + 1)
    return lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""


def _inside(text: str, line: int, column: int) -> Mark:
    """A place from 0 as a place from 1 that exists: the parser reports the end as a line after the last."""
    lines = text.rstrip("\n").split("\n")
    if line < len(lines):
        return line + 1, column + 1
    return len(lines), len(lines[-1]) + 1
