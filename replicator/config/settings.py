"""The parts of the file that are about the run, not about objects."""

import re
from pathlib import PurePath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from replicator.address import Address
from replicator.config.connection import Section
from replicator.config.names import TableName


def _address(text: str) -> str:
    try:
        return str(Address.parse(text))
    except ValueError:
        raise ValueError("expected an address like target:table/catalog.schema.table") from None


def _inside(text: str) -> str:
    path = PurePath(text)
    if not text or path.is_absolute() or ".." in path.parts or "\0" in text or re.match(r"[A-Za-z]+:", text):
        raise ValueError("expected a folder inside the configuration's folder (--state-dir accepts any)")
    return text


def _volume(text: str) -> str:
    """The form of a path in a volume. What would be another path once it is put into a URL is refused."""
    parts = text.rstrip("/").split("/")
    if parts[:2] != ["", "Volumes"] or len(parts) < 5:
        raise ValueError("expected /Volumes/CATALOG/SCHEMA/VOLUME, or a folder in it")
    if any(part in ("", ".", "..") or not part.isprintable() or set(part) & set("\\%?#") for part in parts[2:]):
        raise ValueError("expected a path of plain names: no empty ones, no `..`, and none of \\ % ? #")
    return "/".join(parts)


AddressText = Annotated[str, AfterValidator(_address)]


class Concurrency(Section):
    """`timeout_seconds` bounds one action."""

    max_workers: int = Field(default=8, ge=1, le=64)
    timeout_seconds: int = Field(default=3600, ge=1)


class Retry(Section):
    """The delay doubles with each attempt."""

    max_attempts: int = Field(default=3, ge=1, le=10)
    retry_delay_seconds: float = Field(default=5.0, ge=0, le=600)


class AuditConfig(Section):
    """Where each run's actions are recorded."""

    audit_table: TableName
    logging_workspace: Literal["source", "target"] = "target"
    create_audit_catalog: bool = False
    audit_catalog_location: str | None = None


class Logging(Section):
    """The log of each run. Without `log_file_path` it is `.replicator/logs/ENVIRONMENT.ndjson`."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "json"
    log_to_file: bool = True
    log_file_path: str | None = None


class StateConfig(Section):
    """Where the state is kept: in a folder of the configuration's folder, or in a volume on one `side`."""

    directory: Annotated[str, AfterValidator(_inside)] = "state"
    volume: Annotated[str, AfterValidator(_volume)] | None = None
    side: Literal["source", "target"] = "target"

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = self.model_fields_set
        if self.volume is not None and "directory" in given:
            raise ValueError("give either `directory` or `volume`: the state is in one place")
        if self.volume is None and "side" in given:
            raise ValueError("`side` says which workspace has the `volume`; a `directory` is on this machine")
        return self


class Moved(Section):
    """A resource that has a new address."""

    old: AddressText = Field(alias="from")
    new: AddressText = Field(alias="to")
