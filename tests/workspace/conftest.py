"""An emulated pair of workspaces, reached as a configuration reaches them: real HTTP, real SDK, real SQL connector."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from replicator.address import Side
from replicator.config.connection import Connection, SecretRef
from replicator.config.settings import Retry
from replicator.emulator import Endpoint, requestlog, start, stop
from replicator.workspace import WorkspaceWriter, open_writer

QUICK = Retry(max_attempts=3, retry_delay_seconds=0.0)


class World:
    """Both emulated workspaces of one test; `source` and `target` may write, as a test prepares things too."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self.root = directory / ".replicator" / "emulator"
        self._stack = stack

    def endpoint(self, name: str = "us-east") -> Endpoint:
        endpoint = start(name, self.root)
        self._stack.callback(stop, endpoint)
        return endpoint

    def open(self, name: str = "us-east", side: Side = Side.SOURCE, **connection: Any) -> WorkspaceWriter:
        self.endpoint(name)
        made = Connection(host=f"emulator://{name}", **connection)
        writer = open_writer(made, side, retry=QUICK, directory=self.directory)
        self._stack.callback(writer.close)
        return writer

    def open_as(self, principal: str, monkeypatch: pytest.MonkeyPatch, name: str = "us-east") -> WorkspaceWriter:
        monkeypatch.setenv("TOKEN_OF_SOMEBODY", self.endpoint(name).token_for(principal))
        return self.open(name, token=SecretRef(env="TOKEN_OF_SOMEBODY"))

    def position(self) -> int:
        return requestlog.position(self.root)

    def requests(self, since: int = 0, **equal: Any) -> list[dict[str, Any]]:
        return requestlog.read(self.root, since, **equal)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(tmp_path, stack)


@pytest.fixture
def run() -> Callable[[WorkspaceWriter, str], None]:
    """Run the statements of a text, which are separated by semicolons."""

    def execute(writer: WorkspaceWriter, text: str) -> None:
        for statement in filter(str.strip, text.split(";")):
            writer.execute(statement)

    return execute
