"""Terraform's provider: plan, apply, a plan without changes, destroy."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.conformance.processes import on_path, run
from tests.conformance.targets import Target

MAIN = Path(__file__).with_name("main.tf")


def test_terraform_applies_and_then_plans_nothing(target: Target, tmp_path: Path) -> None:
    (terraform,) = on_path("terraform")
    shutil.copy(MAIN, tmp_path)
    environment = target.environment() | {
        "TF_VAR_name": f"conformance_{uuid.uuid4().hex[:8]}",
        "TF_VAR_warehouse_id": target.warehouse_id,
        "TF_IN_AUTOMATION": "1",
    }
    # A mirror or a development override in the CLI's configuration serves as well as the registry.
    prepared = subprocess.run(
        [terraform, "init", "-input=false", "-no-color"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if "provider registry" in prepared.stderr or "query available provider packages" in prepared.stderr:
        pytest.skip("terraform does not find the provider databricks/databricks")
    assert prepared.returncode == 0, prepared.stderr

    def invoke(*words: str) -> str:
        return run([terraform, *words, "-input=false", "-no-color"], environment, tmp_path)

    invoke("apply", "-auto-approve")
    try:
        assert "No changes" in invoke("plan", "-detailed-exitcode")
    finally:
        invoke("destroy", "-auto-approve")
