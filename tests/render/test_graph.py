"""The graph in its three forms; the page is tried out in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from replicator.address import Address, Side
from replicator.engine.actions import Do
from replicator.engine.desired import Declared, Desired, Position
from replicator.render.graph import Node, dot, mermaid, nodes_of
from replicator.render.graph_page import HEIGHT, graph_page, layout
from replicator.resources.base import Resource
from replicator.resources.catalog import Catalog
from replicator.resources.schema import Schema
from tests.render import browser, factory

TABLES = 40


def node(address: str, *needs: str, rank: int = 0, do: Do | None = None, blocked: bool = False) -> Node:
    return Node(Address.parse(address), do, blocked, "replicator.yaml:7", tuple(map(Address.parse, needs)), rank)


def nodes() -> list[Node]:
    tables = [
        node(f"target:clone/dr.sales.t{number:02d}", "target:schema/dr.sales", rank=2, do=Do.SYNC)
        for number in range(TABLES)
    ]
    return [
        node("target:catalog/dr"),
        node("source:share/<script>alert(1)</script>", do=Do.DELETE, blocked=True),
        node("target:schema/dr.sales", "target:catalog/dr", rank=1, do=Do.UPDATE),
        *tables,
        node("target:check/dr.sales.t00", "target:clone/dr.sales.t00", rank=3, do=Do.CHECK),
    ]


def desired(*resources: Resource) -> Desired:
    declared = {item.address: Declared(item, Position("a.yaml", 3)) for item in resources}
    return Desired("prod", "sha256:0", declared)


def test_a_need_that_another_implies_is_left_out() -> None:
    catalog = Catalog(side=Side.TARGET, name="dr")
    schema = Schema(side=Side.TARGET, name="dr.sales")
    other = Schema(side=Side.TARGET, name="dr.ops", after=(catalog.address, schema.address))
    plan = factory.plan([factory.action("target:schema/dr.sales", Do.CREATE)])
    found = {str(item.address): item for item in nodes_of(desired(other, schema, catalog), plan)}
    assert list(found) == ["target:catalog/dr", "target:schema/dr.sales", "target:schema/dr.ops"]
    assert found["target:schema/dr.ops"].needs == (schema.address,)
    assert [item.rank for item in found.values()] == [0, 1, 2]
    assert [item.do for item in found.values()] == [None, Do.CREATE, None]
    assert found["target:catalog/dr"].declared_at == "a.yaml:3"


def test_mermaid_and_dot_name_every_resource_and_edge_and_escape_what_is_markup() -> None:
    flow, digraph = mermaid(nodes()), dot(nodes())
    for text, arrow in ((flow, "-->"), (digraph, "->")):
        assert text.count(f" {arrow} ") == TABLES + 2
        assert all(f"target:clone/dr.sales.t{number:02d}" in text for number in range(TABLES))
    assert "<script>" not in flow
    assert "#60;script#62;" in flow
    assert dot([node('source:share/a"b')]).count('\\"') == 1


def deployment(schemas: int, tables: int) -> list[Node]:
    """Backups, replicas and checks: about three resources to a table."""
    found = [node("source:catalog/bk"), node("target:catalog/dr", do=Do.CREATE)]
    for schema in (f"s{number}" for number in range(schemas)):
        found.append(node(f"source:schema/bk.{schema}", "source:catalog/bk", rank=1))
        found.append(node(f"target:schema/dr.{schema}", "target:catalog/dr", rank=1, do=Do.UPDATE))
        for name in (f"{schema}.table_{number}" for number in range(tables)):
            backup, copy = f"source:clone/bk.{name}", f"target:clone/dr.{name}"
            found.append(node(backup, f"source:schema/bk.{schema}", rank=2, do=Do.SYNC))
            found.append(node(copy, f"target:schema/dr.{schema}", backup, rank=3, do=Do.SYNC))
            found.append(node(f"target:check/dr.{name}", copy, rank=4, do=Do.CHECK))
    return found


SIZES = {5: (1, 1), 50: (3, 5), 1000: (10, 33)}


@pytest.mark.parametrize("size", SIZES)
def test_boxes_stand_apart_at_every_size_in_no_long_strip(size: int) -> None:
    places = sorted(layout(deployment(*SIZES[size])).values())
    for at, (left, top, width) in enumerate(places):
        near = [(x, y) for x, y, _ in places[at + 1 :] if x < left + width]
        assert not any(abs(y - top) < HEIGHT for _, y in near)
    wide = max(left + width for left, _, width in places)
    high = max(top for _, top, _ in places) - min(top for _, top, _ in places)
    assert size == 5 or wide / high < 3


def test_a_wrapped_rank_keeps_what_belongs_together_and_leaves_no_box_alone() -> None:
    places = layout(deployment(*SIZES[1000]))
    columns: dict[float, list[str]] = {}
    for address, (left, _, _) in places.items():
        if address.type == "clone" and address.side is Side.TARGET:
            columns.setdefault(left, []).append(address.name.split(".")[1])
    assert max(map(len, columns.values())) - min(map(len, columns.values())) < len(columns)
    assert max(len(set(schemas)) for schemas in columns.values()) <= 3


def test_the_legend_explains_what_there_is_to_see_and_nothing_else() -> None:
    legend = graph_page(nodes(), "prod").partition('class="legend">')[2].partition("</header>")[0]
    words = re.sub(r"<[^>]*>", " ", legend).split()
    assert {"source", "target", "update", "sync", "delete", "check", "unchanged", "blocked", "→"} <= set(words)
    assert "create" not in words
    plain = graph_page([node("target:catalog/dr")], "prod").partition('class="legend">')[2].partition("</header>")[0]
    assert "blocked" not in plain
    assert "source" not in plain


def test_no_two_boxes_lie_on_each_other_and_needs_stand_to_the_left() -> None:
    places = layout(nodes())
    boxes = sorted(places.values())
    for left, top, width in boxes:
        others = [box for box in boxes if box != (left, top, width)]
        assert not any(abs(y - top) < HEIGHT and x < left + width and left < x + wide for x, y, wide in others)
    for item in nodes():
        assert all(places[need][0] + places[need][2] < places[item.address][0] for need in item.needs)


def test_the_page_is_the_same_bytes_each_time_and_refers_to_nothing_outside() -> None:
    text = graph_page(nodes(), "prod")
    assert text == graph_page(nodes(), "prod")
    assert "default-src 'none'" in text
    assert "<script>alert" not in text
    assert not re.search(r"(src|href)=|https?:|url\((?!#)", text)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Page]:
    folder = tmp_path_factory.mktemp("graph")
    (folder / "graph.html").write_text(graph_page(nodes(), "prod"), encoding="utf-8")
    with browser.opened(folder / "graph.html", folder / "profile") as page:
        yield page


@pytest.mark.skipif(browser.BINARY is None, reason="no Chromium on this machine")
class TestInABrowser:
    @pytest.fixture(autouse=True)
    def fresh(self, page: browser.Page) -> None:
        page.ask("box.value = ''; filter()")

    def view(self, page: browser.Page) -> tuple[float, float, float]:
        x, y, scale = map(float, re.findall(r"-?[\d.]+(?:e-?\d+)?", page.ask("one('all').getAttribute('transform')")))
        return x, y, scale

    def test_everything_is_within_sight_at_first(self, page: browser.Page) -> None:
        seen = page.ask("""nodes.every(({ el }) => {
            const r = el.getBoundingClientRect(), s = svg.getBoundingClientRect();
            return r.left >= s.left && r.right <= s.right && r.top >= s.top && r.bottom <= s.bottom; })""")
        assert seen is True
        assert page.ask("one('shown').textContent") == f"{TABLES + 4} resources"

    def test_dragging_pans(self, page: browser.Page) -> None:
        x, y, scale = self.view(page)
        page.mouse("mousePressed", 600, 400, button="left", buttons=1, clickCount=1)
        page.mouse("mouseMoved", 650, 380, button="left", buttons=1)
        page.mouse("mouseMoved", 700, 360, button="left", buttons=1)
        page.mouse("mouseReleased", 700, 360, button="left", clickCount=1)
        assert self.view(page) == pytest.approx((x + 100, y - 40, scale))

    def test_the_wheel_zooms_to_where_it_points(self, page: browser.Page) -> None:
        before = page.ask("nodes[2].el.getBoundingClientRect().toJSON()")
        page.mouse("mouseWheel", before["left"], before["top"], deltaX=0, deltaY=-400)
        after = page.ask("nodes[2].el.getBoundingClientRect().toJSON()")
        assert after["width"] > 2 * before["width"]
        assert (after["left"], after["top"]) == pytest.approx((before["left"], before["top"]), abs=3)

    def test_typing_filters_and_keeps_what_the_matches_need(self, page: browser.Page) -> None:
        page.ask("box.focus()")
        page.call("Input.insertText", text="clone t07")
        shown = page.ask("nodes.filter(({ el }) => el.getClientRects().length).map((node) => node.address)")
        assert sorted(shown) == ["target:catalog/dr", "target:clone/dr.sales.t07", "target:schema/dr.sales"]
        assert page.ask("one('shown').textContent") == f"1 of {TABLES + 4} resources, and 2 that they need"
        assert page.ask("decodeURIComponent(location.hash)") == "#clone t07"
        assert page.ask("edges.filter(({ el }) => el.getClientRects().length).length") == 2

    def test_a_click_shows_a_resource_with_its_chain(self, page: browser.Page) -> None:
        place = page.ask("nodes[2].el.getBoundingClientRect().toJSON()")
        page.click(place["left"] + place["width"] / 2, place["top"] + place["height"] / 2)
        told = page.ask("detail.innerText")
        assert "target:schema/dr.sales" in told
        assert "update · declared in replicator.yaml:7" in told
        assert "target:catalog/dr" in told
        assert page.ask("nodes.filter(({ el }) => el.classList.contains('on')).length") == TABLES + 3

    def test_nothing_is_fetched_and_nothing_is_complained_about(self, page: browser.Page) -> None:
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith("file:")] == []

    @pytest.mark.parametrize("size", SIZES)
    def test_it_can_be_read_at_first_and_fit_shows_all(self, size: int, tmp_path: Path) -> None:
        (tmp_path / "graph.html").write_text(graph_page(deployment(*SIZES[size]), "prod"), encoding="utf-8")
        with browser.opened(tmp_path / "graph.html", tmp_path / "profile") as page:
            high = "nodes[0].el.querySelector('text.name').getBoundingClientRect().height"
            assert page.ask(high) >= 8
            left = page.ask("Math.min(...nodes.map((n) => n.el.getBoundingClientRect().left))")
            assert 0 <= left < 600
            page.ask("one('fit').click()")
            assert page.ask("""nodes.every(({ el }) => {
                const r = el.getBoundingClientRect(), s = svg.getBoundingClientRect();
                return r.left >= s.left && r.right <= s.right && r.top >= s.top && r.bottom <= s.bottom; })""")
            page.ask("box.focus()")
            page.call("Input.insertText", text="check table_0 s0")
            assert page.ask("nodes.filter((n) => n.shown).length") == 7
            assert page.ask(high) >= 8
            assert page.complaints == []
