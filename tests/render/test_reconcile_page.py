"""The page of a reconciliation: what it says, and that a real browser shows and filters it without complaint."""

import base64
import gzip
import json
import re
from collections.abc import Iterator

import pytest

from replicator.reconciliation.verdicts import (
    CheckResult,
    DifferenceCounts,
    Report,
    RowDifference,
    RowKind,
    SchemaDifference,
    SchemaKind,
    SideResult,
    Verdict,
    Why,
)
from replicator.render.reconcile_page import PER_CHUNK, WRITTEN_OUT, headline, report_page
from tests.render import browser
from tests.render.verdicts import a_bad_day, report, result

_HOSTILE = "</script><img src=x onerror=alert(1)>\u202e\x1b[31m"


def _sql(table: str) -> SideResult:
    text = f"SELECT count(*) AS n\nFROM `{table}` WHERE x < 3 AND y > '&amp;'"
    return SideResult(table=table, version=3, current_version=4, rows=12, fingerprint="ab" * 16, by_hand=text)


def _equal(table: str) -> CheckResult:
    return result(table, source=_sql(f"main.{table}"), target=_sql(table), message="equal in all 8 columns")


def _many(number: int) -> Report:
    """One of each bad verdict, and equal tables up to `number`."""
    return report(*a_bad_day(0).tables, *(_equal(f"dr.s{at % 7}.t{at:05d}") for at in range(number - 5)))


def _fragments(page: str) -> list[str]:
    chunks = re.findall(r'class="chunk">([^<]*)</script>', page)
    return [part for chunk in chunks for part in json.loads(gzip.decompress(base64.b64decode(chunk)))]


@pytest.mark.parametrize(
    ("told", "tables"),
    [
        ("The copy is equal to what was copied", [result("a.b.c")]),
        ("All 2 copies are equal to what was copied; 1 behind the source", [result("a.b.c"), a_bad_day().tables[2]]),
        ("1 of 2 copies could not be verified", [result("a.b.c"), a_bad_day().tables[3]]),
        ("2 of 8 copies are not what was copied; 2 more could not be verified", a_bad_day().tables),
        ("Nothing was compared", []),
    ],
)
def test_the_headline_is_the_answer(told: str, tables: list[CheckResult]) -> None:
    assert headline(report(*tables)) == told
    assert told in report_page(report(*tables))


def test_a_copy_that_is_not_there_is_neither_called_other_rows_nor_current() -> None:
    gone = result("a.b.gone", Verdict.MISMATCH, reason=Why.COPY_MISSING, lag=None)
    page = report_page(report(result("a.b.c", lag=0), gone, result("a.b.d", Verdict.MISMATCH, lag=0)))
    assert "<b>1</b> missing</li>" in page
    assert "<b>1</b> with other rows</li>" in page
    assert "Every copy holds the newest version" not in page
    assert "No copy that can be compared is behind; of 1 nothing is known." in page


def test_the_details_of_every_table_are_in_the_page_worst_first() -> None:
    fragments = _fragments(report_page(_many(PER_CHUNK + 50)))
    assert len(fragments) == PER_CHUNK + 50
    assert "total" in fragments[0]
    assert "main.dr.s" in fragments[-1]
    assert "x &lt; 3 AND y &gt; &#39;&amp;amp;&#39;" in fragments[-1]


def test_only_the_first_of_many_bad_tables_are_written_out() -> None:
    bad = [result(f"dr.s.t{at}", Verdict.ERROR, message=f"broken {at}") for at in range(WRITTEN_OUT + 3)]
    page = report_page(report(*bad))
    assert page.count('class="card"') == WRITTEN_OUT
    assert "3 more copies in the list below." in page


def test_nothing_that_a_metastore_says_becomes_part_of_the_page() -> None:
    row = RowDifference(
        kind=RowKind.CHANGED,
        key={_HOSTILE: _HOSTILE},
        columns=(_HOSTILE,),
        source_values={_HOSTILE: _HOSTILE},
        target_values={_HOSTILE: None},
    )
    item = SchemaDifference(
        kind=SchemaKind.TAG, column=_HOSTILE, source=_HOSTILE, target=_HOSTILE, breaking=False, meaning="m"
    )
    side = SideResult(table=_HOSTILE, by_hand=_HOSTILE, statements=(_HOSTILE,))
    spoilt = result(
        _HOSTILE,
        Verdict.MISMATCH,
        message=_HOSTILE,
        notes=(_HOSTILE,),
        source=side,
        target=side,
        key=(_HOSTILE,),
        rows=(row,),
        differences=DifferenceCounts(changed=1),
        schema_differences=(item,),
    )
    made = report(spoilt, result("a.b.c")).model_copy(update={"notices": (_HOSTILE,), "environment": _HOSTILE})
    page = report_page(made)
    for text in (page, *_fragments(page)):
        assert "<img" not in text
        assert "\u202e" not in text
        assert "\x1b" not in text


