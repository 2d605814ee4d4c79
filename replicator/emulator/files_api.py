"""REST: files in volumes (the Files API)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from replicator.emulator import volumes
from replicator.emulator.content import file_response
from replicator.emulator.disk import require_room
from replicator.emulator.errors import ApiError, invalid
from replicator.emulator.metastore import Doc
from replicator.emulator.paging import paged
from replicator.emulator.routing import Request, Response, Route

_FILES = "/api/2.0/fs/files/{path*}"
_DIRECTORIES = "/api/2.0/fs/directories/{path*}"


def download(request: Request) -> Response:
    """GET and HEAD files/{path}: the content, or the bytes that a Range header asks for."""
    return file_response(request, _existing(request, "READ_VOLUME"))


def upload(request: Request) -> Response:
    """PUT files/{path}?overwrite=: missing folders are made; an existing file is refused with 409 otherwise."""
    path = _local(request, "WRITE_VOLUME")
    if path.is_dir():
        raise ApiError(409, "ALREADY_EXISTS", f"A directory exists at {_shown(request)}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".upload-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(request.body)
            require_room("data")
        if request.flag("overwrite"):
            os.replace(temporary, path)
        else:
            # A link is refused by the kernel when the name is taken: of two uploads at once only one succeeds.
            os.link(temporary, path)
    except FileExistsError:
        raise ApiError(409, "ALREADY_EXISTS", f"The file being created already exists: {_shown(request)}") from None
    finally:
        Path(temporary).unlink(missing_ok=True)
    return Response(204)


def delete(request: Request) -> Response:
    """DELETE files/{path}."""
    _existing(request, "WRITE_VOLUME").unlink()
    return Response(204)


def list_directory(request: Request) -> Doc:
    """GET directories/{path}: entries by name."""
    path = _existing(request, "READ_VOLUME", directory=True)
    entries = [entry for entry in sorted(path.iterdir()) if not entry.name.startswith(".upload-")]
    contents = [_entry(_shown(request).rstrip("/"), entry) for entry in entries]
    return paged(request, "contents", contents, parameter="page_size", maximum=1_000)


def head_directory(request: Request) -> Response:
    """HEAD directories/{path}."""
    _existing(request, "READ_VOLUME", directory=True)
    return Response()


def create_directory(request: Request) -> Response:
    """PUT directories/{path}: parents too; an existing folder is fine."""
    path = _local(request, "WRITE_VOLUME")
    if path.is_file():
        raise ApiError(409, "ALREADY_EXISTS", f"A file exists at {_shown(request)}.")
    path.mkdir(parents=True, exist_ok=True)
    return Response(204)


def delete_directory(request: Request) -> Response:
    """DELETE directories/{path}: an empty one only."""
    path = _existing(request, "WRITE_VOLUME", directory=True)
    if any(path.iterdir()):
        raise ApiError(400, "DIRECTORY_NOT_EMPTY", f"The directory {_shown(request)} is not empty.")
    path.rmdir()
    return Response(204)


def _shown(request: Request) -> str:
    return "/" + request.args["path"]


def _local(request: Request, privilege: str) -> Path:
    """The file behind `/Volumes/catalog/schema/volume/…`; nothing outside of the volume's folder is reached."""
    parts = [part for part in request.args["path"].split("/") if part]
    if len(parts) < 4 or parts[0] != "Volumes":
        raise invalid(f"Invalid path '{_shown(request)}': expected /Volumes/<catalog>/<schema>/<volume>/<path>.")
    folder = volumes.folder(request.session, parts[1:4], privilege).resolve()
    try:
        path = folder.joinpath(*parts[4:]).resolve()
    except ValueError:
        raise invalid(f"Invalid path '{_shown(request)!r}'.") from None
    if path != folder and folder not in path.parents:
        raise invalid(f"Invalid path '{_shown(request)}': it leaves the volume.")
    return path


def _existing(request: Request, privilege: str, directory: bool = False) -> Path:
    path = _local(request, privilege)
    if path.is_dir() if directory else path.is_file():
        return path
    kind = "directory" if directory else "file"
    raise ApiError(404, "NOT_FOUND", f"The {kind} being accessed is not found: {_shown(request)}")


def _entry(parent: str, path: Path) -> Doc:
    stat = path.stat()
    entry = {"path": f"{parent}/{path.name}", "name": path.name, "is_directory": path.is_dir()}
    if path.is_dir():
        return entry
    return entry | {"file_size": stat.st_size, "last_modified": int(stat.st_mtime * 1000)}


ROUTES = (
    Route("GET", _FILES, download),
    Route("HEAD", _FILES, download),
    Route("PUT", _FILES, upload),
    Route("DELETE", _FILES, delete),
    Route("GET", _DIRECTORIES, list_directory),
    Route("HEAD", _DIRECTORIES, head_directory),
    Route("PUT", _DIRECTORIES, create_directory),
    Route("DELETE", _DIRECTORIES, delete_directory),
)
