"""A failure as a person reads it: what is wrong, then what to do about it."""

from replicator.errors import ReplicatorError
from replicator.render.fit import WIDE, fitted, wrapped
from replicator.render.look import clean


def error_text(error: ReplicatorError, width: int = WIDE) -> str:
    """`error: …`, further lines below it as they stand to each other (a caret points at a column), then the hint."""
    first, *rest = map(clean, error.message.splitlines() or [type(error).__name__])
    lines = [*wrapped(f"error: {first}", width, 7), *(f"       {line.rstrip()}" for line in rest)]
    hint = "\n".join(f"  {clean(line.strip())}" for line in error.hint.splitlines())
    return "\n".join([*lines, *([fitted(hint, width)] if hint else [])]) + "\n"


def usage_text(message: str, command: str) -> str:
    """A wrong command line: what is wrong with it, and where its help is."""
    return f"error: {message}\n  {command} --help tells what there is\n"
