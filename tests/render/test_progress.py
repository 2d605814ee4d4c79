"""Progress is for whoever watches: a picture on a terminal, a line now and then elsewhere, nothing when quiet."""

import io
from typing import Any

import pytest

from replicator.execution.events import Event, Kind
from replicator.render import progress as progress_module
from replicator.render.progress import Picture, progress, waiting


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def event(kind: Kind, address: str, **data: Any) -> Event:
    return Event(kind, "run", 1, "", {"address": address, **data})


def busy() -> Picture:
    picture = Picture(40)
    for number in range(12):
        picture.hear(event(Kind.ACTION_START, f"target:clone/a.b.t{number}", do="create"))
    for number in range(3):
        picture.hear(event(Kind.ACTION_END, f"target:clone/a.b.t{number}", result="done" if number else "failed"))
    picture.hear(event(Kind.ACTION_RETRY, "target:clone/a.b.t3", attempt=1))
    return picture


def test_a_line_says_how_far_it_is() -> None:
    line = busy().line()
    assert line.startswith("3 of 40 actions done, 1 failed, 9 running (longest target:clone/a.b.t3, ")


def test_the_picture_shows_at_most_eight_running_actions_and_a_bar() -> None:
    lines = busy().lines(80)
    assert len(lines) == 9
    assert lines[0].startswith("  attempt 2  target:clone/a.b.t3")
    assert lines[-1].endswith("3/40  1 failed")
    assert all(len(line) <= 80 for line in lines)


def test_times_stand_below_each_other() -> None:
    picture = Picture(3)
    for address in ("target:schema/a", "target:clone/a.much.longer"):
        picture.hear(event(Kind.ACTION_START, address, do="create"))
    first, second, _ = picture.lines(80)
    assert len(first) == len(second)


def test_a_full_bar_says_what_is_still_done() -> None:
    picture = Picture(1)
    assert "writing it down" not in picture.lines(80)[-1]
    picture.hear(event(Kind.ACTION_END, "target:schema/a", result="failed"))
    assert picture.lines(80) == [f"{'█' * 30} 1/1  1 failed  writing it down"]
    assert picture.line() == "1 of 1 action done, 1 failed, writing it down"


def test_a_terminal_is_left_as_it_was() -> None:
    stream = Terminal()
    with progress(2, stream) as hear:
        hear(event(Kind.ACTION_START, "target:schema/a.b", do="create"))
        hear(event(Kind.ACTION_END, "target:schema/a.b", result="done"))
    assert "\x1b[?25h" in stream.getvalue()


def test_elsewhere_a_line_is_written_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "EVERY_SECONDS", 0.001)
    told = Told()
    with progress(2, told) as hear:
        hear(event(Kind.ACTION_START, "target:schema/a.b", do="create"))
        assert told.wait()
    assert "0 of 2 actions done, 1 running" in told.getvalue()


class Told(io.StringIO):
    """A stream that tells when something was written to it."""

    def __init__(self) -> None:
        import threading

        super().__init__()
        self._written = threading.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        if "running" in text:
            self._written.set()
        return written

    def wait(self) -> bool:
        return self._written.wait(10)


def test_waiting_shows_only_on_a_terminal() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    with waiting("reading", terminal), waiting("reading", pipe), waiting("reading", quiet=True):
        pass
    assert "reading" in terminal.getvalue()
    assert pipe.getvalue() == ""


def test_quiet_says_nothing() -> None:
    stream = Terminal()
    with progress(2, stream, quiet=True) as hear:
        hear(event(Kind.ACTION_START, "target:schema/a.b", do="create"))
    assert stream.getvalue() == ""
