"""What drift was seen before: a file beside the state, so that a nightly run can tell news from what is known."""

import json
from collections.abc import Container, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from replicator.engine.drift import DriftReport
from replicator.errors import StateError
from replicator.render.drift import News
from replicator.values import JSON

if TYPE_CHECKING:
    from replicator.execution.backend import Backend

RECORD = "drift"
"""The note beside the state that holds the drift that is known."""


def read_record(backend: "Backend") -> dict[str, JSON]:
    """What was recorded: fingerprint to `address`, `first_seen` and, if it was accepted, `accepted` (dates). Empty if
    nothing was."""
    stored = backend.note(RECORD)
    if stored is None:
        return {}
    try:
        items: dict[str, JSON] = json.loads(stored.data)["items"]
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(
            f"{stored.where}: the record of known drift cannot be read ({type(error).__name__})",
            hint="remove it: what drifted then counts as new again",
        ) from error
    return items


def sort_out(report: DriftReport, recorded: Mapping[str, JSON], baseline: Mapping[str, str] | None = None) -> News:
    """New, known, accepted and resolved. Drift of the same resource that looks otherwise than before is new.

    `baseline` is what a file accepts: fingerprint to the last day on which it does.
    """
    until = {mark: "" for mark, seen in recorded.items() if "accepted" in seen} | dict(baseline or {})
    open_items = [item for item in report.items if item.fingerprint not in until]
    found = {item.fingerprint for item in report.items}
    addresses = {item.address for item in report.items}
    return News(
        new=tuple(item for item in open_items if item.fingerprint not in recorded),
        known=tuple(item for item in open_items if item.fingerprint in recorded),
        accepted=tuple(item for item in report.items if item.fingerprint in until),
        until=until,
        resolved=tuple(sorted({seen["address"] for mark, seen in recorded.items() if mark not in found} - addresses)),
        since={mark: seen["first_seen"] for mark, seen in recorded.items()},
    )


def updated(
    report: DriftReport, recorded: Mapping[str, JSON], accepted: Container[str], *, everything: bool
) -> dict[str, JSON]:
    """What to remember from now on. With `everything` what there is now, and nothing else; without it, what was
    remembered and what is accepted now (by fingerprint). What was known keeps the day it was first seen, what was
    accepted the day it was."""
    today = datetime.now(UTC).date().isoformat()
    items: dict[str, JSON] = {} if everything else dict(recorded)
    for item in report.items:
        if not everything and item.fingerprint not in accepted:
            continue
        entry = {"first_seen": today, **recorded.get(item.fingerprint, {}), "address": item.address}
        if item.fingerprint in accepted:
            entry.setdefault("accepted", today)
        items[item.fingerprint] = entry
    return items


def write_record(backend: "Backend", items: Mapping[str, JSON]) -> None:
    """Keep what is to be remembered beside the state."""
    body = {"format_version": "1.0", "items": items}
    backend.write_note(RECORD, (json.dumps(body, indent=1, sort_keys=True) + "\n").encode())
