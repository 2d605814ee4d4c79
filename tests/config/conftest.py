"""Files and snapshots for the configuration's tests. A snapshot is plain data, so it is written down as such."""

import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from replicator.address import Side
from replicator.config import Config, load
from replicator.engine.snapshot import Metastore, Snapshot
from replicator.errors import ConfigError
from replicator.resources.base import Observed

CONNECTIONS = """\
source_databricks_connect_config: {host: "emulator://us-east"}
target_databricks_connect_config: {host: "emulator://eu-west"}
"""
"""Two lines, so that the text after it starts in line 3."""

Loader = Callable[..., Config]
World = Callable[..., Snapshot]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loader:
    """Load a text as the file c.yaml, after the two connections; `bare` leaves them out."""
    monkeypatch.chdir(tmp_path)

    def run(text: str | bytes, *, bare: bool = False, **options: Any) -> Config:
        if isinstance(text, str):
            text = ("" if bare else CONNECTIONS) + textwrap.dedent(text)
            text = text.encode()
        Path("c.yaml").write_bytes(text)
        return load(Path("c.yaml"), **{"environ": {}, **options})

    return run


@pytest.fixture
def refused(loaded: Loader) -> Callable[..., list[str]]:
    """The lines of the error that loading a text ends with."""

    def run(text: str | bytes, **options: Any) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            loaded(text, **options)
        return caught.value.message.splitlines()

    return run


@pytest.fixture
def world() -> World:
    """A snapshot with the named tables (and their catalogs and schemas): name to facts about it."""

    def build(
        side: str = "source",
        tables: Mapping[str, Mapping[str, Any]] | Iterable[str] = (),
        *,
        metastore: str | None = None,
        schemas: Iterable[str] = (),
        recipients: Mapping[str, str] | None = None,
        unknown: Mapping[str, str] | None = None,
    ) -> Snapshot:
        facts = dict(tables) if isinstance(tables, Mapping) else {name: {} for name in tables}
        containers = {*schemas, *(name.rpartition(".")[0] for name in facts)}
        uuid = metastore or f"uuid-{side}"
        return Snapshot(
            side=Side(side),
            metastore=Metastore(uuid, f"aws:{side}:{uuid}", f"https://{side}", "me@example.com"),
            objects={
                "catalog": {name: Observed(name, {}) for name in sorted({c.partition(".")[0] for c in containers})},
                "schema": {name: Observed(name, {}) for name in sorted(containers)},
                "table": {name: _table(name, **fact) for name, fact in facts.items()},
                "recipient": {name: Observed(name, {"metastore_id": id}) for name, id in (recipients or {}).items()},
            },
            unknown=unknown or {},
        )

    return build


def _table(name: str, kind: str = "MANAGED", comment: str | None = None, **info: Any) -> Observed:
    return Observed(name, {"comment": comment}, info={"table_type": kind, **info})
