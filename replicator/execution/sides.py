"""The same on both sides at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from replicator.address import Side

T = TypeVar("T")


def both(work: Callable[[Side], T]) -> dict[Side, T]:
    """Do the same on both sides at once. Raises what the source raises, or else the target."""
    with ThreadPoolExecutor(len(Side), thread_name_prefix="side") as pool:
        futures = {side: pool.submit(work, side) for side in Side}
        return {side: future.result() for side, future in futures.items()}
