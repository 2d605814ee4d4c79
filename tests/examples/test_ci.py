"""The CI example as it would run: a pull request, its merge, and the nights after it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from replicator.emulator import requestlog
from tests.examples.test_invariants import EXAMPLES, PREPARED, run
from tests.examples.workflow import EXPRESSION, Hub, Runner, scripts, workflow

EXAMPLE = EXAMPLES / "ci"
WORKFLOWS = sorted((EXAMPLE / ".github" / "workflows").glob("*.yml"))
BUNDLE = (EXAMPLE / "databricks.yml", EXAMPLE / "resources" / "nightly.job.yml")
HOSTS = {"SOURCE_HOST": "emulator://us-east", "TARGET_HOST": "emulator://eu-west"}
HEAD = "c0ffee"

Job = Callable[..., tuple[int, str]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_script_holds_an_expression(path: Path) -> None:
    """A title or a branch's name would be run as part of the script."""
    found = scripts(workflow(path))
    assert found
    assert not [script for script in found if EXPRESSION.search(script)]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_says_what_it_may_do_how_long_and_beside_whom(path: Path) -> None:
    document = workflow(path)
    assert document["permissions"]["contents"] == "read"
    assert document["concurrency"]["group"]
    assert all(job["timeout-minutes"] for job in document["jobs"].values())


def test_what_applies_is_never_cancelled_halfway() -> None:
    for name in ("apply", "nightly"):
        document = workflow(EXAMPLE / ".github" / "workflows" / f"{name}.yml")
        assert document["concurrency"] == {"group": "replicator-apply-prod", "cancel-in-progress": False}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".replicator", "state"))
    for metastore, file in PREPARED:
        run(folder, "emulator", "exec", metastore, "-f", file)
    return folder


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


@pytest.fixture
def job(folder: Path, hub: Hub, tmp_path: Path) -> Job:
    """Run a workflow's job: how it ended, and what it printed."""

    def go(name: str, sha: str = HEAD, **values: str) -> tuple[int, str]:
        known = {f"vars.{host}": value for host, value in HOSTS.items()}
        known |= {"github.repository": "acme/dr", "github.event.pull_request.number": "7", "github.sha": sha}
        known |= {"github.event.pull_request.head.sha": sha, "inputs.plan_id": values.get("plan_id", "")}
        runner = Runner(folder, known, {"PATH": hub.path, "HOME": str(tmp_path), "LANG": "C.UTF-8"})
        code = runner.run(folder / ".github" / "workflows" / f"{name}.yml")
        assert "Traceback" not in runner.log
        return code, runner.log

    return go


def on_target(folder: Path, statement: str) -> None:
    run(folder, "emulator", "exec", "emulator://eu-west", statement)


def writes(folder: Path) -> int:
    """How many requests changed an object; files of the state are none."""
    found = requestlog.read(folder / ".replicator" / "emulator", writes=True)
    return len([entry for entry in found if "/fs/" not in entry["path"]])


@pytest.mark.slow
def test_what_was_reviewed_is_what_is_applied(folder: Path, hub: Hub, job: Job) -> None:
    before = writes(folder)
    for _ in range(2):
        code, log = job("plan")
        assert code == 0, log
    (comment,) = hub.world["comments"]
    assert comment.startswith("<!-- replicator:plan env=prod -->")
    plan_id = hub.world["statuses"][HEAD]["description"]
    assert plan_id[:8] in comment
    assert writes(folder) == before

    code, log = job("apply", sha="merge-without-review")
    assert (code, writes(folder)) == (1, before)
    assert "No plan of this commit was reviewed" in log

    hub.merged(HEAD)
    code, log = job("apply", sha="merge")
    assert code == 0, log
    assert writes(folder) > before
    known = writes(folder)
    code, log = job("apply", sha="merge")
    assert code == 0, log
    assert "was already applied" in log
    assert writes(folder) == known
    assert not (folder / "state").exists()  # it is in the volume


@pytest.mark.slow
def test_a_plan_that_went_stale_is_refused_and_the_rest_of_one_is_not(folder: Path, hub: Hub, job: Job) -> None:
    job("plan")
    hub.merged(HEAD)
    config = folder / "replicator.yaml"
    reviewed = config.read_text(encoding="utf-8")
    config.write_text(reviewed.replace('"shop_share"', '"shop_share_2"'), encoding="utf-8")
    before = writes(folder)
    code, log = job("apply", sha="merge")
    assert (code, writes(folder)) == (5, before)
    assert "::error::The plan is not the reviewed one any more" in log

    config.write_text(reviewed, encoding="utf-8")
    rules = folder / ".replicator" / "emulator" / "faults.json"
    rules.write_text(
        '{"rules": [{"action": "status", "statement": "CLONE", "status": 400, "times": null}, '
        '{"action": "statement_error", "statement": "CLONE", "times": null}]}'
    )
    code, log = job("apply", sha="merge")
    assert code == 3, log
    rules.unlink()
    code, log = job("apply", sha="merge")
    assert code == 0, log


