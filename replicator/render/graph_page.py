"""The graph as one HTML page without any other file: inline SVG that a person pans, zooms and filters."""

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files

from replicator.address import Address, Side
from replicator.engine.actions import Do
from replicator.render.graph import Node
from replicator.render.look import clean
from replicator.render.symbols import SYMBOLS
from replicator.wording import many

ROW, HEIGHT, GAP, CHAR, LONGEST = 48, 38, 46, 7.3, 28
"""Pixels between rows, of a box's height, between columns, of a character; characters of a label."""

UNCHANGED = "·"
DENSE = 150
"""From so many boxes on, lines are pale until a box is chosen."""
Places = Mapping[Address, tuple[float, float, float]]
"""Left, top and width of each box."""


def layout(nodes: Sequence[Node]) -> Places:
    """Columns by rank, each box near what it needs; a rank of many is wrapped into several columns."""
    tall = max(16, math.ceil(math.sqrt(len(nodes)) * 1.2))
    order: dict[Address, float] = {}
    found: dict[Address, tuple[float, float, float]] = {}
    left = 0.0
    for rank in range(max((node.rank for node in nodes), default=-1) + 1):
        members = [node for node in nodes if node.rank == rank]
        members.sort(key=lambda node: (_pull(node, order), node.address))
        order |= {node.address: (at + 0.5) / len(members) for at, node in enumerate(members)}
        columns = math.ceil(len(members) / tall)
        high = math.ceil(len(members) / max(1, columns))  # columns of one height: no box stands alone at the end
        for start in range(0, len(members), max(1, high)):
            part = members[start : start + high]
            width = 20 + CHAR * max(len(line) for node in part for line in _lines(node))
            for row, node in enumerate(part):
                top = (row - (len(part) - 1) / 2) * ROW
                found[node.address] = (left, top, width)
            left += width + (GAP if start + high >= len(members) else 16)
    return found


def _pull(node: Node, order: Mapping[Address, float]) -> float:
    """Where in its rank a node belongs: beside what it needs, by the places of those in theirs."""
    return sum(order[need] for need in node.needs) / len(node.needs) if node.needs else 0.0


def _lines(node: Node) -> tuple[str, str]:
    """What happens to which type, and the name, whose end tells more than its beginning."""
    name = clean(node.address.name)
    short = name if len(name) <= LONGEST else f"…{name[len(name) - LONGEST + 1 :]}"
    return f"{SYMBOLS[node.do] if node.do else UNCHANGED} {node.address.type}", short


def graph_page(nodes: Sequence[Node], title: str) -> str:
    """The whole page. Nothing is loaded from anywhere, and nothing but its own script and style runs."""
    style, script = (files(__package__).joinpath(name).read_text("utf-8") for name in ("graph.css", "graph.js"))
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'"
    places = layout(nodes)
    numbers = {node.address: number for number, node in enumerate(nodes)}
    edges = [_edge(need, node.address, places, numbers) for node in nodes for need in node.needs]
    boxes = [_box(node, places, numbers) for node in nodes]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<label>Filter <input id="filter" type="search" placeholder="sales, target:clone, +" autocomplete="off"></label>
<output id="shown" for="filter">{many(len(nodes), "resource")}</output>
<span class="tools"><button id="in" aria-label="Zoom in">+</button><button id="out" aria-label="Zoom out">−</button>\
<button id="fit" title="All of it (0)">Fit</button></span>
<span class="legend">{_legend(nodes)}</span>
</header>
<svg id="graph"{' class="dense"' if len(nodes) > DENSE else ""} role="img" aria-label="Resources and what each needs">
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
<path d="M0 0L8 4L0 8z"/></marker></defs>
<g id="all"><g id="edges">{"".join(edges)}</g><g id="nodes">{"".join(boxes)}</g></g>
</svg>
<aside id="detail" hidden aria-live="polite"></aside>
<script>{script}</script>
</body>
</html>
"""


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _edge(need: Address, address: Address, places: Places, numbers: Mapping[Address, int]) -> str:
    (x0, y0, width), (x1, y1, _) = places[need], places[address]
    x0, y0, y1 = x0 + width, y0 + HEIGHT / 2, y1 + HEIGHT / 2
    bend = max(24.0, (x1 - x0) / 2)
    path = f"M{x0:g} {y0:g}C{x0 + bend:g} {y0:g} {x1 - bend:g} {y1:g} {x1:g} {y1:g}"
    return f'<path d="{path}" data-from="{numbers[need]}" data-to="{numbers[address]}"/>'


def _box(node: Node, places: Places, numbers: Mapping[Address, int]) -> str:
    x, y, width = places[node.address]
    address = clean(str(node.address))
    what, name = _lines(node)
    told = f"{node.do.value}{', blocked' if node.blocked else ''}" if node.do else "unchanged"
    kinds = f"node {node.address.side.value} {node.do.value if node.do else 'same'}{' blocked' if node.blocked else ''}"
    return (
        f'<g class="{kinds}" transform="translate({x:g} {y:g})" tabindex="0" role="button" '
        f'data-id="{numbers[node.address]}" data-address="{escape(address)}" data-do="{told}" '
        f'data-at="{escape(clean(node.declared_at))}" aria-label="{escape(f"{address}, {told}")}">'
        f'<title>{escape(f"{address} ({told})")}</title><rect width="{width:g}" height="{HEIGHT}" rx="5"/>'
        f'<text x="10" y="15">{escape(what)}</text><text class="name" x="10" y="30">{escape(name)}</text></g>'
    )


def _legend(nodes: Sequence[Node]) -> str:
    """Of what there is to see: the colour of a box is its side, its first line what happens to it."""
    sides = [side.value for side in Side if any(node.address.side is side for node in nodes)]
    present = {node.do for node in nodes}
    told = [f'<span><i class="key {side}"></i>{side}</span>' for side in sides]
    told += [f'<span class="{do.value}"><b>{SYMBOLS[do]}</b> {do.value}</span>' for do in Do if do in present]
    told += [f"<span><b>{UNCHANGED}</b> unchanged</span>"] if None in present else []
    told += ['<span class="blocked"><i class="key"></i>blocked</span>'] if any(node.blocked for node in nodes) else []
    return "".join([*told, "<span>needed first <b>→</b> needs it</span>"])
