"""What a person sees while both metastores are read: that it takes a while, and that an interrupt was heard."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from replicator.cli.common import Run

READING = "reading both metastores"
_HEARD = b"\ninterrupted: nothing was changed; it ends when what is being asked is answered\n"


@contextlib.contextmanager
def reading(run: Run) -> Iterator[None]:
    """Inside, both metastores are read."""
    from replicator.render.progress import waiting

    with interrupts_heard(), waiting(READING, quiet=run.quiet):
        yield


@contextlib.contextmanager
def interrupts_heard() -> Iterator[None]:
    """Inside nothing is changed, and it is said at once that an interrupt was heard: requests that are under way are
    waited for, and that may take long.

    Only the main thread hears signals; in another one this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal told
        if not told:
            told = True
            os.write(2, _HEARD)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
