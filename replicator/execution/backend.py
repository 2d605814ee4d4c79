"""What a place for states has to offer, and what it promises. There are two: a folder (`folder.py`) and a Unity
Catalog volume (`volume.py`); `store.py` and `journal.py` know them only as this.

Whatever holds the state of one environment promises four things. A save is seen whole or not at all, and of two saves
under one serial one is refused. A journal's line is durable when `append` returns, and none can be appended by a run
whose lock went to another. Of two that lock at once one gets it. What cannot be read is an error and never "nothing".
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from replicator.errors import StateError
from replicator.execution.holder import Holder


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes, and where they are for a message to name."""

    where: str
    data: bytes


@dataclass(frozen=True, slots=True)
class StoredJournal:
    """A journal as it is kept: `first` holds its header line at least, `rest` reads what comes after `first`. `aside`
    tells a person how to take it out of the way."""

    where: str
    aside: str
    first: bytes
    rest: Callable[[], bytes]


class Moved(StateError):
    """What was being read is another by now, because a run ended meanwhile: read again."""


class Appender(Protocol):
    """The end of a journal. Only one thread uses it at a time."""

    def append(self, data: bytes) -> None:
        """Durable on return. Raises OSError or ReplicatorError, after which it is not to be used again."""

    def close(self) -> None: ...


Notify = Callable[[str], None]
"""Hears sentences for a person."""


def silent(text: str) -> None:
    """A Notify where there is nobody to hear."""


class Backend(Protocol):
    """Where the state of one environment is kept. Every method may raise StateError or WorkspaceError.

    `anew` tells a person how to begin with no state and keep this one.
    """

    @property
    def anew(self) -> str: ...

    @property
    def environment(self) -> str: ...

    @property
    def where(self) -> str:
        """The place of the state, for messages."""

    @property
    def options(self) -> str:
        """What a `replicator state …` command needs to find this place, with a space before it."""

    def read(self) -> Stored | None:
        """The newest state, None if there never was one. Raises StateError when one was saved and is not there."""

    def serials(self) -> list[int]:
        """The serials that are kept, oldest first."""

    def read_serial(self, serial: int) -> Stored | None: ...

    def save(self, serial: int, data: bytes, keep: int) -> None:
        """Make this the newest state, and keep the last `keep`. Raises StateError when that serial was saved already,
        LockedError when the lock went to another run."""

    def set_aside(self) -> str:
        """Keep the newest state and its journal under another name, for a restored one to take their place; where."""

    def journal(self) -> StoredJournal | None:
        """The journal that was begun last and not dropped."""

    def start_journal(self, first: bytes) -> Appender:
        """Begin a journal with its header line, in place of what was there."""

    def replace_journal(self, data: bytes) -> str:
        """Put another journal in place of a damaged one, which is kept under another name; where."""

    def drop_journal(self) -> None: ...

    def note(self, name: str) -> Stored | None:
        """A document beside the state."""

    def write_note(self, name: str, data: bytes) -> None:
        """Put a document beside the state, over what is there."""

    def lock(self, operation: str, notify: Notify) -> AbstractContextManager[Holder]:
        """Hold the lock inside. Raises LockedError naming the holder; `notify` hears of a dead one taken over."""

    def holder(self) -> Holder | None:
        """Who holds the lock, or held it and died."""

    def unlock(self, lock_id: str) -> Holder:
        """End the lock of a holder that a person knows to be dead. Raises StateError when another one holds it."""