@pytest.mark.slow
def test_an_error_in_the_plan_replaces_the_comment_and_leaves_no_id(folder: Path, hub: Hub, job: Job) -> None:
    job("plan")
    (folder / "replicator.yaml").write_text("version: 1.0\nstat: {}\n", encoding="utf-8")
    code, log = job("plan", sha="broken")
    assert code == 1, log
    (comment,) = hub.world["comments"]
    assert "There is no plan of this commit" in comment
    assert "broken" not in hub.world["statuses"]


@pytest.mark.slow
def test_drift_is_one_issue_that_is_opened_updated_and_closed(folder: Path, hub: Hub, job: Job) -> None:
    job("plan")
    hub.merged(HEAD)
    job("apply", sha="merge")
    run(folder, "emulator", "exec", "emulator://us-east", "INSERT INTO shop.sales.orders VALUES (5000, 'c1', 1.0)")
    code, log = job("nightly")
    assert code == 0, log
    assert "1 copy brought up to date" in log
    assert hub.world["issues"] == {}

    on_target(folder, "COMMENT ON TABLE shop_dr.sales.orders IS 'changed by hand'")
    code, log = job("nightly")
    assert code == 0, log
    assert "brought up to date" not in log  # a person decides first
    assert [issue["open"] for issue in hub.world["issues"].values()] == [True]
    first = hub.world["issues"]["1"]["body"]
    assert "shop_dr.sales.orders" in first
    on_target(folder, "DROP TABLE shop_dr.sales.customers")
    job("nightly")
    assert list(hub.world["issues"]) == ["1"]
    assert "shop_dr.sales.customers" in hub.world["issues"]["1"]["body"]

    prod = [sys.executable, "-m", "replicator", "run", "-e", "prod"]
    subprocess.run(prod, cwd=folder, env=os.environ | HOSTS, capture_output=True, check=False)
    code, log = job("nightly")
    assert code == 0, log
    assert [issue["open"] for issue in hub.world["issues"].values()] == [False]


def bundle() -> tuple[dict[str, Any], dict[str, Any]]:
    document, resources = (YAML(typ="safe").load(path) for path in BUNDLE)
    return document, resources["resources"]["jobs"]["nightly"]


def test_the_bundle_names_only_what_there_is() -> None:
    document, nightly = bundle()
    assert [path for pattern in document["include"] for path in EXAMPLE.glob(pattern)] == [BUNDLE[1]]
    keys = {environment["environment_key"]: environment["spec"] for environment in nightly["environments"]}
    for task in nightly["tasks"]:
        assert task["environment_key"] in keys
        assert (BUNDLE[1].parent / task["spark_python_task"]["python_file"]).resolve() == EXAMPLE / "nightly.py"
    used = {name for path in BUNDLE for name in re.findall(r"\$\{var\.(\w+)\}", path.read_text())}
    assert used == set(document["variables"])
    pinned = (EXAMPLE / "requirements.txt").read_text().splitlines()[-1]
    assert keys["replicator"]["dependencies"] == [pinned]


def test_tasks_run_in_the_order_that_lets_a_person_decide_about_drift() -> None:
    _, nightly = bundle()
    assert [(task["task_key"], task.get("depends_on")) for task in nightly["tasks"]] == [
        ("drift", None),
        ("copy", [{"task_key": "drift"}]),
    ]


def task(folder: Path, number: int) -> subprocess.CompletedProcess[str]:
    """A task of the bundle's job, run here: without the secret scope, which only a workspace has."""
    _, nightly = bundle()
    values = {"${var.source_host}": HOSTS["SOURCE_HOST"], "${var.target_host}": HOSTS["TARGET_HOST"]}
    given = nightly["tasks"][number]["spark_python_task"]["parameters"]
    arguments = [text for text in given if not text.startswith("--scope")]
    for name, value in values.items():
        arguments = [text.replace(name, value) for text in arguments]
    command = [sys.executable, "nightly.py", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.slow
def test_the_bundle_s_tasks_run_and_fail_where_there_is_drift(folder: Path) -> None:
    drift, copy = 0, 1
    assert task(folder, drift).returncode == 0
    copied = task(folder, copy)
    assert copied.returncode == 0, copied.stderr
    on_target(folder, "COMMENT ON TABLE shop_dr.sales.orders IS 'changed by hand'")
    ended = task(folder, drift)
    assert ended.returncode == 1
    assert ended.stderr.rstrip().endswith("replicator drift ended with 2: something drifted, or a copy is not equal")
