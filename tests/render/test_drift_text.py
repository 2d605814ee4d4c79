"""Drift for people: what opened access and what is gone first, a hundred alike edits as one."""

from collections.abc import Callable

from replicator.engine.drift import LagItem
from replicator.render.drift import News, drift_json, drift_text
from replicator.render.look import Look
from replicator.render.markdown import drift_markdown
from tests.render.drifted import item, night, report


def test_looks_as_agreed(golden: Callable[[str, str], None]) -> None:
    found = night()
    news = News(
        new=found.items[:8],
        known=found.items[8:],
        resolved=("target:table/main.crm.account",),
        since={entry.fingerprint: "2026-11-20" for entry in found.items[8:]},
    )
    golden("drift.txt", drift_text(found, news, Look()))
    golden("drift.md", drift_markdown(found, news))


def test_no_drift_is_one_line_even_with_lag() -> None:
    clean = report()
    assert drift_text(clean, News(()), Look()) == (
        "No drift. 310 resources are as prod last applied them (state serial 41).\n"
    )
    behind = report(lag=(LagItem(address="target:clone/a.b.c", versions=2, message=""),))
    assert drift_text(behind, News(()), Look()).splitlines()[1:] == [
        "Lag, which is no drift: 1 copy is 2 versions behind."
    ]


def test_opened_access_and_deleted_objects_stand_first() -> None:
    found = night()
    lines = drift_text(found, News(found.items), Look()).splitlines()
    assert "main.ops" in lines[2]
    assert "source:share/partner" in lines[3]


def test_json_says_of_each_item_whether_it_is_known() -> None:
    found = report(item("target:schema/a.b"), item("target:schema/a.c"))
    first, second = found.items
    body = drift_json(found, News((first,), (second,), since={second.fingerprint: "2026-01-02"}))
    assert [(entry["known"], entry["first_seen"]) for entry in body["items"]] == [(False, None), (True, "2026-01-02")]


def test_a_comment_keeps_to_its_budget() -> None:
    found = report(*(item(f"target:schema/a.s{number:05d}", f"edit {number}") for number in range(5000)))
    text = drift_markdown(found, News(found.items), budget=20_000)
    assert len(text.encode()) <= 20_000
    assert "more, see `replicator drift --json`" in text
