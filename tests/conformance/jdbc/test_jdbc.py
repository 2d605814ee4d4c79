"""The JDBC driver over Thrift and over the Statement Execution API. See Scenario.java, which runs apart."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conformance.processes import installed, on_path, run
from tests.conformance.targets import Target

SCENARIO = Path(__file__).with_name("Scenario.java")


@pytest.mark.parametrize("thrift", [True, False], ids=["thrift", "sea"])
def test_the_jdbc_driver_reads_writes_and_describes(target: Target, schema: str, tmp_path: Path, thrift: bool) -> None:
    (java,) = on_path("java")
    driver = installed(".venv-jdbc", "databricks-jdbc.jar")
    url = urlsplit(target.host)
    options = {
        "transportMode": "http",
        "ssl": int(url.scheme == "https"),
        "AuthMech": 3,
        "httpPath": target.http_path,
        "UseThriftClient": int(thrift),
        "EnableTelemetry": 0,
    }
    address = f"jdbc:databricks://{url.hostname}:{url.port or 443}/default;" + ";".join(
        f"{key}={value}" for key, value in options.items()
    )
    opened = "--add-opens=java.base/java.nio=ALL-UNNAMED"
    command = [java, opened, "-cp", driver, str(SCENARIO), address, target.token, *schema.split(".")]
    assert run(command, target.environment(), tmp_path).splitlines()[-1] == "done"
