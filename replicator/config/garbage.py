"""Building large trees and graphs without looking for garbage among them."""

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """A large configuration is a million objects that all stay alive; searching them for cycles doubles the time.

    Nor are they searched afterwards. What is not needed any more still goes, unless it is part of a cycle.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.freeze()
            gc.enable()


@atexit.register
def _leave_as_it_is() -> None:
    """The end of the process takes everything with it, and need not search it either."""
    if "duckdb" in sys.modules:
        gc.unfreeze()  # it complains of every object of its that is not found: where an emulator runs in this process
    else:
        gc.freeze()
