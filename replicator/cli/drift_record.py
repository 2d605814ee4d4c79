"""What drift was seen before: a file beside the state, so that a nightly run can tell news from what is known."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from replicator.engine.drift import DriftReport
from replicator.errors import StateError
from replicator.render.drift import News
from replicator.values import JSON


def record_file(directory: Path, environment: str) -> Path:
    return directory / "drift" / f"{environment}.json"


def read_record(directory: Path, environment: str) -> dict[str, JSON]:
    """What was recorded: fingerprint to `address` and `first_seen` (a date). Empty if nothing was."""
    path = record_file(directory, environment)
    try:
        items: dict[str, JSON] = json.loads(path.read_text(encoding="utf-8"))["items"]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StateError(
            f"{path}: the record of known drift cannot be read ({type(error).__name__})",
            hint="remove it: what drifted then counts as new again",
        ) from error
    return items


def sort_out(report: DriftReport, recorded: Mapping[str, JSON]) -> News:
    """New, known and resolved. Drift of the same resource that looks otherwise than before is new."""
    found = {item.fingerprint for item in report.items}
    addresses = {item.address for item in report.items}
    return News(
        new=tuple(item for item in report.items if item.fingerprint not in recorded),
        known=tuple(item for item in report.items if item.fingerprint in recorded),
        resolved=tuple(sorted({seen["address"] for mark, seen in recorded.items() if mark not in found} - addresses)),
        since={mark: seen["first_seen"] for mark, seen in recorded.items()},
    )


def write_record(directory: Path, report: DriftReport, recorded: Mapping[str, JSON]) -> None:
    """Remember what there is now; what was known keeps the day it was first seen."""
    from replicator.execution.files import private_directory, write_atomic

    today = datetime.now(UTC).date().isoformat()
    items = {
        item.fingerprint: {
            "address": item.address,
            "first_seen": recorded.get(item.fingerprint, {}).get("first_seen", today),
        }
        for item in report.items
    }
    path = record_file(directory, report.environment)
    private_directory(path.parent)
    body = {"format_version": "1.0", "items": items}
    write_atomic(path, (json.dumps(body, indent=1, sort_keys=True) + "\n").encode())
