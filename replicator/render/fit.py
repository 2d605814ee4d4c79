"""How many columns of a terminal a text takes, and lines that take no more of them than there are."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import accumulate

_PIECES = re.compile(r" +|[^ ]+")
_COMMAND = re.compile(r"^(?P<before> *|.*:) *(?P<command>replicator .*)$")
WIDE = 100_000
"""The width of a place that has no edge: a pipe, a file."""
DEEPEST = 0.4
"""The part of a line that an indent may take; where it would take more, what is continued begins further left."""


def cells(text: str) -> int:
    """Columns that a text takes: signs such as ⛔ and East Asian letters take two, marks above letters none."""
    if text.isascii():
        return len(text)
    return sum(map(_cell, text))


def _cell(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def taken(text: str, room: int) -> str:
    """The beginning of a text that takes at most `room` columns."""
    if text.isascii():
        return text[: max(0, room)]
    ends = accumulate(map(_cell, text))
    return "".join(char for char, end in zip(text, ends, strict=True) if end <= room)


def padded(text: str, width: int) -> str:
    """A text with blanks up to a width in columns."""
    return text + " " * (width - cells(text))


def wrapped(line: str, width: int, indent: int) -> list[str]:
    """A sentence over as many lines as it needs, those after the first indented; words (addresses, commands) are never
    broken."""
    if cells(line) <= width:
        return [line]
    lead = " " * (len(line) - len(line.lstrip(" ")))
    lines, current, gap = [], lead, ""
    for piece in _PIECES.findall(line[len(lead) :]):
        if piece.startswith(" "):
            gap = piece
        elif current.strip() and cells(current) + len(gap) + cells(piece) > width:
            lines.append(current)
            current, gap = " " * indent + piece, ""
        else:
            current, gap = current + gap + piece, ""
    return [*lines, current]


def fitted(text: str, width: int) -> str:
    """A finished text for a terminal, which would break words where its edge is: each line that is too long goes on
    below, under where its last column begins. A command stands alone and whole, so that it can be copied."""
    return "\n".join(piece for line in text.split("\n") for piece in _fitted(line, width))


def _fitted(line: str, width: int) -> list[str]:
    if cells(line) <= width:
        return [line]
    start = len(line) - len(line.lstrip(" "))
    match = _COMMAND.match(line)
    if match and not match["before"].strip():
        return [line]
    if match:
        return [*wrapped(match["before"], width, start + 2), f"{' ' * (start + 4)}{match['command']}"]
    return wrapped(line, width, _hanging(line, width, start))


def _hanging(line: str, width: int, start: int) -> int:
    """Where a line goes on: under the text after its last gap of two blanks or more, if that is not too far right."""
    gaps = [match.end() for match in re.finditer(r"(?<=\S) {2,}", line) if match.end() <= width * DEEPEST]
    return cells(line[: gaps[-1]]) if gaps else start + 2


def spread(left: str, right: str, width: int) -> str:
    """Left text and, at the right edge, right text; below it where both do not fit beside each other."""
    if not right:
        return left
    gap = width - cells(left) - cells(right)
    return f"{left}{' ' * gap}{right}" if gap >= 2 else f"{left}\n{' ' * max(0, width - cells(right))}{right}"


def narrowed(rows: Sequence[Sequence[int]], room: int, least: int) -> list[int]:
    """Widths of columns that together take at most `room`: the widest gives way first, none below `least`."""
    widths = [max(column) for column in zip(*rows, strict=True)]
    over = sum(widths) - room
    while over > 0 and max(widths) > least:
        widest = widths.index(max(widths))
        widths[widest] -= 1
        over -= 1
    return widths
