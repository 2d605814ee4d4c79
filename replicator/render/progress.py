"""How far a run is, on standard error: a live picture on a terminal, otherwise a line now and then."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from replicator.execution.events import Event, Kind, Observer
from replicator.render.fit import cells, padded
from replicator.render.look import clean, cut, duration
from replicator.wording import count, many

if TYPE_CHECKING:
    from rich.console import RenderableType

EVERY_SECONDS = 10.0
SHOWN = 8
_BAR = 30
_AFTER = "writing it down"
"""Results, audit and state come after the last action; a full bar that stands still would look like the end."""


@dataclass
class Picture:
    """What a run's events add up to. `running` maps an address to what happens to it and since when (monotonic)."""

    total: int
    noun: str = "action"
    done: int = 0
    failed: int = 0
    running: dict[str, tuple[str, float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(self, event: Event) -> None:
        """An observer of events; safe to call while another thread draws."""
        with self.lock:
            if event.kind is Kind.ACTION_START:
                self.running[event.data["address"]] = (event.data["do"], time.monotonic())
            elif event.kind is Kind.ACTION_RETRY and event.data["address"] in self.running:
                _, since = self.running[event.data["address"]]
                self.running[event.data["address"]] = (f"attempt {event.data['attempt'] + 1}", since)
            elif event.kind is Kind.ACTION_END:
                self.running.pop(event.data["address"], None)
                self.done += 1
                self.failed += event.data["result"] in ("failed", "stale")

    def line(self) -> str:
        """All of it in one line."""
        with self.lock:
            text = f"{count(self.done)} of {many(self.total, self.noun)} done"
            text += f", {count(self.failed)} failed" if self.failed else ""
            if self.running:
                oldest = min(self.running, key=lambda address: self.running[address][1])
                since = time.monotonic() - self.running[oldest][1]
                text += f", {count(len(self.running))} running (longest {clean(oldest)}, {duration(since)})"
            return f"{text}, {_AFTER}" if self.done >= self.total else text

    def lines(self, width: int) -> list[str]:
        """One line per running action, then the bar."""
        with self.lock:
            now = time.monotonic()
            longest = sorted(self.running.items(), key=lambda item: item[1][1])[:SHOWN]
            names = [cut(clean(address), max(20, width - 26)) for address, _ in longest]
            column = max(map(cells, names), default=0)
            rows = [
                f"  {what:<10} {padded(name, column)}  {duration(now - since):>7}"
                for name, (_, (what, since)) in zip(names, longest, strict=True)
            ]
            filled = _BAR * self.done // max(1, self.total)
            bar = f"{'█' * filled}{'░' * (_BAR - filled)} {count(self.done)}/{count(self.total)}"
            bar += f"  {count(self.failed)} failed" if self.failed else ""
            return [*rows, f"{bar}  {_AFTER}" if self.done >= self.total else bar]


@contextlib.contextmanager
def progress(
    total: int, stream: TextIO | None = None, *, quiet: bool = False, noun: str = "action"
) -> Iterator[Observer]:
    """An observer of a run of `total` actions, or what `noun` calls them, that keeps `stream` (standard error) informed
    until the block ends."""
    stream = stream or sys.stderr
    picture = Picture(total, noun)
    if quiet or not total:
        yield picture.hear
    elif stream.isatty():
        with _live(picture, stream):
            yield picture.hear
    else:
        with _now_and_then(lambda: print(picture.line(), file=stream, flush=True)):
            yield picture.hear


@contextlib.contextmanager
def waiting(text: str, stream: TextIO | None = None, *, quiet: bool = False) -> Iterator[None]:
    """Show on a terminal that something takes a while; elsewhere say nothing."""
    stream = stream or sys.stderr
    if quiet or not stream.isatty():
        yield
        return
    from rich.console import Console

    with Console(file=stream, highlight=False).status(text, spinner_style="none"):
        yield


@contextlib.contextmanager
def _live(picture: Picture, stream: TextIO) -> Iterator[None]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=stream, highlight=False)

    def draw() -> "RenderableType":
        return Text("\n".join(picture.lines(console.width)), no_wrap=True, overflow="crop")

    with Live(console=console, get_renderable=draw, refresh_per_second=8, transient=True):
        yield


@contextlib.contextmanager
def _now_and_then(tell: Callable[[], None]) -> Iterator[None]:
    ended = threading.Event()

    def keep_telling() -> None:
        while not ended.wait(EVERY_SECONDS):
            tell()

    teller = threading.Thread(target=keep_telling, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()
