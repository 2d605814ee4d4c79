"""The signature of a saved plan: whoever can edit the file cannot make it pass for one that was planned here."""

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path

from replicator.engine.actions import Plan
from replicator.errors import UsageError
from replicator.values import canonical_json

KEY_VARIABLE = "REPLICATOR_PLAN_KEY"
_SHORTEST_KEY = 16


def signed(plan: Plan) -> Plan:
    """The plan with its signature. Raises UsageError when the key can be neither read nor made."""
    return plan.model_copy(update={"signature": _signature(plan, _key())})


def is_signed(plan: Plan) -> bool:
    """Whether the plan's signature is that of its content and our key."""
    return hmac.compare_digest(plan.signature.encode(), _signature(plan, _key()).encode())


def _signature(plan: Plan, key: bytes) -> str:
    body = canonical_json(json.loads(plan.model_dump_json(exclude={"signature"})))
    return "hmac-sha256:" + hmac.new(key, body.encode(), hashlib.sha256).hexdigest()


def key_file() -> Path:
    """Where the key of this user is kept."""
    root = os.environ.get("XDG_CONFIG_HOME")
    return (Path(root) if root else Path.home() / ".config") / "replicator" / "plan.key"


def _key() -> bytes:
    given = os.environ.get(KEY_VARIABLE, "").strip()
    where = KEY_VARIABLE if given else str(key_file())
    try:
        key = given or _kept(key_file())
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(
            f"{where}: the key that signs plans cannot be read or made: {why}", hint=f"set {KEY_VARIABLE} instead"
        ) from error
    if len(key) < _SHORTEST_KEY:
        raise UsageError(f"{where}: a key that signs plans has at least {_SHORTEST_KEY} characters")
    return key.encode()


def _kept(path: Path) -> str:
    """The key in a file, made on first use; of two processes that make it one wins, whole."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(secrets.token_hex(32) + "\n")
            path.hardlink_to(fresh)
        except FileExistsError:
            pass  # another process was faster: its key is the one that counts
        finally:
            fresh.unlink()
    return path.read_text(encoding="utf-8").strip()
