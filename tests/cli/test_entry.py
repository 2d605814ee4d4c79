"""The edge between the process and the house: help, exit codes, what is imported, what goes where."""

import subprocess
import sys
from pathlib import Path

import pytest

from replicator import __version__
from replicator.cli import entry
from replicator.cli.verbs import VERBS
from replicator.engine.actions import Plan
from replicator.errors import BlockedError, ExitCode, LockedError, ReplicatorError, StaleError
from tests.cli.run import ROOT, replicator

QUICKSTART = ROOT / "examples" / "quickstart" / "replicator.yaml"
FORBIDDEN = ("databricks", "networkx", "deepdiff", "sqlglot", "pandas", "duckdb", "deltalake", "pyarrow", "rich")
LIGHT = ("pydantic", "ruamel")


@pytest.mark.parametrize("arguments", [["--version"], ["version"]])
def test_version(arguments: list[str]) -> None:
    done = replicator(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"replicator {__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_names_every_verb(arguments: list[str]) -> None:
    done = replicator(*arguments)
    assert done.returncode == 0
    assert all(f"\n  {verb.name} " in done.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_every_verb_has_help_with_the_common_options(verb: str) -> None:
    done = replicator(verb, "--help")
    assert done.returncode == 0, done.stderr
    group = next(item.group for item in VERBS if item.name == verb)
    assert "Commands:" in done.stdout if group else "--config" in done.stdout


@pytest.mark.parametrize("group", [verb.name for verb in VERBS if verb.group])
def test_a_group_alone_shows_what_there_is_in_it(group: str) -> None:
    done = replicator(group)
    assert done.returncode == 0
    assert "Commands:" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "forbidden"),
    [
        (["--version"], (*FORBIDDEN, *LIGHT, "typer")),
        (["--help"], (*FORBIDDEN, *LIGHT)),
        (["version"], (*FORBIDDEN, "ruamel")),
        (["plan", "--help"], FORBIDDEN),
        (["validate", "-c", str(QUICKSTART)], FORBIDDEN),
        (["show", "PLAN"], FORBIDDEN),
        (["state", "list", "-c", str(QUICKSTART)], FORBIDDEN),
    ],
    ids=lambda value: " ".join(value[:1]) if isinstance(value, list) else "",
)
def test_a_command_imports_only_what_it_needs(arguments: list[str], forbidden: tuple[str, ...], tmp_path: Path) -> None:
    from replicator.cli.approval import save_plan
    from tests.render.factory import one

    saved = tmp_path / "plan.json"
    save_plan(saved, _identified(one()))
    script = (
        "import sys, contextlib\n"
        "from replicator.cli.entry import run\n"
        "with contextlib.redirect_stdout(sys.stderr): code = run(sys.argv[1:])\n"
        "print(code, *sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    words = [str(saved) if word == "PLAN" else word for word in arguments]
    done = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    code, *imported = done.stdout.split()
    assert code == "0", done.stderr
    assert set(forbidden) & set(imported) == set()


def _identified(plan: Plan) -> Plan:
    from replicator.engine.planner import identity

    made = identity(plan.environment, plan.mode, plan.config.hash, plan.metastores, plan.actions)
    return plan.model_copy(update={"plan_id": made})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["aply"], "No such command 'aply'. Did you mean 'apply'?"),
        (["plan", "--jsn"], "--jsn"),
        (["plan", "--json", "--markdown"], "--json and --markdown cannot be used together"),
        (["apply", "--workers", "0"], "--workers"),
        (["apply", "--plan", "p.json", "--expect", "12345678"], "--plan and --expect cannot be used together"),
        (["plan", "--allow-destroy", "DL999"], "DL999: neither a guard's code nor an address pattern"),
        (["validate", "--var", "novalue"], "--var novalue: expected NAME=VALUE"),
        (["show", "nowhere.json"], "nowhere.json: cannot be read"),
        (["state", "lst"], "lst"),
        (["emulator", "exec", "https://example.com", "SELECT 1"], "https://example.com: not an emulator"),
        (["emulator", "exec", "emulator://a"], "give either SQL or a file of it"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_line_ends_with_64_and_says_what_is_wrong(arguments: list[str], said: str) -> None:
    done = replicator(*arguments)
    assert done.returncode == ExitCode.USAGE
    assert done.stdout == ""
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_configuration_is_one_message(tmp_path: Path) -> None:
    done = replicator("validate", cwd=tmp_path)
    assert done.returncode == ExitCode.ERROR
    assert done.stderr == "error: replicator.yaml: there is no such file\n  name the configuration with -c/--config\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ReplicatorError("it broke", hint="mend it"), 1),
        (BlockedError("held"), 4),
        (StaleError("moved"), 5),
        (LockedError("taken"), 6),
    ],
)
def test_errors_become_exit_codes(
    error: ReplicatorError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entry, "_run", _raising(error))
    assert entry.run(["plan"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {error.message}\n")


def _raising(error: BaseException) -> object:
    def fail(arguments: list[str]) -> int:
        raise error

    return fail


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "_run", _raising(KeyboardInterrupt()))
    assert entry.run(["plan"]) == ExitCode.INTERRUPTED


def test_a_defect_ends_with_one_line_and_a_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(entry, "_run", _raising(ZeroDivisionError("by zero")))
    assert entry.run(["plan"]) == ExitCode.ERROR
    said = capsys.readouterr().err
    [log] = tmp_path.iterdir()
    assert said == f"error: a defect in replicator: ZeroDivisionError: by zero\n  details: {log}\n"
    assert "Traceback" in log.read_text()


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(entry, "_run", _raising(ZeroDivisionError("by zero")))
    assert entry.run(["plan", "--debug"]) == ExitCode.ERROR
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_left_is_no_error() -> None:
    command = f"'{sys.executable}' -m replicator --help | head -n 1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("Usage: replicator")
    assert done.stderr == ""


@pytest.mark.parametrize("place", ["before", "after"])
def test_common_options_stand_before_the_verb_or_after_it(place: str) -> None:
    words = ["-c", str(QUICKSTART)]
    done = replicator(*(["validate", *words] if place == "after" else [*words, "validate"]))
    assert done.returncode == 0, done.stderr
    assert "replicator.yaml is valid" in done.stdout


def test_config_yaml_is_found_too(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(QUICKSTART.read_text())
    assert replicator("validate", cwd=tmp_path).returncode == 0


def test_output_is_ascii_where_unicode_cannot_be_printed(tmp_path: Path) -> None:
    from replicator.cli.approval import save_plan
    from tests.render.factory import five_thousand

    saved = tmp_path / "plan.json"
    save_plan(saved, _identified(five_thousand()))
    done = replicator("show", str(saved), PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "! BLOCKED 2" in done.stdout


@pytest.mark.parametrize("words", [["version"], ["--version"]])
def test_the_original_command_still_works(words: list[str]) -> None:
    script = "import sys; from data_replication.cli import main; main(sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
    assert done.stdout == f"replicator {__version__}\n"


def test_the_original_command_refuses_what_it_never_had() -> None:
    script = "import sys; from data_replication.cli import main; main(sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", script, "backup"], capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.USAGE
    assert "no such command 'backup'" in done.stderr
