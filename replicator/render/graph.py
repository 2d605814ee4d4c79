"""The graph of declared resources: nodes, what each needs, and the graph as Mermaid or DOT."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from replicator.address import Address
from replicator.engine.actions import Do, Plan
from replicator.engine.desired import Desired
from replicator.engine.graph import dependencies
from replicator.render.look import clean
from replicator.render.symbols import SYMBOLS


@dataclass(frozen=True, slots=True)
class Node:
    """One declared resource. `do` is what the plan does with it, None for nothing; `needs` are direct only: what
    another need implies is left out. `rank` is the length of the longest chain before it."""

    address: Address
    do: Do | None
    blocked: bool
    declared_at: str
    needs: tuple[Address, ...]
    rank: int


def nodes_of(desired: Desired, plan: Plan) -> list[Node]:
    """Every declared resource, each after what it needs; the same input gives the same list."""
    import networkx as nx

    needs = dependencies(desired.resources)
    graph: nx.DiGraph[Address] = nx.DiGraph()
    graph.add_nodes_from(sorted(needs))
    graph.add_edges_from((need, address) for address in sorted(needs) for need in needs[address])
    direct = nx.transitive_reduction(graph)
    actions = {action.at: action for action in plan.actions}
    ranks: dict[Address, int] = {}
    found: list[Node] = []
    for address in nx.lexicographical_topological_sort(graph, key=str):
        ranks[address] = max((ranks[need] + 1 for need in needs[address]), default=0)
        at, action = desired.resources[address].at, actions.get(address)
        found.append(
            Node(
                address=address,
                do=action.do if action else None,
                blocked=bool(action and action.blocked),
                declared_at=f"{at.file}:{at.line}" if at else "",
                needs=tuple(sorted(direct.predecessors(address))),
                rank=ranks[address],
            )
        )
    return found


def label(node: Node) -> str:
    """`+ target:schema/a.b`; the symbol is that of the plan."""
    symbol = f"{SYMBOLS[node.do]} " if node.do else ""
    return f"{'⛔ ' if node.blocked else ''}{symbol}{clean(str(node.address))}"


def _names(nodes: list[Node]) -> Mapping[Address, str]:
    return {node.address: f"n{number}" for number, node in enumerate(nodes)}


def mermaid(nodes: list[Node]) -> str:
    """A flowchart, the metastores side by side; GitHub and GitLab draw it in Markdown."""
    names = _names(nodes)
    lines = ["flowchart LR"]
    for side in dict.fromkeys(node.address.side for node in sorted(nodes, key=lambda node: node.address)):
        lines.append(f"  subgraph {side.value}")
        lines += [
            f'    {names[node.address]}["{_entities(label(node))}"]' for node in nodes if node.address.side is side
        ]
        lines.append("  end")
    lines += [f"  {names[need]} --> {names[node.address]}" for node in nodes for need in node.needs]
    return "\n".join(lines) + "\n"


def _entities(text: str) -> str:
    """Whatever could end a label or be markup, as Mermaid's entity codes."""
    return "".join(char if char.isalnum() or char in " :/._-+~=±−✓↻⛔≁?" else f"#{ord(char)};" for char in text)


def dot(nodes: list[Node]) -> str:
    """For Graphviz: `dot -Tsvg`."""
    names = _names(nodes)
    lines = ["digraph replicator {", "  rankdir=LR;", '  node [shape=box, fontname="monospace"];']
    for side in dict.fromkeys(node.address.side for node in sorted(nodes, key=lambda node: node.address)):
        lines += [f"  subgraph cluster_{side.value} {{", f'    label="{side.value}";']
        lines += [
            f"    {names[node.address]} [label={_quoted(label(node))}];" for node in nodes if node.address.side is side
        ]
        lines.append("  }")
    lines += [f"  {names[need]} -> {names[node.address]};" for node in nodes for need in node.needs]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
