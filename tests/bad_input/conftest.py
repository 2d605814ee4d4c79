"""Two emulated metastores, and a command that is told something wrong: what it says, and that it changed nothing."""

import subprocess
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from replicator.emulator import requestlog, sql, start, stop
from tests.cli.run import replicator

SOURCE = "emulator://us-east?root=../emulator"
TARGET = "emulator://eu-west?root=../emulator"
_WORLD = {
    "us-east": ("CREATE CATALOG shop", "CREATE SCHEMA shop.orders", "CREATE TABLE shop.orders.items (id INT)"),
    "eu-west": ("CREATE CATALOG taken", "CREATE SCHEMA taken.orders", "CREATE TABLE taken.orders.items (id INT)"),
}


@dataclass(frozen=True)
class Attempt:
    """A command in a folder of its own; `emulator` holds both metastores."""

    folder: Path
    emulator: Path

    def write(self, text: str) -> None:
        (self.folder / "replicator.yaml").write_text(textwrap.dedent(text), encoding="utf-8")

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command; raises AssertionError if it changed anything, or ended with a traceback."""
        before = requestlog.position(self.emulator)
        ended = replicator(*arguments, cwd=self.folder, HOME=str(self.folder), **environment)
        assert "Traceback" not in ended.stderr
        assert requestlog.read(self.emulator, before, writes=True) == []
        assert [path for path in self.folder.rglob("*") if path.is_file() and path.name != "replicator.yaml"] == []
        return ended


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both metastores: the source has shop.orders.items, the target a table that is not ours."""
    folder = tmp_path_factory.mktemp("bad-input")
    for name, statements in _WORLD.items():
        endpoint = start(name, folder / "emulator")
        for statement in statements:
            sql.execute(endpoint.session(), statement)
        stop(endpoint)
    return folder


@pytest.fixture
def attempt(world: Path, tmp_path: Path) -> Attempt:
    folder = world / tmp_path.name
    folder.mkdir()
    return Attempt(folder, world / "emulator")


@pytest.fixture
def refused(attempt: Attempt) -> Callable[..., None]:
    """`refused(configuration, message, code)`: apply ends with exactly this message and exit code."""

    def check(configuration: str, message: str, code: int = 1, **environment: str) -> None:
        attempt.write(configuration)
        ended = attempt.run("apply", "--yes", **environment)
        assert ended.stderr == textwrap.dedent(message)
        assert ended.returncode == code

    return check
