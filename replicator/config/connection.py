"""How a workspace is reached: host, credentials by reference, warehouse. No secret is ever part of it."""

import re
from typing import Annotated, Any, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_EMULATOR_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
INSTEAD_OF_SECRETS = "write `env: NAME`, or `secret_scope` and `secret_key`, or use `profile`"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Section(BaseModel):
    """A part of the file: unknown keys are errors, nothing is coerced, nothing changes later."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SecretRef(Section):
    """Where a secret is kept: an environment variable, or a secret scope of the default workspace."""

    env: str | None = None
    secret_scope: str | None = None
    secret_key: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        in_scope = self.secret_scope is not None and self.secret_key is not None
        half = (self.secret_scope is None) != (self.secret_key is None)
        if half or in_scope == (self.env is not None):
            raise ValueError("give either `env`, or both `secret_scope` and `secret_key`")
        return self


def _no_clear_text(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f"a secret in clear text is refused; {INSTEAD_OF_SECRETS}")
    return value


SecretField = Annotated[SecretRef, BeforeValidator(_no_clear_text)]


def _host(text: str) -> str:
    try:
        url = urlsplit(text)
        hostname, _ = url.hostname, url.port
    except ValueError:
        raise ValueError("this is not a URL") from None
    if url.username is not None or url.password is not None:
        raise ValueError("credentials in the host are refused; use `token` or `profile`")
    if url.scheme == "emulator":
        return _emulator_host(text)
    if not hostname or url.scheme not in ("https", "http"):
        raise ValueError("expected https://… (a workspace) or emulator://NAME")
    if url.scheme == "http" and hostname not in _LOOPBACK:
        raise ValueError("http:// is accepted for this machine only; write https://")
    if url.path.strip("/") or url.query or url.fragment:
        raise ValueError(f"expected only the workspace's address: {url.scheme}://{url.netloc}")
    return f"{url.scheme}://{url.netloc.lower()}"


def _emulator_host(text: str) -> str:
    url = urlsplit(text)
    if not _EMULATOR_NAME.fullmatch(url.netloc):
        raise ValueError("an emulator's name has lower-case letters, digits and `-`: emulator://us-east")
    if url.path.strip("/") or url.fragment or {key for key, _ in parse_qsl(url.query)} - {"root"}:
        raise ValueError("expected emulator://NAME or emulator://NAME?root=FOLDER")
    return text.rstrip("/")


class Connection(Section):
    """One workspace. `host` has no trailing slash; `name` is shown to people; `sharing_identifier`
    (cloud:region:uuid) must be the metastore's own, if it is given."""

    host: Annotated[str, AfterValidator(_host)] | None = None
    name: str | None = None
    token: SecretField | None = None
    profile: str | None = None
    client_id: str | SecretRef | None = None
    client_secret: SecretField | None = None
    warehouse_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]+$")
    http_path: str | None = Field(default=None, pattern=r"^/[A-Za-z0-9._/-]+$")
    sharing_identifier: str | None = Field(default=None, pattern=r"^[^:\s]+:[^:\s]+:[^:\s]+$")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.host is None and self.profile is None:
            raise ValueError("give `host`, or `profile`")
        if (self.client_id is None) != (self.client_secret is None):
            raise ValueError("`client_id` and `client_secret` are given together")
        ways = [way for way in ("token", "client_secret", "profile") if getattr(self, way) is not None]
        if len(ways) > 1:
            raise ValueError(f"`{ways[0]}` and `{ways[1]}` are two ways to authenticate; give one")
        if self.warehouse_id is not None and self.http_path is not None:
            raise ValueError("`warehouse_id` and `http_path` name the same thing; give one")
        return self

    @property
    def emulator_name(self) -> str | None:
        """The emulated metastore's name, None for a workspace."""
        if self.host is None or not self.host.startswith("emulator://"):
            return None
        return urlsplit(self.host).netloc

    @property
    def emulator_root(self) -> str | None:
        """The folder that an emulator's host asks for, relative to the configuration's folder."""
        if self.emulator_name is None or self.host is None:
            return None
        return dict(parse_qsl(urlsplit(self.host).query)).get("root")

    @property
    def label(self) -> str:
        """What to call the workspace."""
        return self.name or self.host or f"profile {self.profile}"
