"""The page of the emulator and the SDK agree on which methods are answered."""

from __future__ import annotations

import re
from pathlib import Path

from databricks.sdk import WorkspaceClient

from tests.conformance.sdk.calls import EXCEPTED, listed, methods

_EXERCISED = re.compile(r'every_method\("(\w+)"\)')


def test_every_listed_service_is_exercised_method_by_method() -> None:
    sources = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert set(_EXERCISED.findall(sources)) == listed()


def test_every_exception_names_a_method_that_exists(w: WorkspaceClient) -> None:
    for name in EXCEPTED:
        service, method = name.split(".")
        assert service in listed(), name
        assert method in methods(getattr(w, service)), name
