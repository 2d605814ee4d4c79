"""How each client is pointed at an emulated workspace, as text to copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from replicator.emulator.launch import Endpoint


def instructions(endpoint: Endpoint) -> dict[str, str]:
    """Client -> what to paste, in the order in which they are shown."""
    return {name: make(endpoint).strip("\n") for name, make in _CLIENTS.items()}


def page_address(endpoint: Endpoint) -> str:
    """The address of the web page with the token in it."""
    return f"{endpoint.url}/?token={endpoint.token}"


def environment(endpoint: Endpoint) -> dict[str, str]:
    """Variables that the SDKs, the Databricks CLI and Terraform's provider read."""
    found = {
        "DATABRICKS_HOST": endpoint.url,
        "DATABRICKS_TOKEN": endpoint.token,
        "DATABRICKS_WAREHOUSE_ID": endpoint.warehouse_id,
    }
    if endpoint.ca_file is not None:
        # Of Python's requests, and of Go and OpenSSL.
        found |= {"REQUESTS_CA_BUNDLE": str(endpoint.ca_file), "SSL_CERT_FILE": str(endpoint.ca_file)}
    return found


def _environment(endpoint: Endpoint) -> str:
    return "\n".join(f"export {name}='{value}'" for name, value in environment(endpoint).items())


def _profile(endpoint: Endpoint) -> str:
    return f"""
[{endpoint.name}]
host      = {endpoint.url}
token     = {endpoint.token}
auth_type = pat
"""


def connector_arguments(endpoint: Endpoint) -> dict[str, object]:
    """Arguments of `databricks.sql.connect` for Thrift.

    Over plain http only `_connection_uri` is taken; telemetry would ask a host on port 443 first, and wait for it.
    """
    common: dict[str, object] = {
        "server_hostname": "127.0.0.1",
        "http_path": endpoint.http_path,
        "access_token": endpoint.token,
        "enable_telemetry": False,
    }
    if endpoint.ca_file is None:
        return common | {"_connection_uri": endpoint.url + endpoint.http_path}
    return common | {"_port": urlsplit(endpoint.url).port, "_tls_trusted_ca_file": str(endpoint.ca_file)}


def _connector(endpoint: Endpoint) -> str:
    lines = "".join(f"    {name}={value!r},\n" for name, value in connector_arguments(endpoint).items())
    return f"from databricks import sql\nconnection = sql.connect(\n{lines})"


def _dbt(endpoint: Endpoint) -> str:
    """dbt passes its host on to clients of https only: over plain http it refreshes no materialized view."""
    extra = {"enable_telemetry": "false", "_connection_uri": endpoint.url + endpoint.http_path}
    if endpoint.ca_file is not None:
        extra["_tls_trusted_ca_file"] = str(endpoint.ca_file)
    lines = "".join(f"        {name}: {value}\n" for name, value in extra.items())
    return f"""
emulator:
  target: dev
  outputs:
    dev:
      type: databricks
      host: {urlsplit(endpoint.url).netloc}
      http_path: {endpoint.http_path}
      token: {endpoint.token}
      catalog: main
      schema: default
      connection_parameters:
{lines}"""


def _terraform(endpoint: Endpoint) -> str:
    return f"""
provider "databricks" {{
  host      = "{endpoint.url}"
  token     = "{endpoint.token}"
  auth_type = "pat"
}}
"""


def _sharing(endpoint: Endpoint) -> str:
    return f"""
replicator emulator exec emulator://{endpoint.name} "CREATE RECIPIENT partner"
# the recipient's activation_url is the link to its profile file, once:
# w.recipients.get("partner").tokens[0].activation_url
delta_sharing.load_as_pandas("config.share#share.schema.table")
"""


_CLIENTS: Mapping[str, Callable[[Endpoint], str]] = {
    "SDKs, Databricks CLI, Terraform: environment": _environment,
    "~/.databrickscfg": _profile,
    "SQL connector": _connector,
    "dbt: profiles.yml": _dbt,
    "Terraform: provider": _terraform,
    "delta-sharing": _sharing,
}
