"""SQLAlchemy's Databricks dialect: tables are made, filled, read and reflected. See scenario.py, which runs apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.conformance.processes import installed, run
from tests.conformance.targets import Target

SCENARIO = Path(__file__).with_name("scenario.py")


def test_sqlalchemy_creates_fills_reads_and_reflects(target: Target, schema: str, tmp_path: Path) -> None:
    python = installed(".venv-sqlalchemy", "bin/python")
    catalog, name = schema.split(".")
    place = f"http_path={target.http_path}&catalog={catalog}&schema={name}"
    url = f"databricks://token:{target.token}@{urlsplit(target.host).hostname}:443?{place}"
    arguments: dict[str, Any] = {"enable_telemetry": False}
    if not target.is_live:
        arguments["_connection_uri"] = target.host + target.http_path
    run([python, str(SCENARIO), url, json.dumps(arguments)], target.environment(), tmp_path)
