"""load: a file to a Config, or one error that names everything wrong with it. Contacts nothing."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from replicator.address import Address, Side
from replicator.config import environments, substitute, yaml
from replicator.config.connection import Connection
from replicator.config.declared import declared_resources
from replicator.config.document import Document
from replicator.config.garbage import collector_paused
from replicator.config.nodes import Path, Tree, describe, plain, without
from replicator.config.problems import Problem, raise_for
from replicator.config.secrets import find_secrets
from replicator.config.settings import Concurrency, Logging, Retry
from replicator.config.target_catalogs import write_out
from replicator.config.validation import find_empty, validate
from replicator.engine.desired import Declared, Position
from replicator.engine.graph import dependencies, order
from replicator.errors import ConfigError
from replicator.resources import TYPES
from replicator.values import fingerprint


@dataclass(frozen=True)
class AuditSink:
    """The table that records each run, and the side that holds it."""

    table: str
    side: Side
    create_catalog: bool = False
    catalog_location: str | None = None


@dataclass(frozen=True)
class Config:
    """A valid configuration of one environment.

    `declared` is its `resources:` section; the operations' sections are compiled later, with a snapshot.
    `hash` is the fingerprint of everything that the file says for this environment; secrets are no part of it.
    """

    path: FilePath
    environment: str
    document: Document
    declared: Mapping[Address, Declared]
    moved: Mapping[Address, Address]
    forget: frozenset[Address]
    hash: str
    tree: Tree = field(repr=False)

    @property
    def directory(self) -> FilePath:
        return self.path.resolve().parent

    @property
    def state_directory(self) -> FilePath:
        return self.directory / self.document.state.directory

    @property
    def source(self) -> Connection:
        return self.document.source

    @property
    def target(self) -> Connection:
        return self.document.target

    @property
    def concurrency(self) -> Concurrency:
        return self.document.concurrency

    @property
    def retry(self) -> Retry:
        return self.document.retry

    @property
    def logging(self) -> Logging:
        return self.document.logging

    @property
    def audit(self) -> AuditSink | None:
        """`audit_config`, or the original design's `backup_config.audit_log_table`, which is on the source."""
        audit, backup = self.document.audit_config, self.document.backup_config
        if audit is not None:
            side = Side(audit.logging_workspace)
            return AuditSink(audit.audit_table, side, audit.create_audit_catalog, audit.audit_catalog_location)
        if backup is not None and backup.audit_log_table is not None:
            return AuditSink(backup.audit_log_table, Side.SOURCE)
        return None

    @property
    def results_tables(self) -> dict[str, str]:
        """The names of tables of results that the file may choose, by the names that they have otherwise."""
        checked = self.document.reconciliation_config
        if checked is None:
            return {}
        return {"recon_columns": checked.recon_schema_check_table, "recon_rows": checked.recon_missing_data_table}

    @property
    def sample(self) -> int | None:
        """How many checks a reconciliation takes when it is not told; None for all."""
        checked = self.document.reconciliation_config
        return checked.no_of_sampling_tables if checked is not None and checked.enable_sampling else None

    @property
    def audit_log_table(self) -> str | None:
        return self.audit.table if self.audit else None

    def connection(self, side: Side) -> Connection:
        return self.source if side is Side.SOURCE else self.target

    def at(self, *path: str | int, key: bool = False) -> Position:
        """Where something stands in the file."""
        return self.tree.at(path, key=key)


def load(
    path: FilePath,
    *,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Read and check a configuration file. Raises ConfigError that lists every problem with file:line:column.

    `variables` go before the file's `variables:`; `environ` defaults to the process's environment.
    """
    with collector_paused():
        return _load(path, environment, variables or {}, os.environ if environ is None else environ)


def _load(path: FilePath, environment: str | None, variables: Mapping[str, str], environ: Mapping[str, str]) -> Config:
    problems: list[Problem] = []
    tree = yaml.parse(_read(path), str(path), problems)
    if not isinstance(tree.root.value, dict):
        text = f"the file must hold a mapping, got {describe(tree.root.value)}"
        raise_for([*problems, Problem(tree.at(()), text)])
    name, tree = environments.select(tree, environment, problems)
    find_secrets(tree, problems)
    tree = substitute.substitute(tree, variables, environ, problems)
    tree = write_out(tree, problems)
    find_empty(tree, problems)
    document = validate(Document, Tree(tree.file, without(tree.root, "resources")), (), problems)
    declared = declared_resources(tree, problems)
    raise_for(problems)
    if document is None:
        raise AssertionError("a file without problems is a document")
    moved, forget = _moves(document, tree, problems), frozenset(map(Address.parse, document.forget))
    raise_for(problems)
    _check_order(declared)
    return Config(path, name, document, declared, moved, forget, fingerprint(plain(tree.root)), tree)


def _check_order(declared: Mapping[Address, Declared]) -> None:
    """Raises ConfigError for resources that wait for each other; only these two can make them."""
    if any(item.resource.after or address.type == "clone" for address, item in declared.items()):
        order(dependencies(declared), lambda address: str(declared[address].at))


def _read(path: FilePath) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(yaml.MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file", hint="name the configuration with -c/--config") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def _moves(document: Document, tree: Tree, problems: list[Problem]) -> dict[Address, Address]:
    """Old to new addresses; a move changes the name only, never the side or the type."""
    found: dict[Address, Address] = {}
    for index, move in enumerate(document.moved):
        old, new = Address.parse(move.old), Address.parse(move.new)
        path: Path = ("moved", index)
        if (old.side, old.type) != (new.side, new.type) or old.type not in TYPES:
            problems.append(Problem(tree.at(path), f"{old} cannot become {new}: side and type stay the same"))
        elif old in found or new in found.values() or old == new:
            problems.append(Problem(tree.at(path), f"{old} → {new}: an address can move once, and to one place"))
        else:
            found[old] = new
    return found
