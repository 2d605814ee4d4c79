"""Run the `run:` steps of a GitHub Actions job here, with a stand-in for GitHub and nothing else replaced.

Expressions stand in `env:`, `if:` and `with:` alone, which is also what keeps a title or a branch's name from being run
as a script; so a step's script can be run as it is.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")


def workflow(path: Path) -> dict[str, Any]:
    """A workflow's document. YAML 1.2, so that `on` is a word."""
    found: dict[str, Any] = YAML(typ="safe").load(path)
    return found


def scripts(document: Mapping[str, Any]) -> list[str]:
    """Every script of every job."""
    return [step["run"] for job in document["jobs"].values() for step in job["steps"] if "run" in step]


@dataclass
class Runner:
    """A machine that runs a job in `folder`; `values` are those of expressions, `environment` that of every step."""

    folder: Path
    values: dict[str, str]
    environment: Mapping[str, str]
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""

    def run(self, path: Path) -> int:
        """Every step of the only job, as far as its `if:` lets it; the exit code of the first that failed, or 0."""
        (job,) = workflow(path)["jobs"].values()
        failed = 0
        for step in job["steps"]:
            if "run" in step and step["run"].split()[:2] != ["pip", "install"] and self._is_due(step, failed):
                environment = {**job.get("env", {}), **step.get("env", {})}
                code = self._script(step, {name: self._filled(value) for name, value in environment.items()})
                failed = failed or code
        return failed

    def _is_due(self, step: Mapping[str, Any], failed: int) -> bool:
        condition = step.get("if", "success()")
        known = {
            "success()": not failed,
            "failure()": bool(failed),
            "success() || failure()": True,
            "always()": True,
            "steps.drift.outputs.code == '0'": not failed and self.outputs.get("steps.drift.outputs.code") == "0",
        }
        return known[condition]

    def _filled(self, text: str) -> str:
        return EXPRESSION.sub(lambda match: {**self.values, **self.outputs}.get(match[1], ""), str(text))

    def _script(self, step: Mapping[str, Any], environment: Mapping[str, str]) -> int:
        told = self.folder / "github_output"
        told.write_text("")
        files = {"GITHUB_OUTPUT": str(told), "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md")}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env={**self.environment, **environment, **files},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        self.log += f"## {step['name']}: {done.returncode}\n{done.stdout}{done.stderr}"
        for line in told.read_text().splitlines():
            name, _, value = line.partition("=")
            self.outputs[f"steps.{step['id']}.outputs.{name}"] = value
        return done.returncode


GH = '''"""A stand-in for GitHub's command line: what it is asked to keep stands in a file, and so do its answers."""
import json, sys
from pathlib import Path

store = Path({store!r})
world = json.loads(store.read_text())
words = sys.argv[1:]
options = dict(zip(words, words[1:]))
fields = dict(text.split("=", 1) for option, text in zip(words, words[1:]) if option == "--field")
body = options.get("--body-file") or fields.get("body", "")[1:]
text = Path(body).read_text() if body else ""
world["calls"].append(words)
if words[0] == "api":
    path = next(word for word in words[1:] if word.startswith("repos/"))
    method = options.get("--method", "GET")
    if path.endswith("/comments") and method == "POST":
        world["comments"].append(text)
    elif path.endswith("/comments"):
        ours = "<!-- replicator:plan env=prod -->"
        print("\\n".join(str(at) for at, comment in enumerate(world["comments"]) if comment.startswith(ours)))
    elif "/comments/" in path:
        world["comments"][int(path.rsplit("/", 1)[1])] = text
    elif "/statuses/" in path:
        world["statuses"][path.rsplit("/", 1)[1]] = fields
    elif path.endswith("/pulls"):
        print(world["head"])
    elif path.endswith("/status"):
        print(world["statuses"].get(path.split("/")[-2], {{}}).get("description", ""))
elif words[:2] == ["issue", "list"]:
    print("\\n".join(number for number, issue in world["issues"].items() if issue["open"]))
elif words[:2] == ["issue", "create"]:
    world["issues"][str(len(world["issues"]) + 1)] = {{"open": True, "body": text}}
elif words[:2] == ["issue", "edit"]:
    world["issues"][words[2]]["body"] = text
elif words[:2] == ["issue", "close"]:
    world["issues"][words[2]]["open"] = False
elif words[:2] != ["label", "create"]:
    sys.exit(f"gh {{words}}: not known here")
store.write_text(json.dumps(world))
'''


class Hub:
    """What GitHub knows: comments of the pull request, statuses of commits, issues."""

    def __init__(self, folder: Path) -> None:
        self._store = folder / "github.json"
        empty = {"calls": [], "comments": [], "statuses": {}, "issues": {}, "head": ""}
        self._store.write_text(json.dumps(empty))
        tools = folder / "tools"
        tools.mkdir()
        for name, text in {
            "gh.py": GH.format(store=str(self._store)),
            "gh": f'#!/bin/sh\nexec "{sys.executable}" "{tools}/gh.py" "$@"\n',
            "replicator": f'#!/bin/sh\nexec "{sys.executable}" -m replicator "$@"\n',
            "python": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n',
        }.items():
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        self.path = f"{tools}{os.pathsep}{os.environ['PATH']}"

    @property
    def world(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._store.read_text())
        return found

    def merged(self, head: str) -> None:
        """The last commit of main is a merge of the pull request whose head this is."""
        self._store.write_text(json.dumps(self.world | {"head": head}))
