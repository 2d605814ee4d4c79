"""A folder that others could have written to is not believed, and a failing disk is noticed before a call is made."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from replicator.address import Side
from replicator.errors import ReplicatorError, StateError, UsageError
from replicator.execution.backend import silent
from replicator.execution.edits import push
from replicator.execution.folder import Folder
from replicator.execution.journal import Journal
from replicator.execution.places import local
from replicator.execution.store import open_state, save
from replicator.resources.catalog import Catalog
from tests.execution.test_backends import RECORDS, a_state, header
from tests.execution.test_crashes import ALLOWED, a_bench, after_it, before_it, converge
from tests.execution.world import wanted


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state and a journal."""
    place = Folder(tmp_path / "state", "prod")
    save(place, a_state())
    book = Journal(place, header())
    book.append(RECORDS[0])
    book.close()
    place.write_note("drift", b"{}")
    return tmp_path / "state"


def refused(folder: Path, message: str) -> StateError:
    with pytest.raises(StateError, match=message) as caught:
        open_state(Folder(folder, "prod"))
    return caught.value


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o660])
@pytest.mark.parametrize("name", ["prod.json", "prod.journal"])
def test_a_file_that_others_may_write_to_is_refused_with_the_way_out(folder: Path, name: str, mode: int) -> None:
    (folder / name).chmod(mode)
    hint = refused(folder, rf"{name}: others may write to it \(mode 0{mode:o}\)").hint
    assert hint.endswith(f"chmod go-w '{folder / name}'")
    (folder / name).chmod(0o644)  # to be read by others harms nobody: there is no secret in it
    open_state(Folder(folder, "prod"))


def test_a_folder_that_others_may_write_to_is_refused(folder: Path) -> None:
    folder.chmod(0o770)
    refused(folder, "others may write to it")
    with pytest.raises(StateError, match="others may write"), Folder(folder, "prod").lock("apply", silent):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("name", ["prod.json", "prod.journal", ""])
def test_what_belongs_to_another_user_is_refused(folder: Path, name: str) -> None:
    os.chown(folder / name, 65534, 65534)
    assert f"chown {os.geteuid()}" in refused(folder, r"belongs to another user \(uid 65534\)").hint


@pytest.mark.parametrize("name", ["prod.json", "prod.journal"])
def test_a_symbolic_link_is_not_followed(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    refused(folder, "it is a symbolic link")


def test_a_link_in_place_of_the_lock_or_of_what_is_written_reaches_no_other_file(folder: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (folder / "prod.lock").symlink_to(victim)
    with pytest.raises(StateError, match="the lock cannot be taken"), Folder(folder, "prod").lock("apply", silent):
        pass
    for name in ("prod.journal", "prod.json", f".prod.json.{os.getpid()}.tmp"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(victim)
    save(Folder(folder, "prod"), a_state(serial=4))
    Journal(Folder(folder, "prod"), header(serial=4)).close()
    assert victim.read_text() == "precious"
    assert open_state(Folder(folder, "prod")).state.serial == 4


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a pipe", "a folder"])
def test_what_is_no_file_is_refused_and_not_waited_for(folder: Path, make: Callable[[Path], None]) -> None:
    (folder / "prod.json").unlink()
    make(folder / "prod.json")
    refused(folder, "it is not a regular file")


@pytest.mark.parametrize("name", ["../prod", "a/b", "/etc/passwd", "", ".", "..", ".hidden", "a\0b", "-x"])
def test_an_environment_s_name_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no environment can have this name"):
        Folder(tmp_path, name)


def test_a_mounted_volume_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mounted as a folder") as caught:
        local(Path("/Volumes/ops/replicator/state"))
    assert "volume: /Volumes/ops/replicator/state" in caught.value.hint
    assert local(tmp_path) == tmp_path


def test_every_file_and_folder_is_its_owner_s_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        place = Folder(tmp_path / "a" / "state", "prod")
        with place.lock("apply", silent):
            save(place, a_state())
            Journal(place, header()).close()
            place.write_note("approved", b"")
            found = {path: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    finally:
        os.umask(before)
    assert {mode for path, mode in found.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}


def test_pushing_takes_what_a_crashed_run_left_and_refuses_what_is_not_newer(folder: Path, tmp_path: Path) -> None:
    place = Folder(tmp_path / "new", "prod")
    pushed = push(place, folder / "prod.json")
    assert (pushed.serial, set(open_state(place).pending)) == (4, {RECORDS[0].address})
    with pytest.raises(StateError, match="holds serial 4, which is not older than serial 4"):
        push(place, folder / "prod.json")
    other = a_state(serial=9).model_copy(update={"lineage": "other"})
    save(Folder(tmp_path / "third", "prod"), other)
    with pytest.raises(StateError, match="the state of another deployment"):
        push(place, tmp_path / "third" / "prod.json")
    with pytest.raises(StateError, match="there is no such file"):
        push(place, tmp_path / "nothing.json")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT], ids=lambda number: errno.errorcode[number])
def test_a_disk_that_fails_at_any_write_costs_nothing_that_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The k-th fsync fails and all after it, until a k is reached that the run does not come to. What could not be
    recorded was not called, and once there is room again everything is found."""
    honest = os.fsync
    k = 0
    while True:
        bench = a_bench(tmp_path / str(k), monkeypatch)
        bench.apply(wanted(*before_it()))
        known, left = len(bench.world.effects), [k]

        def failing(handle: int, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(number, os.strerror(number))
            honest(handle)

        monkeypatch.setattr(os, "fsync", failing)
        said = ""
        try:
            result = bench.apply(wanted(*after_it()), ALLOWED)
            said = "; ".join(item.error for item in result.results if item.error)
        except ReplicatorError as error:
            said = str(error)
        finally:
            monkeypatch.setattr(os, "fsync", honest)
        recorded = bench.backend.journal()
        intents = recorded.first.count(b'"event":"intent"') if recorded else 99
        assert len(bench.world.effects) - known <= 2 * intents  # an effect belongs to an intent; a replace has two
        assert (
            os.strerror(number) in said or left[0] >= -1
        )  # of the very last, the saved journal's removal, nobody hears
        converge(bench, after_it())
        if left[0] >= 0:
            break
        k += 3
    assert k > 15


def test_nothing_begins_in_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = a_bench(tmp_path / "state", monkeypatch)
    (tmp_path / "state").mkdir(mode=0o700)
    honest = os.open

    def read_only(path: object, flags: int, *arguments: int, **named: object) -> int:
        if flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return honest(path, flags, *arguments, **named)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(StateError, match="Read-only file system; nothing was done"):
        bench.apply(wanted(Catalog(side=Side.SOURCE, name="bk")))
    with pytest.raises(StateError, match="Read-only file system; nothing was done"), bench.backend.lock("a", silent):
        pass
    assert bench.world.effects == []
