"""From a connection in the configuration to credentials that work: the SDK's unified authentication, or an emulator."""

import base64
import binascii
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replicator import __version__
from replicator.config.connection import Connection, SecretRef
from replicator.errors import ConfigError, WorkspaceError
from replicator.values import Secret, keep_secret, redact
from replicator.workspace.failures import of_rest, unreachable
from replicator.workspace.lazy_sdk import put_sdk_in_place
from replicator.workspace.limiter import MOST

FIRST_CONTACT_SECONDS = 5
"""How long a host may take to answer the very first request."""
REQUEST_SECONDS = 60
_CREDENTIALS = ("token", "client_secret", "password", "azure_client_secret")
_ATTRIBUTES = threading.Lock()
_WELL_KNOWN = "/.well-known/databricks-config"


class GaveUp(Exception):
    """The SDK wanted to send a request again; whether that is right is decided here, so it never does."""


class OneAttempt:
    """A clock for the SDK that lets time pass and refuses to sleep, which is what its retries begin with."""

    def time(self) -> float:
        import time

        return time.time()

    def sleep(self, seconds: float) -> None:
        raise GaveUp


@dataclass(frozen=True)
class Access:
    """A workspace that can be called. `sdk_config` authenticates both REST and SQL; `label` is its name for people;
    `warehouse_id` and `http_path` are what the configuration, or the emulator, says of the SQL warehouse."""

    label: str
    host: str
    sdk_config: Any
    warehouse_id: str | None
    http_path: str | None


def open_access(connection: Connection, directory: Path) -> Access:
    """Resolve secrets and authenticate. Raises ConfigError for credentials that are missing, Unavailable for a
    host that does not answer, PermissionDenied for credentials that are refused."""
    _quiet()
    put_sdk_in_place()
    name = connection.emulator_name
    return _workspace(connection) if name is None else _emulated(connection, name, directory)


def _emulated(connection: Connection, name: str, directory: Path) -> Access:
    from replicator.emulator import start

    root = Path(connection.emulator_root) if connection.emulator_root else Path(".replicator") / "emulator"
    endpoint = start(name, directory / root)
    keep_secret(endpoint.token)
    config = _sdk_config({"host": endpoint.url, "token": endpoint.token, "auth_type": "pat"}, connection.label)
    if connection.token is not None:
        token = _resolve(connection.token, config, connection.label)
        config = _sdk_config({"host": endpoint.url, "token": token.reveal(), "auth_type": "pat"}, connection.label)
    given = connection.warehouse_id is not None or connection.http_path is not None
    http_path = connection.http_path if given else endpoint.http_path
    return Access(connection.label, endpoint.url, config, connection.warehouse_id, http_path)


def _workspace(connection: Connection) -> Access:
    arguments: dict[str, str] = {}
    if connection.host is not None:
        _reach(connection.host, connection.label)
        arguments["host"] = connection.host
    if connection.profile is not None:
        arguments["profile"] = connection.profile
    if connection.token is not None:
        secret = _resolve(connection.token, None, connection.label)
        arguments |= {"token": secret.reveal(), "auth_type": "pat"}
    if connection.client_id is not None and connection.client_secret is not None:
        client = connection.client_id
        identifier = client if isinstance(client, str) else _resolve(client, None, connection.label).reveal()
        secret = _resolve(connection.client_secret, None, connection.label)
        arguments |= {"client_id": identifier, "client_secret": secret.reveal(), "auth_type": "oauth-m2m"}
    config = _sdk_config(arguments, connection.label)
    if connection.host is None:
        _reach(config.host, connection.label)
    return Access(connection.label, config.host, config, connection.warehouse_id, connection.http_path)


