"""Every verb there is, where its function lives, and its line in the help. Imported by every command: keep it light."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """A command, or with `group` a Typer application of several; found in `module` under `attribute`."""

    name: str
    module: str
    attribute: str
    help: str
    group: bool = False


VERBS: tuple[Verb, ...] = (
    Verb("validate", "validate", "validate", "Check the configuration; contacts nothing."),
    Verb("plan", "plan", "plan", "Show what would change, in order, and why; changes nothing."),
    Verb("apply", "apply", "apply", "Do what plan shows, and record it in the state."),
    Verb("drift", "drift", "drift", "Show what changed behind our back; changes nothing."),
    Verb("explain", "explain", "explain", "Show why: one resource, field by field, with its rules."),
    Verb("graph", "graph", "graph", "Draw what is declared and what it needs; changes nothing."),
    Verb("reconcile", "reconcile", "reconcile", "Prove that the copies are equal to what was copied."),
    Verb("import", "importing", "import_", "Write existing objects into the configuration, as they are."),
    Verb("show", "show", "show", "Show a saved plan or state file; contacts nothing."),
    Verb("destroy", "apply", "destroy", "Remove everything that the state holds."),
    Verb("state", "state", "app", "Look into the state, and mend it.", group=True),
    Verb("emulator", "emulator", "app", "Two metastores on this machine, to try things with.", group=True),
    Verb("run", "apply", "run", "Plan and apply without asking; --dry-run only plans."),
    Verb("version", "version", "version", "Print the version."),
)
