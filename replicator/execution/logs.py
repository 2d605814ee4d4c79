"""The log of a run: one JSON line per finished action, without anything secret."""

import json
import logging
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Literal, TextIO

from replicator.execution.events import Event, Kind, Observer
from replicator.values import redacted

_RETRIES = "replicator.workspace"

Level = Literal["debug", "info", "warning", "error"]
Form = Literal["json", "text"]
_SEVERITY: Mapping[Level, int] = {"debug": 0, "info": 1, "warning": 2, "error": 3}
_LOGGED: Mapping[Kind, Level] = {
    Kind.RUN_START: "info",
    Kind.PLAN: "info",
    Kind.ACTION_START: "debug",
    Kind.ACTION_RETRY: "warning",
    Kind.ACTION_END: "info",
    Kind.CHECK_RESULT: "info",
    Kind.STATE_SAVED: "info",
    Kind.WARNING: "warning",
    Kind.RUN_END: "info",
}


def json_log(stream: TextIO, *, level: Level = "info", form: Form = "json") -> Observer:
    """An observer that writes one line per event of at least `level` to `stream`: JSON, or `key=value` as text."""
    import structlog

    def hide(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {str(key): redacted(value) for key, value in line.items()}

    renderers: Mapping[Form, Any] = {
        "json": structlog.processors.JSONRenderer(sort_keys=True, default=str),
        "text": structlog.processors.LogfmtRenderer(
            key_order=["at", "level", "event", "address"], sort_keys=True, drop_missing=True, bool_as_flag=False
        ),
    }
    logger = structlog.wrap_logger(
        structlog.WriteLogger(stream), processors=[structlog.processors.add_log_level, hide, renderers[form]]
    )

    def log(event: Event) -> None:
        usual = _LOGGED.get(event.kind)
        found: Level | None = "error" if usual is not None and event.data.get("error") else usual
        if found is None or _SEVERITY[found] < _SEVERITY[level]:
            return
        body = {name: value for name, value in event.as_json().items() if name not in ("event", "format_version")}
        getattr(logger, found)(event.kind.value, **body)

    return log


class _Lines(logging.Handler):
    """One line of JSON per record."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(logging.INFO)
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        line = {"event": "request_retry", "level": "warning", "message": redacted(record.getMessage())}
        self._stream.write(json.dumps(line, sort_keys=True, ensure_ascii=False) + "\n")
        self._stream.flush()


@contextmanager
def retries_to(stream: TextIO) -> Iterator[None]:
    """Write a line of JSON for every request that is sent again."""
    logger, handler = logging.getLogger(_RETRIES), _Lines(stream)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
