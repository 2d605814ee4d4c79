"""The workspaces under test, a catalog in each, and another principal."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound

from tests.conformance.targets import EMULATOR, LIVE, WORKSPACE, Target, emulator, live

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything below this folder is conformance: `make test-conformance` runs it, `make test` does not."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.conformance)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    """Two emulated metastores of one account, `us-east` and `eu-west`, each over http and https."""
    root = tmp_path_factory.mktemp("emulated") / "root"
    root.mkdir()
    with emulator(root) as plain, emulator(root, "--tls") as secure:
        yield {name: _target(fact, root, _target(secure[name], root)) for name, fact in plain.items()}


def _target(fact: dict[str, Any], root: Path, secure: Target | None = None) -> Target:
    ca_file = Path(fact["ca_file"]) if "ca_file" in fact else None
    return Target(EMULATOR, fact["host"], fact["token"], fact["warehouse_id"], ca_file, secure, root)


@pytest.fixture(scope="session", params=[EMULATOR, WORKSPACE])
def target(request: pytest.FixtureRequest) -> Target:
    """The workspace that the test's clients talk to."""
    if request.param == EMULATOR:
        return request.getfixturevalue("served")["us-east"]
    found = live()
    if found is None:
        pytest.skip(f"no live workspace: set {', '.join(LIVE)}")
    return found


@pytest.fixture(scope="session")
def w(target: Target) -> WorkspaceClient:
    """The SDK, as the workspace's admin."""
    return target.client()


@pytest.fixture(scope="session")
def connection(target: Target) -> Iterator[Any]:
    """One connection over Thrift for statements that prepare and check."""
    with target.thrift() as opened:
        yield opened


@pytest.fixture(scope="session")
def catalog(connection: Any) -> Iterator[str]:
    """A catalog for this run alone."""
    name = f"conformance_{uuid.uuid4().hex[:8]}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE CATALOG {name}")
        yield name
        cursor.execute(f"DROP CATALOG IF EXISTS {name} CASCADE")


@pytest.fixture
def schema(connection: Any, catalog: str) -> Iterator[str]:
    """An empty schema `catalog.s…` for one test."""
    name = f"{catalog}.s{uuid.uuid4().hex[:8]}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {name}")
        yield name
        cursor.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


Rows = list[tuple[Any, ...]]


@pytest.fixture
def rows(connection: Any, schema: str) -> Iterator[Callable[..., Rows]]:
    """`rows(statement)`: its rows as tuples; names without a catalog are of the test's schema."""
    with connection.cursor() as cursor:
        cursor.execute(f"USE {schema}")

        def run(statement: str, parameters: Any = None) -> Rows:
            cursor.execute(statement, parameters)
            return [tuple(row) for row in cursor.fetchall()]

        yield run


@pytest.fixture(scope="session")
def other(target: Target, w: WorkspaceClient) -> Iterator[tuple[str, WorkspaceClient]]:
    """A service principal without any privilege: its application id, and the SDK on its token."""
    made = w.service_principals_v2.create(display_name="conformance")
    issued = w.token_management.create_obo_token(made.application_id, lifetime_seconds=3600)
    yield made.application_id, target.client(issued.token_value)
    with contextlib.suppress(NotFound):
        w.service_principals_v2.delete(made.id)


@pytest.fixture
def emulated(target: Target) -> Target:
    """The target, for what would change an account that others use."""
    if target.is_live:
        pytest.skip("this would change what others see of a live account")
    return target
