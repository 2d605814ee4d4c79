"""Both places for a state, a folder and a volume, with the files behind them for a test to damage."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from replicator.config.connection import Connection
from replicator.config.settings import Retry
from replicator.emulator import Endpoint, sql, start
from replicator.execution.backend import Backend
from replicator.execution.folder import Folder
from replicator.execution.volume import Volume
from replicator.workspace.files import open_volume

VOLUME = "/Volumes/ops/replicator/state"
BOTH = ("folder", "volume")
PROD = "prod"


@dataclass(frozen=True)
class Kept:
    """A place for the state of one environment. `another` is what another process would use, `files` holds its files
    on this machine."""

    another: Callable[[], Backend]
    backend: Backend
    files: Path
    kind: str

    @property
    def state(self) -> Path:
        """The file that is the state."""
        if self.kind == "folder":
            return self.files / "prod.json"
        return max(self.files.glob("state.*.json"), key=lambda path: int(path.suffixes[0][1:]))

    def serial(self, number: int) -> Path:
        return self.files / ("history/prod" if self.kind == "folder" else "") / self.name(number)

    def name(self, number: int) -> str:
        return f"{number}.json" if self.kind == "folder" else f"state.{number}.json"

    @property
    def journal(self) -> list[Path]:
        """The files that together are the journal."""
        return sorted(self.files.glob("*.journal" if self.kind == "folder" else "journal.*.ndjson"))

    @property
    def lock(self) -> Path | None:
        """The file that is the lock."""
        found = self.files.glob("*.lock" if self.kind == "folder" else "lock.*.json")
        return max(found, default=None, key=lambda path: path.stat().st_mtime_ns)

    def everything(self) -> dict[str, bytes]:
        """Every file and what it holds, but for the lock."""
        files = [path for path in self.files.rglob("*") if path.is_file() and "lock" not in path.name]
        return {str(path.relative_to(self.files)): path.read_bytes() for path in files}

    def put_journal(self, data: bytes, lines: list[bytes]) -> None:
        """Let the journal hold `data`, cut where the pieces for these lines end."""
        for path in self.journal:
            path.unlink()
        if self.kind == "folder":
            (self.files / "prod.journal").write_bytes(data)
            return
        for number, line in enumerate(lines):
            if data:
                (self.files / f"journal.1.{number:06}.ndjson").write_bytes(data[: len(line)])
            data = data[len(line) :]


def start_workspace(root: Path) -> Endpoint:
    """An emulated workspace with a volume for states."""
    endpoint = start("eu-west", root)
    for statement in ("CREATE CATALOG ops", "CREATE SCHEMA ops.replicator", "CREATE VOLUME ops.replicator.state"):
        sql.execute(endpoint.session(), statement)
    return endpoint


def volume(root: Path, path: str, environment: str = PROD) -> Volume:
    """A state in a volume of that workspace, as another process would open it."""
    connection = Connection(host=f"emulator://eu-west?root={root}")
    folder = open_volume(connection, f"{VOLUME}/{path}/{environment}", retry=Retry(), directory=root)
    return Volume(folder, environment)


def volume_files(endpoint: Endpoint) -> Path:
    """Where the emulator keeps the volume's files."""
    found = endpoint.store.get(endpoint.session().ms, "volume", "ops", "replicator", "state")
    assert found is not None
    return Path(found["_path"])


def kept_in(kind: str, tmp_path: Path, endpoint: Endpoint) -> Kept:
    if kind == "folder":
        return Kept(lambda: Folder(tmp_path, PROD), Folder(tmp_path, PROD), tmp_path, kind)
    name, root = f"case-{tmp_path.name}", endpoint.store.root
    return Kept(lambda: volume(root, name), volume(root, name), volume_files(endpoint) / name / PROD, kind)
