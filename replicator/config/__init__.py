"""The configuration: YAML in, checked models, and the desired graph. Nothing here contacts a workspace."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replicator.config.compile import compile_graph
    from replicator.config.connection import Connection
    from replicator.config.loading import AuditSink, Config, load
    from replicator.config.scopes import scope

__all__ = ["AuditSink", "Config", "Connection", "compile_graph", "load", "scope"]

_HOMES = {
    "AuditSink": "replicator.config.loading",
    "Config": "replicator.config.loading",
    "Connection": "replicator.config.connection",
    "compile_graph": "replicator.config.compile",
    "load": "replicator.config.loading",
    "scope": "replicator.config.scopes",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `validate` needs no compiler, `version` needs none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
