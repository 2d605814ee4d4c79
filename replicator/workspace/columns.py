"""Columns of a workspace's answers as Python values: all of a column at once, for there may be many rows."""

from datetime import UTC, datetime
from typing import Any


def texts(column: Any) -> list[Any]:
    """A pyarrow column of strings as str and None. Its own to_pylist makes an Arrow object of each first, and takes ten
    times as long."""
    values: list[Any] = column.to_numpy(zero_copy_only=False).tolist() if column.null_count < len(column) else []
    return values or [None] * len(column)


def milliseconds(column: Any) -> list[int | None]:
    """A pyarrow column of timestamps, or of their texts in ISO-8601, as milliseconds since 1970 UTC.

    Arrow converts the whole column at once: a Python object for each would be most of the cost of reading it.
    """
    import pyarrow as pa

    if not pa.types.is_timestamp(column.type):
        return [_of_text(value) for value in column.to_pylist()]
    # Microseconds are what a workspace counts in, and commits and creations are told to the millisecond.
    whole: list[int | None] = column.cast(pa.timestamp("ms", column.type.tz), safe=False).cast(pa.int64()).to_pylist()
    return whole


def _of_text(value: Any) -> int | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(str(value))
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def iso(moment: int) -> str:
    """Milliseconds since 1970 as ISO-8601 UTC, to the millisecond."""
    seconds, rest = divmod(moment, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{rest:03}+00:00"
