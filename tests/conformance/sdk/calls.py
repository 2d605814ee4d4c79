"""Which methods of a service of the SDK there are, which were called, and which docs/emulator.md excepts."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from databricks.sdk import WorkspaceClient

from tests.conformance.targets import Target
from tests.docs.pages import code, page, rows, sections

SECTION = sections(page("emulator.md"))["Methods of the SDK"]
# `service.method` -> what is different, of methods that are refused or missing
EXCEPTED = {code(row["method"]): row["difference"] for row in rows(SECTION, "method")}


def listed() -> set[str]:
    """Services that the page says are answered."""
    return {name.strip(" `") for row in rows(SECTION, "area") for name in row["services"].split(",")}


def methods(service: Any) -> set[str]:
    """Public methods of a service."""
    return {name for name, _ in inspect.getmembers(type(service), inspect.isfunction) if name[0] != "_"}


@dataclass
class Calls:
    """A service of the client that notes which of its methods are called."""

    name: str
    service: Any
    called: set[str] = field(default_factory=set)

    def __getattr__(self, method: str) -> Any:
        self.called.add(method)
        return getattr(self.service, method)

    def missing(self) -> set[str]:
        """Methods that were neither called nor excepted by the page."""
        return {f"{self.name}.{name}" for name in methods(self.service) - self.called} - set(EXCEPTED)


@dataclass(frozen=True)
class World:
    """What a scenario works with. `sql` runs a statement in `schema` and returns rows; `other` has no privileges."""

    target: Target
    w: WorkspaceClient
    catalog: str
    schema: str
    sql: Callable[..., list[tuple[Any, ...]]]
    other: tuple[str, WorkspaceClient]
    tmp: Path

    @property
    def me(self) -> str:
        name = self.w.current_user.me().user_name
        assert name is not None
        return name

    def named(self, word: str) -> str:
        """A name in the metastore that no other run uses."""
        return f"{self.schema.partition('.')[2]}_{self.catalog[-8:]}_{word}"

    @contextlib.contextmanager
    def every_method(self, name: str) -> Iterator[Calls]:
        """A service of the SDK, every public method of which has to be called by the end."""
        calls = Calls(name, getattr(self.w, name))
        yield calls
        assert calls.missing() == set()
