"""Edits of the state: one serial each, under the lock, and never of what is not there."""

from pathlib import Path

import pytest

from replicator.engine.state import Entry, State
from replicator.errors import LockedError, StateError
from replicator.execution.backend import silent
from replicator.execution.edits import forget, move, unprotect
from replicator.execution.folder import Folder
from replicator.execution.store import open_state, save

A, B = "target:schema/c.a", "target:schema/c.b"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    entries = {A: Entry(id="1", protect=True), B: Entry(id="2", depends_on=[A])}
    save(Folder(tmp_path, "prod"), State(environment="prod", lineage="L", serial=4, resources=entries))
    return tmp_path


def test_forgetting_drops_one_entry_and_counts_a_serial(folder: Path) -> None:
    forget(Folder(folder, "prod"), A)
    state = open_state(Folder(folder, "prod")).state
    assert list(state.resources) == [B]
    assert state.serial == 5


def test_protection_is_lifted_from_one_resource(folder: Path) -> None:
    unprotect(Folder(folder, "prod"), A)
    assert not open_state(Folder(folder, "prod")).state.resources[A].protect


def test_a_move_takes_along_what_depends_on_it(folder: Path) -> None:
    move(Folder(folder, "prod"), A, "target:schema/c.new")
    state = open_state(Folder(folder, "prod")).state
    assert state.resources["target:schema/c.new"].id == "1"
    assert state.resources[B].depends_on == ["target:schema/c.new"]


def test_a_move_onto_another_resource_is_refused(folder: Path) -> None:
    with pytest.raises(StateError, match="already"):
        move(Folder(folder, "prod"), A, B)
    assert open_state(Folder(folder, "prod")).state.serial == 4


@pytest.mark.parametrize("new", ["target:tabel/c.new", "target:table/c.new", "source:schema/c.new"])
def test_a_move_to_what_cannot_be_the_same_object_is_refused(folder: Path, new: str) -> None:
    with pytest.raises(StateError, match=r"tabel|cannot be the same"):
        move(Folder(folder, "prod"), A, new)
    assert open_state(Folder(folder, "prod")).state.serial == 4


def test_an_address_of_no_type_can_be_put_right(folder: Path) -> None:
    state = State(environment="old", lineage="L", serial=4, resources={"target:shema/c.a": Entry(id="1")})
    save(Folder(folder, "old"), state)
    move(Folder(folder, "old"), "target:shema/c.a", A)
    assert list(open_state(Folder(folder, "old")).state.resources) == [A]


def test_what_is_not_there_cannot_be_edited(folder: Path) -> None:
    for edit in (forget, unprotect):
        with pytest.raises(StateError, match="state holds no"):
            edit(Folder(folder, "prod"), "target:schema/c.x")


def test_an_edit_waits_for_no_apply(folder: Path) -> None:
    with Folder(folder, "prod").lock("apply", silent), pytest.raises(LockedError, match="apply by"):
        forget(Folder(folder, "prod"), A)
