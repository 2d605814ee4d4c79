"""A cursor over the tokens of one statement, with the small grammar that all statement families share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from replicator.emulator.delta import types
from replicator.emulator.errors import SqlError
from replicator.emulator.sql.tokens import Kind, Token, tokenize

T = TypeVar("T")
Name = tuple[str, ...]
_OPEN = {"(": ")", "[": "]", "<": ">"}


class Reader:
    """Reads a statement from left to right. Every refusal is a SqlError PARSE_SYNTAX_ERROR that names the place."""

    def __init__(self, text: str, tokens: list[Token] | None = None) -> None:
        self.text = text
        self._tokens = tokenize(text) if tokens is None else tokens
        self._at = 0

    # ---- looking

    @property
    def token(self) -> Token:
        """The token under the cursor."""
        return self._tokens[self._at]

    def peek(self, *words: str) -> bool:
        """Whether the next tokens are these keywords or symbols."""
        ahead = self._tokens[self._at : self._at + len(words)]
        return len(ahead) == len(words) and all(token.upper == word for token, word in zip(ahead, words, strict=True))

    def at_end(self) -> bool:
        """Whether nothing is left; a trailing semicolon is nothing."""
        while self.token.kind is Kind.SYMBOL and self.token.text == ";":
            self._at += 1
        return self.token.kind is Kind.END

    def error(self, expected: str = "") -> SqlError:
        """The syntax error at the cursor."""
        near = f"'{self.token.text}'" if self.token.kind is not Kind.END else "end of input"
        line = self.text.count("\n", 0, self.token.start) + 1
        column = self.token.start - (self.text.rfind("\n", 0, self.token.start) + 1)
        hint = f" Expected {expected}." if expected else ""
        message = f"Syntax error at or near {near}.{hint} (line {line}, pos {column})"
        return SqlError("PARSE_SYNTAX_ERROR", "42601", message)

    # ---- moving

    def take(self) -> Token:
        """The token under the cursor, which moves on."""
        token = self.token
        if token.kind is not Kind.END:
            self._at += 1
        return token

    def accept(self, *words: str) -> bool:
        """Skip these keywords if they are next."""
        if not self.peek(*words):
            return False
        self._at += len(words)
        return True

    def accept_any(self, *words: str) -> str | None:
        """Skip one of these keywords if it is next, and return it."""
        return next((word for word in words if self.accept(word)), None)

    def expect(self, *words: str) -> None:
        """Skip these keywords, which must be next."""
        for word in words:
            if not self.accept(word):
                raise self.error(f"'{word}'")

    def finish(self) -> None:
        """Refuse anything that is left."""
        if not self.at_end():
            raise self.error("the end of the statement")

    def mark(self) -> int:
        """A place to come back to."""
        return self._at

    def reset(self, mark: int) -> None:
        """Go back to a mark."""
        self._at = mark

    def rest(self) -> str:
        """The text from the cursor to the end of the statement, which is consumed."""
        start = self.token.start
        end = self._tokens[-1].start
        for token in reversed(self._tokens[self._at : -1]):
            if token.text != ";" or token.kind is not Kind.SYMBOL:
                break
            end = token.start
        self._at = len(self._tokens) - 1
        return self.text[start:end].strip()

    def text_until(self, *stops: tuple[str, ...]) -> str:
        """Source text up to one of the keyword sequences, a `,` or `)` of this level, or the end."""
        start = self.token.start
        depth = 0
        end = start
        while self.token.kind is not Kind.END:
            if depth == 0 and (any(self.peek(*stop) for stop in stops) or self.token.upper in (",", ")", ";")):
                break
            depth += (self.token.upper in ("(", "[")) - (self.token.upper in (")", "]"))
            end = self.take().end
        return self.text[start:end].strip()

    def parenthesised(self) -> str:
        """Source text between the parentheses that begin here."""
        self.expect("(")
        start, depth = self.token.start, 1
        while True:
            token = self.take()
            if token.kind is Kind.END:
                raise self.error("')'")
            depth += (token.upper == "(") - (token.upper == ")")
            if depth == 0:
                return self.text[start : token.start].strip()

    # ---- values

    def identifier(self) -> str:
        """One name part."""
        if self.token.kind not in (Kind.WORD, Kind.QUOTED):
            raise self.error("an identifier")
        return self.take().text

    def name(self) -> Name:
        """A dotted name; `IDENTIFIER('a.b')` is one too."""
        if self.peek("IDENTIFIER", "("):
            self.expect("IDENTIFIER", "(")
            inner = Reader(self.string())
            self.expect(")")
            return inner.name()
        parts = [self.identifier()]
        while self.accept("."):
            parts.append(self.identifier())
        if self.token.upper == "-" and self._tokens[self._at - 1].end == self.token.start:
            whole = self.text[self._tokens[self._at - 1].start :].split()[0].rstrip(";,)")
            message = f"The unquoted identifier {whole} is invalid and must be back quoted as: `{whole}`."
            raise SqlError("INVALID_IDENTIFIER", "42602", message)
        return tuple(parts)

    def string(self) -> str:
        """A string literal; adjacent ones are joined, as Databricks chains literals."""
        if self.token.kind is not Kind.STRING:
            raise self.error("a string")
        value = self.take().text
        while self.token.kind is Kind.STRING:
            value += self.take().text
        return value

    def number(self) -> int:
        """An integer literal, negative ones too."""
        sign = -1 if self.accept("-") else 1
        if self.token.kind is not Kind.NUMBER or not self.token.text.isdigit():
            raise self.error("a number")
        return sign * int(self.take().text)

    def type(self) -> types.Field:
        """A column type, as a nameless field that carries CHAR and VARCHAR lengths."""
        start = self.token.start
        end = self._skip_type()
        try:
            parsed, metadata = types.parse_with_metadata(self.text[start:end])
        except types.TypeSyntaxError as error:
            raise SqlError("UNSUPPORTED_DATATYPE", "0A000", f"Unsupported data type: {error}.") from error
        return types.Field("", parsed, True, metadata)

    def _skip_type(self) -> int:
        end = self.take().end
        if self._tokens[self._at - 1].upper == "INTERVAL":
            while self.accept_any("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "TO"):
                end = self._tokens[self._at - 1].end
            return end
        opening = self.token.upper
        if opening not in ("(", "<"):
            return self._collation(end)
        depth = 0
        while True:
            token = self.take()
            if token.kind is Kind.END:
                raise self.error("the end of the type")
            # `>>` closes two levels of a nested type
            depth += token.upper.count(opening) - token.upper.count(_OPEN[opening]) * (token.upper != "->")
            if depth <= 0:
                return token.end

    def _collation(self, end: int) -> int:
        if self.accept("COLLATE"):
            return self.take().end
        return end

    def listed(self, item: Callable[[], T]) -> list[T]:
        """A comma-separated list."""
        found = [item()]
        while self.accept(","):
            found.append(item())
        return found

    def in_parentheses(self, item: Callable[[], T]) -> list[T]:
        """A comma-separated list in parentheses, which may be empty."""
        self.expect("(")
        if self.accept(")"):
            return []
        found = self.listed(item)
        self.expect(")")
        return found

    def properties(self) -> dict[str, str]:
        """`('key' = 'value', a.b.c = true, …)`; the `=` may be missing."""
        return dict(self.in_parentheses(self._property))

    def property_key(self) -> str:
        """A property key: a string or a dotted name."""
        if self.token.kind is Kind.STRING:
            return self.string()
        return ".".join(self.name())

    def _property(self) -> tuple[str, str]:
        key = self.property_key()
        self.accept("=")
        if self.token.kind is Kind.STRING:
            return key, self.string()
        sign = "-" if self.accept("-") else ""
        token = self.take()
        if token.kind not in (Kind.WORD, Kind.NUMBER):
            raise self.error("a property value")
        return key, sign + (token.text.lower() if token.upper in ("TRUE", "FALSE") else token.text)

    def if_not_exists(self) -> bool:
        """`IF NOT EXISTS`."""
        return self.accept("IF", "NOT", "EXISTS")

    def if_exists(self) -> bool:
        """`IF EXISTS`."""
        return self.accept("IF", "EXISTS")

    def principal(self) -> str:
        """A principal: a name in backticks, a word or a string."""
        if self.token.kind is Kind.STRING:
            return self.string()
        if self.token.kind is Kind.QUOTED:
            return self.take().text
        start = self.token.start
        end = self.take().end
        while self.token.start == end and self.token.kind is not Kind.END and self.token.text not in ",;":
            end = self.take().end
        return self.text[start:end]
