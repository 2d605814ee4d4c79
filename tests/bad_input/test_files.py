"""Files that are wrong in themselves: told before anything is contacted."""

from collections.abc import Callable

import pytest

from tests.bad_input.conftest import SOURCE, TARGET, Attempt

CONNECTIONS = f"""\
source_databricks_connect_config: {{host: "{SOURCE}"}}
target_databricks_connect_config: {{host: "{TARGET}"}}
"""
"""Two lines, so that the text after it starts in line 3."""


def test_a_missing_file(attempt: Attempt) -> None:
    ended = attempt.run("apply", "--yes", "-c", "nowhere.yaml")
    assert ended.stderr == ("error: nowhere.yaml: there is no such file\n  name the configuration with -c/--config\n")
    assert (ended.returncode, ended.stdout) == (1, "")


def test_no_file_at_all(attempt: Attempt) -> None:
    ended = attempt.run("plan")
    assert ended.stderr.startswith("error: replicator.yaml: there is no such file\n")
    assert ended.returncode == 1


WRONG = {
    "an unknown key": (
        "concurency: {max_workers: 4}\n",
        "error: replicator.yaml:3:1: unknown key `concurency`, did you mean `concurrency`?\n",
    ),
    "a wrong type": (
        'concurrency: {max_workers: "4"}\n',
        "error: replicator.yaml:3:28: `max_workers`: expected a whole number, got the text `4`\n",
    ),
    "a duplicate key": (
        "retry:\n  max_attempts: 1\n  max_attempts: 2\n",
        "error: replicator.yaml:5:3: the key `max_attempts` stands here a second time; the first is in line 4\n"
        "             max_attempts: 2\n"
        "             ^\n",
    ),
    "a cycle between resources": (
        "resources:\n"
        "  target:\n"
        "    catalogs:\n"
        '      a: {after: ["target:catalog/b"]}\n'
        '      b: {after: ["target:catalog/a"]}\n',
        "error: replicator.yaml:6:7: these resources need each other in a circle, so none can be first: "
        "target:catalog/a → target:catalog/b → target:catalog/a\n"
        "  take one of them out of the other's `after`, or clone from something else\n",
    ),
    "a secret in clear text": (
        "variables: {pat: dapi0123456789abcdef0123456789abcdef}\n",
        "error: replicator.yaml:3:18: `pat`: this looks like a credential and is refused; "
        "write `env: NAME`, or `secret_scope` and `secret_key`, or use `profile`\n",
    ),
    "several mistakes at once": (
        "concurrency: {max_workers: 0}\nretry: {attempts: 3}\nbackup_config: {catalogs: [{catalog_name: shop}]}\n",
        "error: replicator.yaml:3:28: `max_workers`: must be at least 1, got 0\n"
        "       replicator.yaml:4:9: unknown key `attempts`, did you mean `max_attempts`?\n"
        "       replicator.yaml:5:28: `backup_catalog` is missing in `catalogs`\n",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_with(name: str, refused: Callable[..., None]) -> None:
    text, message = WRONG[name]
    refused(CONNECTIONS + text, message)


def test_validate_finds_a_cycle_too(attempt: Attempt) -> None:
    text, message = WRONG["a cycle between resources"]
    attempt.write(CONNECTIONS + text)
    ended = attempt.run("validate")
    assert (ended.stderr, ended.stdout, ended.returncode) == (message, "", 1)


USAGE = {
    "frobnicate": "error: No such command 'frobnicate'.\n  replicator --help tells what there is\n",
    "apply --frobnicate": "error: No such option: --frobnicate\n  replicator apply --help tells what there is\n",
    "apply --plan a --expect b": "error: --plan and --expect cannot be used together\n",
    "apply --yes --var region": "error: --var region: expected NAME=VALUE\n",
}


@pytest.mark.parametrize("line", USAGE)
def test_a_wrong_command_line(line: str, attempt: Attempt) -> None:
    ended = attempt.run(*line.split())
    assert (ended.stderr, ended.stdout, ended.returncode) == (USAGE[line], "", 64)