def _reach(host: str | None, label: str) -> None:
    """Ask the host for what it tells everybody, once: the SDK would knock much longer. Any answer will do."""
    import requests  # type: ignore[import-untyped]

    if not host:
        raise ConfigError(f"{label}: no host is given", hint="write host: https://…, or name it in the profile")
    try:
        requests.get(host + _WELL_KNOWN, timeout=FIRST_CONTACT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise unreachable(error, label, host) from None


def _sdk_config(arguments: Mapping[str, str], label: str) -> Any:
    from databricks.sdk.core import Config

    explicit = arguments.keys() & {"token", "client_id", "profile"}
    if "profile" in arguments:
        arguments = {**arguments, "config_file": os.environ.get("DATABRICKS_CONFIG_FILE", "")}
    # The SDK lets DATABRICKS_HOST and its like win over a profile, which would be another workspace than the file's.
    # It looks its settings up once, on whichever class asks first: that must be its own.
    # It looks them up while another thread may be storing what it found, which both sides' threads would be.
    with _ATTRIBUTES:
        Config.attributes()
    made = type("Config", (Config,), {"_load_from_env": lambda self: None}) if explicit else Config
    try:
        config = made(
            **{key: value for key, value in arguments.items() if value},
            clock=OneAttempt(),
            retry_timeout_seconds=1,
            http_timeout_seconds=FIRST_CONTACT_SECONDS,
            max_connection_pools=MOST,
            max_connections_per_pool=MOST,
            product="replicator",
            product_version=__version__,
        )
        config.http_timeout_seconds = REQUEST_SECONDS
    except ValueError as error:
        # The SDK's message may repeat what it was given, so only its first sentence is shown.
        reason = redact(str(error).partition(". ")[0].partition("\n")[0])
        raise _no_way_in(label, reason, arguments) from None
    # What the SDK found by itself (a profile, DATABRICKS_TOKEN) has not been looked at yet.
    for name in _CREDENTIALS:
        found = getattr(config, name, None)
        if found and _usable(found, f"{label}: {name}").reveal() != found:
            raise ConfigError(f"{label}: {name} begins or ends with white space", hint="take it away")
    return config


def _no_way_in(label: str, reason: str, arguments: Mapping[str, str]) -> ConfigError:
    if "cannot configure default credentials" not in reason:
        return ConfigError(f"{label}: cannot authenticate: {reason}", hint="see docs/configuration.md")
    if "profile" in arguments:
        file = arguments.get("config_file") or "~/.databrickscfg"
        return ConfigError(f"{label}: there is no such profile in {file}, or it holds no credentials")
    return ConfigError(
        f"{label}: no credentials were found",
        hint="give `token`, or `client_id` and `client_secret`, or `profile`; see docs/configuration.md",
    )


def _resolve(reference: SecretRef, config: Any | None, label: str) -> Secret:
    """The value of a secret: from the environment, or from a scope of `config`'s workspace (None: the default one)."""
    if reference.env is not None:
        value = os.environ.get(reference.env)
        if not value:
            raise ConfigError(
                f"{label}: environment variable {reference.env} is not set", hint="export it, then try again"
            )
        return _usable(value, f"{label}: environment variable {reference.env}")
    return _from_scope(reference, config or _sdk_config({}, "the default workspace"), label)


def _from_scope(reference: SecretRef, config: Any, label: str) -> Secret:
    from databricks.sdk.core import ApiClient

    where = f"secret {reference.secret_scope}/{reference.secret_key}"
    query = {"scope": reference.secret_scope, "key": reference.secret_key}
    try:
        answer = ApiClient(config).do("GET", "/api/2.0/secrets/get", query=query)
        value = base64.b64decode(answer["value"], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, KeyError):
        raise ConfigError(f"{label}: {where} does not hold a token") from None
    except Exception as error:  # noqa: BLE001  the SDK raises exceptions of many libraries; `of_rest` names each
        failure = of_rest(error, "the secrets API", f"read {where}")
        raise WorkspaceError(f"{label}: {failure.message}", hint="create the secret, or use `env: NAME`") from None
    return _usable(value, f"{label}: {where}")


def _usable(value: str, where: str) -> Secret:
    """A secret that can be sent in a header. Files and shells often leave a line break at its end.

    Raises ConfigError, which never repeats the value.
    """
    secret = value.strip()
    if not secret:
        raise ConfigError(f"{where} holds nothing but white space")
    if not (secret.isascii() and secret.isprintable()):
        raise ConfigError(
            f"{where} holds a line break or another character that no credential has",
            hint="store the credential by itself, in one line",
        )
    return keep_secret(secret)


def _quiet() -> None:
    """What the libraries log is either in our own messages or no help; their debug logs would hold requests."""
    for name in ("databricks", "urllib3", "py4j", "thrift"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
