"""Drivers at work on emulated workspaces, as apply calls them: what is wanted, what there is, and a lineage."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from replicator.address import Address, Side
from replicator.config.connection import Connection
from replicator.config.settings import Retry
from replicator.emulator import Endpoint, requestlog, start, stop
from replicator.engine.diff import diff
from replicator.resources import TYPES
from replicator.resources.base import Fields, Observed, Outputs, Resource, Task
from replicator.workspace import WorkspaceWriter, open_writer, read_versions

LINEAGE = "the-deployment"


@dataclass
class Bench:
    """Both workspaces. `applied` is what each resource was last brought to, as state remembers it."""

    directory: Path
    stack: ExitStack
    writers: dict[Side, WorkspaceWriter] = field(default_factory=dict)
    applied: dict[Address, Fields] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.directory / ".replicator" / "emulator"

    def endpoint(self, side: Side = Side.SOURCE) -> Endpoint:
        return start(f"the-{side}", self.root)

    def writer(self, side: Side = Side.SOURCE) -> WorkspaceWriter:
        if side not in self.writers:
            self.stack.callback(stop, self.endpoint(side))
            made = Connection(host=f"emulator://the-{side}")
            writer = open_writer(made, side, retry=Retry(max_attempts=2), directory=self.directory)
            self.stack.callback(writer.close)
            self.writers[side] = writer
        return self.writers[side]

    def run(self, text: str, side: Side = Side.SOURCE) -> None:
        for statement in filter(str.strip, text.split(";")):
            self.writer(side).execute(statement)

    def read(self, at: Address) -> Observed | None:
        read = TYPES[at.type].read
        assert read is not None
        return read(self.writer(at.side), at)

    def there(self, at: Address) -> Observed:
        found = self.read(at)
        assert found is not None, f"{at} does not exist"
        return found

    def settle(self, resource: Resource, origin: Observed | None = None) -> Outputs:
        """Create the resource, or change just the fields that differ; then nothing may differ any more."""
        rtype, at = TYPES[resource.type], resource.address
        wanted = rtype.declared(resource)
        before = self.read(at)
        applied = self.applied.get(at, {})
        changed = (
            frozenset(change.path[0] for change in diff(rtype, applied, wanted, before.fields)) if before else None
        )
        task = Task(at, wanted, LINEAGE, before, changed or frozenset(), applied, origin)
        work = rtype.create if changed is None else rtype.update
        assert work is not None
        outputs = work(self.writer(at.side), task) if changed is None or changed else {}
        self.applied[at] = wanted
        assert diff(rtype, wanted, wanted, self.there(at).fields) == ()
        return outputs

    def delete(self, at: Address) -> None:
        delete = TYPES[at.type].delete
        assert delete is not None
        applied = self.applied.get(at, {})
        delete(self.writer(at.side), Task(at, applied, LINEAGE, self.read(at), applied=applied))

    def origin(self, at: Address) -> Observed:
        from dataclasses import replace

        return replace(self.there(at), version=read_versions(self.writer(at.side), [at.name])[at.name])

    def writes(self, work: Callable[[], Any]) -> list[str]:
        """The requests that changed something while `work` ran: method and path, or the statement."""
        since = requestlog.position(self.root)
        work()
        found = requestlog.read(self.root, since, writes=True)
        return [entry.get("statement") or f"{entry['method']} {entry['path']}" for entry in found]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)


def at(text: str) -> Address:
    return Address.parse(text)
