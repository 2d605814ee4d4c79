"""The state while an apply runs: every change is a journal line first, and the outcome is what recovery would read."""

import threading
from collections.abc import Mapping

from replicator.address import Address
from replicator.engine.actions import Do
from replicator.engine.moves import carry
from replicator.engine.state import Entry, State
from replicator.execution.events import now
from replicator.execution.journal import Journal, Pending, Record, What, merge
from replicator.values import JSON, redact


def _plain(entry: Entry) -> JSON:
    return entry.model_dump(mode="json", exclude_defaults=True)


class Book:
    """Records of one run. Safe to use from many threads; each method raises StateError when its line cannot be kept."""

    def __init__(self, state: State, pending: Mapping[str, Pending], journal: Journal) -> None:
        self._state = state
        self._pending = dict(pending)
        self._journal = journal
        self._lock = threading.Lock()
        self._records: list[Record] = []
        self._entries: dict[str, Entry | None] = dict(state.resources)

    @property
    def lineage(self) -> str:
        return self._state.lineage

    def owns(self, mark: str | None) -> bool:
        """Whether a mark is this deployment's (see State.owns)."""
        return self._state.owns(mark)

    def entry(self, address: str) -> Entry | None:
        with self._lock:
            return self._entries.get(address)

    def intend(self, address: str, do: Do, entry: Entry, previous: str | None = None) -> str:
        """What is about to be called, and what state would hold after it; the time of this, ISO-8601 UTC."""
        at = now()
        attrs = {"at": at, "entry": _plain(entry)} | ({"previous": previous} if previous else {})
        self._keep(Record(What.INTENT, address, do.value, attrs))
        return at

    def done(self, address: str, do: Do, entry: Entry, previous: str | None = None) -> None:
        attrs = {"entry": _plain(entry)} | ({"previous": previous} if previous else {})
        self._keep(Record(What.DONE, address, do.value, attrs))
        with self._lock:
            if previous:
                known = {text: held for text, held in self._entries.items() if held is not None}
                self._entries = dict(carry(known, Address.parse(previous), Address.parse(address)))
            self._entries[address] = entry

    def gone(self, address: str, do: Do) -> None:
        self._keep(Record(What.GONE, address, do.value))
        with self._lock:
            self._entries.pop(address, None)

    def failed(self, address: str, do: Do, error: str, *, partial: bool) -> None:
        """The call is known to have failed; `partial` when some of it may have happened."""
        self._keep(Record(What.FAILED, address, do.value, {"error": redact(error), "partial": partial}))

    def outcome(self) -> tuple[State, dict[str, Pending]]:
        """The state after this run, and every call whose outcome is not known."""
        with self._lock:
            state, pending = merge(self._state, self._records)
            settled = {record.address for record in self._records}
        return state, {text: item for text, item in self._pending.items() if text not in settled} | pending

    def _keep(self, record: Record) -> None:
        self._journal.append(record)
        with self._lock:
            self._records.append(record)
