"""The log of a run: one JSON line per finished action, without anything secret."""

import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, Literal, TextIO

from replicator.execution.events import Event, Kind, Observer
from replicator.values import Secret

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
_LOOKS_SECRET = re.compile(
    r"\bdapi[0-9a-f]{32}(?:-\d+)?\b"  # a Databricks personal access token
    r"|\bdose[0-9a-f]{32}\b"  # a Databricks OAuth secret
    r"|(?<=[Bb]earer )[^\s\"']+"
    r"|(?<=://)[^/\s:@\"']+:[^/\s@\"']+(?=@)"  # user:password in a URL
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JSON web token
)


def redactor(secrets: Iterable[Secret] = ()) -> Callable[[Any], Any]:
    """A function that replaces the given values, and all that looks like a credential, inside any JSON value."""
    known = sorted({secret.reveal() for secret in secrets if secret.reveal()}, key=len, reverse=True)
    exact = re.compile("|".join(map(re.escape, known))) if known else None

    def redact(value: Any) -> Any:
        if isinstance(value, str):
            return _LOOKS_SECRET.sub("***", exact.sub("***", value) if exact else value)
        if isinstance(value, dict):
            return {redact(key): redact(item) for key, item in value.items()}
        return [redact(item) for item in value] if isinstance(value, list | tuple) else value

    return redact


def json_log(stream: TextIO, secrets: Iterable[Secret] = (), *, level: Level = "info", form: Form = "json") -> Observer:
    """An observer that writes one line per event of at least `level` to `stream`: JSON, or `key=value` as text."""
    import structlog

    redact = redactor(secrets)

    def hide(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {str(key): redact(value) for key, value in line.items()}

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
