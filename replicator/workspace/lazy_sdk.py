"""`databricks.sdk` without the clients of forty services, of which none is used here.

The package's `__init__` imports all of them, which takes a second of every command. What is used (`core`, `errors`)
lies beside them and needs none. So the package is put in place unexecuted; whoever asks it for a name of its own, as
`from databricks.sdk import WorkspaceClient` does, has it executed then.
"""

import sys
import threading
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any

_PACKAGE = "databricks.sdk"
_turn = threading.RLock()


def put_sdk_in_place() -> None:
    """Have submodules of the SDK import without it, unless somebody has imported the whole already."""
    with _turn:
        spec = None if _PACKAGE in sys.modules else find_spec(_PACKAGE)
        if spec is None or spec.loader is None:
            return
        package, loader = module_from_spec(spec), spec.loader

        def load(name: str) -> Any:
            if find_spec(f"{_PACKAGE}.{name}") is not None:
                return import_module(f"{_PACKAGE}.{name}")
            with _turn:
                if package.__dict__.pop("__getattr__", None) is not None:
                    loader.exec_module(package)
            return getattr(package, name)

        package.__dict__["__getattr__"] = load
        sys.modules[_PACKAGE] = package
        parent, _, child = _PACKAGE.rpartition(".")
        setattr(import_module(parent), child, package)
