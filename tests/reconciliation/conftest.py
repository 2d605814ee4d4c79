"""Emulated workspaces with tables to compare, read by the readers of production over HTTP."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from replicator.address import Address, Side
from replicator.config.connection import Connection
from replicator.emulator import start, stop
from replicator.reconciliation.check import run_check
from replicator.reconciliation.task import CheckTask
from replicator.reconciliation.verdicts import CheckResult
from replicator.workspace import WorkspaceWriter, open_writer

_number = count()


@dataclass
class Bench:
    """A schema of its own on one workspace: `{o}` is the origin, `{t}` its deep clone. Statements are separated by
    semicolons."""

    writer: WorkspaceWriter
    schema: str = field(default_factory=lambda: f"main.s{next(_number)}")

    @property
    def origin(self) -> str:
        return f"{self.schema}.o"

    @property
    def copy(self) -> str:
        return f"{self.schema}.t"

    def run(self, *texts: str) -> None:
        for text in texts:
            for statement in text.split("; "):
                self.writer.execute(statement.replace("{o}", self.origin).replace("{t}", self.copy))

    def clone(self) -> None:
        self.run("CREATE OR REPLACE TABLE {t} DEEP CLONE {o}")

    def task(self, **options: Any) -> CheckTask:
        return CheckTask(table=self.copy, origin=Address(Side.SOURCE, "table", self.origin), **options)

    def check(self, **options: Any) -> CheckResult:
        return run_check(self.task(**options), self.writer, self.writer)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceWriter]:
    root: Path = tmp_path_factory.mktemp("reconciliation")
    with ExitStack() as stack:
        stack.callback(stop, start("us-east", root / ".replicator" / "emulator"))
        writer = open_writer(Connection(host="emulator://us-east"), Side.SOURCE, directory=root)
        stack.callback(writer.close)
        writer.execute("CREATE CATALOG main")
        yield writer


def new_bench(workspace: WorkspaceWriter) -> Bench:
    made = Bench(workspace)
    workspace.execute(f"CREATE SCHEMA {made.schema}")
    return made


@pytest.fixture
def bench(workspace: WorkspaceWriter) -> Bench:
    return new_bench(workspace)
