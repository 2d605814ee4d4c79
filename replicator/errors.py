"""Every way a command can fail: one class per exit code, one sentence for what is wrong, one for what to do."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller; scripts and CI rely on these numbers."""

    OK = 0
    ERROR = 1
    CHANGES = 2
    PARTIAL = 3
    BLOCKED = 4
    STALE = 5
    LOCKED = 6
    USAGE = 64
    INTERRUPTED = 130


class ReplicatorError(Exception):
    """A failure that a person can act on.

    `message` says what is wrong and where; `hint` says what to do about it. Neither may hold a secret.
    """

    exit_code = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class ConfigError(ReplicatorError):
    """The configuration is wrong; `message` holds every problem found, each with file:line:column."""


class WorkspaceError(ReplicatorError):
    """A workspace refused or could not be reached. `code` is the platform's own error code, `status` its HTTP
    status."""

    def __init__(self, message: str, *, hint: str = "", code: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status


class NotFound(WorkspaceError):
    """The workspace says that the object does not exist."""


class AlreadyExists(WorkspaceError):
    """A create found the name taken: perhaps by our own create whose answer was lost."""


class PermissionDenied(WorkspaceError):
    """The principal may not do this, or may not even know whether the object exists."""


class Unavailable(WorkspaceError):
    """The workspace did not answer in time; whether a write took effect is unknown."""


class StateError(ReplicatorError):
    """The state cannot be trusted: damaged, newer than this tool, or of other metastores."""


class BlockedError(ReplicatorError):
    """A guard holds back what was asked."""

    exit_code = ExitCode.BLOCKED


class StaleError(ReplicatorError):
    """What was approved is not what would be done now."""

    exit_code = ExitCode.STALE


class LockedError(ReplicatorError):
    """Another apply holds the state."""

    exit_code = ExitCode.LOCKED


class UsageError(ReplicatorError):
    """The command line itself is wrong."""

    exit_code = ExitCode.USAGE
