"""Deletion vectors: which rows of a data file are gone, as other writers record it instead of rewriting the file.

The formats are those of the Delta protocol: a descriptor in the `add` action, and a 64-bit Roaring bitmap of row
positions in the descriptor itself or in a file. The emulator reads them and never writes one.
"""

from __future__ import annotations

import base64
import urllib.parse
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any

from replicator.emulator.errors import SqlError

Json = dict[str, Any]

KEY = "deletionVector"
_MAGIC = (1681511377).to_bytes(4, "little")
_UUID_TEXT = 20  # characters of a base85 UUID; what stands before them is a folder
# The protocol's base85 is Z85: the arithmetic of Python's with another alphabet.
_Z85 = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_PYTHON = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_ALPHABET, _BACK = bytes.maketrans(_Z85, _PYTHON), bytes.maketrans(_PYTHON, _Z85)


def identity(action: Json) -> tuple[str, str]:
    """What a file action is about: the file, and which of its rows are deleted."""
    found = action.get(KEY)
    if not found:
        return action["path"], ""
    return action["path"], f"{found['storageType']}{found['pathOrInlineDv']}@{found.get('offset')}"


def vector_file(table: Path, action: Json) -> Path | None:
    """The file that holds the deletion vector of a file action; None for one in the action itself, or for none."""
    found = action.get(KEY)
    if not found or found["storageType"] == "i":
        return None
    text: str = found["pathOrInlineDv"]
    if found["storageType"] == "p":
        return Path(urllib.parse.unquote(urllib.parse.urlparse(text).path))
    name = uuid.UUID(bytes=_decode(text[-_UUID_TEXT:]))
    return table / text[:-_UUID_TEXT] / f"deletion_vector_{name}.bin"


def moved_vector(action: Json, folder: str) -> Json:
    """A file action whose vector, named by an absolute path, is to be found in a folder of the table instead."""
    found = action.get(KEY)
    if not found or found["storageType"] != "p":
        return action
    name = Path(urllib.parse.unquote(found["pathOrInlineDv"])).stem.removeprefix("deletion_vector_")
    text = base64.b85encode(uuid.UUID(name).bytes).translate(_BACK).decode()
    return action | {KEY: found | {"storageType": "u", "pathOrInlineDv": folder + text}}


def deleted_bits(table: Path, action: Json) -> str | None:
    """A `1` for each deleted row of a file, up to the last of them; None for a file without a deletion vector.

    Raises SqlError for a vector that is missing or damaged: its rows must not come back.
    """
    found = action.get(KEY)
    if not found:
        return None
    file = vector_file(table, action)
    return _bits(file, found["pathOrInlineDv"] if file is None else "", found.get("offset") or 0, found["sizeInBytes"])


@lru_cache(256)
def _bits(file: Path | None, inline: str, offset: int, size: int) -> str:
    """Vectors are immutable, so that what was read once stays true."""
    # Few tables have deletion vectors.
    from pyroaring import BitMap64

    data = _decode(inline)[:size] if file is None else _stored(file, offset, size)
    if data[:4] != _MAGIC:
        raise _damaged(file)
    try:
        positions = BitMap64.deserialize(data[4:])
    except ValueError:
        raise _damaged(file) from None
    bits = bytearray(b"0" * (positions.max() + 1 if positions else 0))
    for position in positions:
        bits[position] = 49
    return bits.decode()


def _stored(file: Path, offset: int, size: int) -> bytes:
    """A vector in a file: its size, the bitmap, and a checksum that only a writer's bug or a bad disk would break."""
    try:
        with open(file, "rb") as content:
            content.seek(offset)
            stated = int.from_bytes(content.read(4), "big")
            data = content.read(size)
    except FileNotFoundError:
        message = f"File {file.as_uri()} referenced in the transaction log cannot be found."
        raise SqlError("DELTA_FILE_NOT_FOUND_DETAILED", "42K03", message) from None
    if stated != size or len(data) != size:
        raise _damaged(file)
    return data


def _decode(text: str) -> bytes:
    return base64.b85decode(text.encode("ascii").translate(_ALPHABET))


def _damaged(file: Path | None) -> SqlError:
    where = "in the transaction log" if file is None else f"in {file.as_uri()}"
    return SqlError("DELTA_DELETION_VECTOR_INVALID", "XXKDS", f"The deletion vector {where} cannot be read.")
