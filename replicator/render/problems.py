"""A failure as a person reads it: what is wrong, then what to do about it."""

from replicator.errors import ReplicatorError
from replicator.render.look import clean


def error_text(error: ReplicatorError) -> str:
    """`error: …`, further lines below it as they stand to each other (a caret points at a column), then the hint."""
    first, *rest = map(clean, error.message.splitlines() or [type(error).__name__])
    lines = [f"error: {first}", *(f"       {line.rstrip()}" for line in rest)]
    return "\n".join([*lines, *(f"  {clean(line.strip())}" for line in error.hint.splitlines())]) + "\n"


def usage_text(message: str, command: str) -> str:
    """A wrong command line: what is wrong with it, and where its help is."""
    return f"error: {message}\n  {command} --help tells what there is\n"
