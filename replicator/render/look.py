"""How things look: widths, numbers, values, and the last steps to a terminal (colour, ASCII).

Renderers build plain text with the symbols below. Colour and ASCII are applied to the finished text, so that neither
can change what is said.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from replicator.render.fit import cells, taken
from replicator.wording import count


@dataclass(frozen=True, slots=True)
class Look:
    """What a renderer may know of the place it writes for.

    `width` is in columns. `full` shows every action and value. `arguments` is what a person must repeat in the next
    command (` -e prod`), `selection` what makes it the same plan (` --target …`), each with its leading space.
    """

    width: int = 100
    full: bool = False
    arguments: str = ""
    selection: str = ""


def size(number: int) -> str:
    """Bytes with three significant digits and an IEC unit."""
    value, units = float(number), ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    digits = 0 if value >= 100 or units[0] == "B" else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {units[0]}"


def duration(seconds: float) -> str:
    """`2.1 s`, `6 m 12 s`, `1 h 04 m`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} m"


def span(low: int, high: int) -> str:
    return count(low) if low == high else f"{count(low)}–{count(high)}"


def clean(text: str) -> str:
    """Text from a metastore without anything that could steer a terminal or hide what it says."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def cut(text: str, limit: int) -> str:
    """At most `limit` columns: the middle gives way, both ends stay."""
    if cells(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{taken(text, head)}…{taken(text[::-1], limit - 1 - head)[::-1]}"


def value(given: Any, *, bare: bool = False) -> str:
    """One value on one line, uncut; `bare` leaves the quotes of a string away."""
    if given is None:
        return "unset"
    if isinstance(given, dict) and "$secret" in given:
        return "(secret)"
    if isinstance(given, dict) and "$unknown" in given:
        return f"(known after apply: {clean(str(given['$unknown']))})"
    if bare and isinstance(given, str):
        return clean(given)
    return clean(json.dumps(given, ensure_ascii=False, sort_keys=True))


_VERBS = "apply|destroy|drift|explain|graph|import|plan|reconcile|run|show|state [a-z]+|validate"
_VERB = re.compile(rf"(?<=replicator )(?:{_VERBS})(?![\w-])")


def with_options(text: str, options: str) -> str:
    """The commands in a text with options (` -e prod`) that must be repeated for them to work."""
    return _VERB.sub(lambda match: match[0] if text.startswith(options, match.end()) else match[0] + options, text)


def joined(items: Sequence[str], width: int) -> str:
    """The first items, ` · ` between them, as many as fit; the first one always, cut if need be."""
    text = cut(items[0], width)
    for item in items[1:]:
        if cells(text) + 3 + cells(item) > width:
            break
        text = f"{text} · {item}"
    return text


def folded(first: str, items: Sequence[str], width: int, indent: str = "  ") -> list[str]:
    """All items, ` · ` between them, over as many lines as they need."""
    lines = [first + items[0]]
    for item in items[1:]:
        if cells(lines[-1]) + 3 + cells(item) > width:
            lines[-1] += " ·"
            lines.append(indent + item)
        else:
            lines[-1] += f" · {item}"
    return lines


_ASCII = str.maketrans(
    {
        "−": "-",
        "±": "#",
        "≁": ">",
        "↻": "^",
        "✓": "v",
        "✗": "x",
        "⛔": "!",
        "⊘": "o",
        "→": "->",
        "←": "<-",
        "…": "...",
        "·": "|",
        "×": "x",
        "–": "-",
        "█": "#",
        "░": ".",
    }
)


def to_ascii(text: str) -> str:
    """Our own symbols in ASCII; whatever a person wrote and ASCII cannot say is escaped."""
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode()


_RED, _GREEN, _YELLOW, _BLUE, _CYAN, _BOLD, _DIM = "31", "32", "33", "34", "36", "1", "2"
_COLOURS = {
    "+": _GREEN,
    "=": _CYAN,
    "~": _YELLOW,
    "≁": _YELLOW,
    "±": _RED,
    "−": _RED,
    "⛔": _RED,
    "✗": _RED,
    "⊘": _YELLOW,
    "↻": _BLUE,
    "✓": _GREEN,
    ".": _DIM,
    "?": _YELLOW,
    "!": _YELLOW,
}
_LEAD = re.compile(r"^(?P<indent> *)(?P<symbol>[+=~≁±−⛔✗⊘↻✓.?!])(?P<heading> [A-Z]{3,}[A-Z ]* [\d,]+)?(?= |$)")
_COMMAND = re.compile(r"(replicator (?:apply|plan|show|state|drift|explain|reconcile)\b.*)$")


def painted(text: str) -> str:
    """ANSI colour by the symbol that a line starts with: it repeats what the symbol says."""
    return "\n".join(map(_paint, text.split("\n")))


def _paint(line: str) -> str:
    match = _LEAD.match(line)
    if match:
        code = _COLOURS[match["symbol"]]
        marked = match["symbol"] + (match["heading"] or "")
        bold = f"{_BOLD};{code}" if match["heading"] else code
        return f"{match['indent']}\x1b[{bold}m{marked}\x1b[0m{line[match.end() :]}"
    if not line.startswith(" "):
        return _COMMAND.sub(f"\x1b[{_BOLD}m\\1\x1b[0m", line)
    return line
