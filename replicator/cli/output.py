"""Results on standard output, everything else on standard error."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, TextIO

from replicator.cli.common import Run
from replicator.errors import UsageError
from replicator.render.fit import fitted
from replicator.render.look import Look, painted, to_ascii

DEFAULT_WIDTH = 100


def look(run: Run, *, full: bool = False, selection: str = "") -> Look:
    """The place that results are written to. `selection` are options that a plan depends on."""
    return Look(width=_width(), full=full, arguments=run.arguments, selection=selection)


def _width() -> int:
    wanted = os.environ.get("COLUMNS", "")
    if not sys.stdout.isatty() and not wanted.isdigit():
        return DEFAULT_WIDTH
    return min(160, max(60, terminal_width()))


def terminal_width() -> int:
    return max(20, shutil.get_terminal_size().columns)


def show(run: Run, text: str) -> None:
    """A result."""
    _write(run, text, sys.stdout)


def show_json(value: Any) -> None:
    """A result for machines; always the same bytes for the same value."""
    show_raw(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def show_raw(text: str) -> None:
    """A result that is a document in itself: no colour, no replacement."""
    sys.stdout.write(text)
    sys.stdout.flush()  # the reader of a pipe has it at once, also from a verb that goes on


def must_be_writable(*files: Path | None) -> None:
    """Before the work, not after it. Raises UsageError for a file whose folder is not there, or that is a folder."""
    for path in files:
        if path is not None and path.is_dir():
            raise UsageError(f"{path}: is a folder", hint="name a file in it")
        if path is not None and not path.parent.is_dir():
            raise UsageError(f"{path}: there is no folder {path.parent}", hint=f"make it: mkdir -p '{path.parent}'")


def write_file(path: Path, text: str) -> None:
    """A result that goes to a file. Raises UsageError when it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def tell(run: Run, text: str) -> None:
    """Something beside the result, unless it should be quiet."""
    if not run.quiet:
        _write(run, text + "\n", sys.stderr)


def _write(run: Run, text: str, stream: TextIO) -> None:
    if not _speaks_unicode(stream):
        text = to_ascii(text)
    if stream.isatty():
        text = fitted(text, terminal_width())
    stream.write(painted(text) if _has_colour(run, stream) else text)
    stream.flush()


def _has_colour(run: Run, stream: TextIO) -> bool:
    refused = run.no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not refused


def _speaks_unicode(stream: TextIO) -> bool:
    try:
        "−±≁↻✓✗⛔⊘→…·×–".encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
