"""Emulated workspaces and the real clients that talk to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from replicator.emulator import Endpoint, start, stop


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of all metastores of one test."""
    return tmp_path / "emulator"


@pytest.fixture
def endpoint(root: Path) -> Iterator[Callable[[str], Endpoint]]:
    """`endpoint("us-east")` serves that metastore until the test ends."""
    started: dict[str, Endpoint] = {}

    def serve(name: str = "us-east") -> Endpoint:
        started[name] = start(name, root)
        return started[name]

    yield serve
    for item in started.values():
        stop(item)


@pytest.fixture
def sdk() -> Callable[..., Any]:
    """`sdk(endpoint)` is a WorkspaceClient on it, of another principal if a `token` is given."""
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config

    def connect(endpoint: Endpoint, token: str | None = None) -> WorkspaceClient:
        config = Config(
            host=endpoint.url,
            token=token or endpoint.token,
            auth_type="pat",
            retry_timeout_seconds=5,
            http_timeout_seconds=30,
        )
        return WorkspaceClient(config=config)

    return connect


@pytest.fixture
def sql() -> Iterator[Callable[..., Any]]:
    """`sql(endpoint)` is a connection of the SQL connector over Thrift; keyword arguments go to `connect`."""
    from databricks import sql as connector

    with ExitStack() as stack:

        def connect(endpoint: Endpoint, token: str | None = None, **options: Any) -> Any:
            connection = connector.connect(
                server_hostname="127.0.0.1",
                http_path=endpoint.http_path,
                access_token=token or endpoint.token,
                _connection_uri=endpoint.url + endpoint.http_path,
                enable_telemetry=False,
                _retry_delay_max=5,
                _socket_timeout=60,
                **options,
            )
            stack.callback(connection.close)
            return connection

        yield connect


@dataclass(frozen=True)
class Outcome:
    """What a scripted SQL front answers; the transports only need these three fields."""

    table: pa.Table
    affected: int | None = None
    kind: str = "SELECT"


@pytest.fixture
def scripted(endpoint: Callable[..., Endpoint]) -> Callable[..., Endpoint]:
    """`scripted({text: outcome})` serves statements by a script, so that a test chooses types, sizes and delays.

    An outcome is a table, an Outcome, an exception to raise, or a function of (session, parameters).
    """

    def serve(script: Mapping[str, Any], name: str = "us-east") -> Endpoint:
        def execute(session: Any, text: str, params: Sequence[Any]) -> Any:
            outcome = script[text](session, params) if callable(script[text]) else script[text]
            if isinstance(outcome, Exception):
                raise outcome
            return outcome if isinstance(outcome, Outcome) else Outcome(outcome)

        e = endpoint(name)
        e.workspace.execute = execute
        e.workspace.classify = lambda text: ("SELECT", False)
        return e

    return serve
