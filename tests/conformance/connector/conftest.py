"""The SQL connector over each of its transports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.targets import Target


@pytest.fixture(scope="session", params=["thrift", "sea"])
def opened(request: pytest.FixtureRequest, target: Target) -> Iterator[Any]:
    """A connection over Thrift, and one over the Statement Execution API."""
    with getattr(target, request.param)() as connection:
        yield connection


@pytest.fixture
def is_sea(request: pytest.FixtureRequest) -> bool:
    return "sea" in request.node.callspec.id


@pytest.fixture
def cursor(opened: Any, schema: str) -> Iterator[Any]:
    """A cursor in an empty schema."""
    with opened.cursor() as made:
        made.execute(f"USE {schema}")
        yield made
