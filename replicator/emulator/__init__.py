"""A Databricks-compatible workspace on this machine: Unity Catalog REST, SQL Statement Execution and Thrift
on loopback.

Importing this package costs nothing; the engines are loaded by `replicator.emulator.launch`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replicator.emulator.launch import Endpoint, start, stop

__all__ = ["Endpoint", "start", "stop"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    from replicator.emulator import launch

    return getattr(launch, name)
