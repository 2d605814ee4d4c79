"""Files in a volume, over the Files API: https://docs.databricks.com/api/workspace/files"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from replicator.config.connection import Connection
from replicator.config.settings import Retry
from replicator.errors import AlreadyExists, NotFound, PermissionDenied, Unavailable, WorkspaceError
from replicator.workspace.access import open_access
from replicator.workspace.limiter import Limiter
from replicator.workspace.meter import Meter
from replicator.workspace.rest import Rest


class VolumeFolder:
    """One folder `/Volumes/catalog/schema/volume/…`. Safe to use from many threads.

    Every method may raise WorkspaceError: NotFound when there is no such volume, PermissionDenied, Unavailable.
    An upload is whole or not there at all: cloud storage shows no half-written object.
    """

    def __init__(self, rest: Rest, path: str) -> None:
        self.path = path
        self._rest = rest

    def names(self) -> list[str]:
        """The files of the folder; none if there is no such folder."""
        with self._named():
            try:
                found = self._listed(self.path)
            except NotFound:
                # A folder begins with its first file, but its volume has to be there: absent is not the same as wrong.
                self._listed("/".join(self.path.split("/")[:5]))
                return []
            return sorted(item["name"] for item in found if not item.get("is_directory"))

    def read(self, name: str) -> bytes | None:
        """A file's bytes, None if there is none."""
        with self._named():
            try:
                return self._rest.download(self._url(name))
            except NotFound:
                return None

    def create(self, name: str, data: bytes) -> bool:
        """Put a file where none is; False when another one is there. Of many that try at once one succeeds.

        `data` must be nobody else's, for an answer that was lost is settled by reading back.
        """
        with self._named():
            try:
                self._rest.upload(self._url(name), data, overwrite=False)
            except WorkspaceError as error:
                if not isinstance(error, AlreadyExists | Unavailable) and error.status != 409:
                    raise
                if (found := self.read(name)) is not None:
                    return found == data
                raise
            return True

    def replace(self, name: str, data: bytes) -> None:
        """Put a file, over what is there."""
        with self._named():
            self._rest.upload(self._url(name), data, overwrite=True)

    def delete(self, name: str) -> None:
        """Remove a file; one that is not there is fine."""
        with self._named(), contextlib.suppress(NotFound):
            self._rest.send("DELETE", self._url(name))

    def _listed(self, path: str) -> list[Mapping[str, Any]]:
        return list(self._rest.pages(f"/api/2.0/fs/directories{quote(path)}", "contents"))

    def _url(self, name: str) -> str:
        return f"/api/2.0/fs/files{quote(f'{self.path}/{name}')}"

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """What the workspace says, with what it means for the state."""
        try:
            yield
        except NotFound as error:
            root = "/".join(self.path.split("/")[:5])
            create = f"create it: CREATE VOLUME {'.'.join(root.split('/')[2:])}"
            raise _said(error, f"{root}: there is no such volume", create) from None
        except PermissionDenied as error:
            needs = "plan and drift need READ VOLUME, apply WRITE VOLUME too, and both USE CATALOG and USE SCHEMA"
            raise _said(error, f"{self.path}: the volume may not be used", needs) from None
        except Unavailable as error:
            raise _said(error, f"{self.path}: the volume cannot be reached", error.hint) from None


def _said(error: WorkspaceError, what: str, hint: str) -> WorkspaceError:
    """The same kind of failure in other words; said once however deep it comes from."""
    message = error.message if error.message.startswith(what) else f"{what}: {error.message}"
    return type(error)(message, hint=hint, code=error.code, status=error.status)


def open_volume(connection: Connection, path: str, *, retry: Retry, directory: Path) -> VolumeFolder:
    """A folder of a volume of a workspace. Raises ConfigError, PermissionDenied or Unavailable when there is no way in.

    `directory` is the configuration's, which an emulator's folder is relative to.
    """
    access = open_access(connection, directory)
    return VolumeFolder(Rest(access, Limiter(), Meter(), retry.max_attempts), path)