def test_values_are_on_the_page_only_if_they_are_in_the_report() -> None:
    told = report_page(a_bad_day())
    assert "12.50 → NULL" in told
    hidden = a_bad_day().tables[0].rows[0].model_copy(update={"source_values": None, "target_values": None})
    assert "→" not in report_page(report(a_bad_day().tables[0].model_copy(update={"rows": (hidden,)})))


# ---- in a browser

Shown = tuple[int, browser.Page]
needs_browser = pytest.mark.skipif(browser.BINARY is None, reason="no Chromium on this machine")


@pytest.fixture(
    scope="module", params=[1, 50, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
def shown(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, browser.Page]]:
    number: int = request.param
    folder = tmp_path_factory.mktemp("page")
    (folder / "report.html").write_text(report_page(_many(number) if number > 1 else report(_equal("dr.s.t"))), "utf-8")
    with browser.opened(folder / "report.html", folder / "profile") as page:
        yield number, page


def _visible(page: browser.Page) -> int:
    return int(page.ask("[...document.querySelectorAll('#list tr.t')].filter((row) => row.offsetParent).length"))


def _type(page: browser.Page, words: str) -> None:
    page.ask(
        f"(() => {{ const box = document.getElementById('filter'); box.value = {json.dumps(words)};"
        " box.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


def _wait(page: browser.Page, condition: str) -> None:
    look = f"const look = () => ({condition}) ? done() : setTimeout(look, 20); look();"
    page.call("Runtime.evaluate", expression=f"new Promise((done) => {{ {look} }})", awaitPromise=True)


@needs_browser
def test_a_browser_shows_the_verdicts_first(shown: Shown) -> None:
    number, page = shown
    assert page.ask("document.querySelector('h1').getBoundingClientRect().top < 100")
    assert page.ask("document.documentElement.scrollWidth <= innerWidth")
    assert page.ask("document.querySelectorAll('#list tr.t').length") == (number if number > 1 else 0)
    assert page.ask("document.querySelectorAll('.card').length") == (4 if number > 1 else 1)


@needs_browser
def test_typing_and_ticking_filter(shown: Shown) -> None:
    number, page = shown
    if number == 1:
        assert page.ask("document.getElementById('filters') === null")
        return
    _type(page, "dr.S3 t00003")
    assert (_visible(page), page.ask("document.getElementById('count').textContent")) == (1, "1 shown")
    _type(page, "no such thing")
    assert page.ask("document.getElementById('nothing').offsetParent !== null")
    _type(page, "")
    page.ask("document.querySelector('#filters input[value=MATCH]').click()")
    assert _visible(page) == 5
    page.ask("document.querySelector('#filters input[value=MATCH]').click()")
    assert _visible(page) == number


@needs_browser
def test_a_click_unpacks_the_sql_of_a_table(shown: Shown) -> None:
    number, page = shown
    wanted = "SELECT count(*) AS n\nFROM `dr.s.t` WHERE x < 3 AND y > '&amp;'"
    if number > 1:
        page.ask("[...document.querySelectorAll('.name')].at(-1).click()")
        _wait(page, "document.querySelector('tr.open pre')")
        name = page.ask("[...document.querySelectorAll('.name')].at(-1).textContent")
        wanted = wanted.replace("dr.s.t", name)
        assert page.ask("[...document.querySelectorAll('.name')].at(-1).getAttribute('aria-expanded')") == "true"
    assert page.ask("[...document.querySelectorAll('pre')].map((pre) => pre.textContent)").count(wanted) == 1
    if number > 1:
        page.ask("[...document.querySelectorAll('.name')].at(-1).click()")
        assert page.ask("document.querySelector('tr.open') === null")


@needs_browser
def test_a_narrow_window_scrolls_in_one_direction_only(shown: Shown) -> None:
    _, page = shown
    for width in (800, 1400):
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        assert page.ask("document.documentElement.scrollWidth <= innerWidth")


@needs_browser
def test_nothing_is_fetched_and_nothing_is_complained_about(shown: Shown) -> None:
    _, page = shown
    assert page.complaints == []
    assert [url for url in page.requests if not url.startswith("file:")] == []
