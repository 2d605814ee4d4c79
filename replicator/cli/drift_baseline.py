"""Drift that a file accepts until a day: reviewed like code, unlike the record, which belongs to one state."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from replicator.errors import UsageError


class Accepted(BaseModel):
    """One drift, by the fingerprint that `drift --json` prints; `expires` is the last day on which it is accepted."""

    model_config = ConfigDict(extra="forbid")

    fingerprint: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    expires: date
    address: str = ""
    reason: str = ""


class Baseline(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format_version: Literal["1.0"]
    accepted: list[Accepted]


def read_baseline(path: Path) -> Baseline:
    """The file, YAML or JSON. Raises UsageError that names what is wrong in it."""
    from ruamel.yaml import YAML, YAMLError

    try:
        given = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"{path}: cannot be read: {why}") from error
    except YAMLError as error:
        raise UsageError(f"{path}: neither YAML nor JSON", hint=str(error)) from error
    try:
        return Baseline.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(f"{path}: this is no baseline: {where}: {first['msg']}", hint="see docs/cli.md") from error


def in_force(baseline: Baseline) -> tuple[dict[str, str], list[Accepted]]:
    """Fingerprint to last day of what still counts today (UTC), and what has expired."""
    today = datetime.now(UTC).date()
    return (
        {item.fingerprint: item.expires.isoformat() for item in baseline.accepted if item.expires >= today},
        [item for item in baseline.accepted if item.expires < today],
    )
