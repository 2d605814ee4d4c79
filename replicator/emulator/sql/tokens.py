"""Tokens of Databricks SQL, with their place in the text: what our own statement parser reads.

`sqlglot` parses queries and DML, but turns most catalog and sharing statements into an opaque command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from replicator.emulator.errors import SqlError


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted"  # an identifier in backticks
    STRING = "string"
    NUMBER = "number"
    PARAMETER = "parameter"  # :name, :`name` or ?
    SYMBOL = "symbol"
    END = "end"


_KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `text` is decoded (no quotes, escapes resolved), `start` and `end` delimit it in the statement."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """The text for comparison with keywords; quoted names never are keywords."""
        return self.text.upper() if self.kind in (Kind.WORD, Kind.SYMBOL) else ""


_PATTERN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*|/\*.*?\*/)
    | (?P<raw>[rR](?:'[^']*'|"[^"]*"))
    | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<quoted>`(?:[^`]|``)*`)
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:BD|[LSYDF])?(?!\w))
    | (?P<word>[^\W]\w*)
    | (?P<parameter>\?|:[A-Za-z_]\w*|:`[^`]+`)
    | (?P<symbol><=>|->|\|\||::|<>|!=|==|>=|<=|<<|>>|=>|\$\$|.)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|.)", re.DOTALL)
_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}


def tokenize(text: str) -> list[Token]:
    """All tokens of a statement, END last. Raises SqlError PARSE_SYNTAX_ERROR for text that cannot be read."""
    if SURROGATE.search(text):
        raise SqlError("PARSE_SYNTAX_ERROR", "42601", "The statement has characters that are no valid Unicode.")
    return [*_scan(text), Token(Kind.END, "", len(text), len(text))]


def _scan(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        match = _PATTERN.match(text, at)
        kind, value = (match.lastgroup, match.group()) if match else ("symbol", text[at])
        if kind == "symbol":
            _refuse_unclosed(text, value, at)
        if kind != "space":
            yield _token(str(kind), value, at)
        at += len(value)


def _refuse_unclosed(text: str, value: str, at: int) -> None:
    if value in "'\"`":
        raise SqlError("PARSE_SYNTAX_ERROR", "42601", f"Syntax error: unterminated {value} at position {at}.")
    if value == "/" and text.startswith("/*", at):
        raise SqlError("UNCLOSED_BRACKETED_COMMENT", "42601", "Found an unclosed bracketed comment.")


def _token(kind: str, value: str, start: int) -> Token:
    end = start + len(value)
    if kind == "string":
        return Token(Kind.STRING, unescape(value[1:-1]), start, end)
    if kind == "raw":
        return Token(Kind.STRING, value[2:-1], start, end)
    if kind == "quoted":
        return Token(Kind.QUOTED, value[1:-1].replace("``", "`"), start, end)
    return Token(_KINDS[kind], value, start, end)


def unescape(body: str) -> str:
    """The value of a string literal's body, as Databricks documents its escapes."""

    def resolve(match: re.Match[str]) -> str:
        code = match.group(1)
        if code[0] in "uU" and len(code) > 1:
            return chr(int(code[1:], 16))
        if len(code) == 3:
            return chr(int(code, 8))
        return _ESCAPES.get(code, code)

    return _ESCAPE.sub(resolve, body) if "\\" in body else body


def quote_string(value: str) -> str:
    """A value as a Databricks string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quote_name(*parts: str) -> str:
    """Name parts as a Databricks identifier."""
    return ".".join("`" + part.replace("`", "``") + "`" for part in parts)
