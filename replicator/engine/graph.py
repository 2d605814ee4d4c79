"""The graph of resources: who must be settled before whom."""

from collections.abc import Callable, Iterable, Mapping

from replicator.address import Address
from replicator.engine.desired import Declared
from replicator.errors import ConfigError


def dependencies(resources: Mapping[Address, Declared]) -> dict[Address, tuple[Address, ...]]:
    """For each resource the others that it needs, sorted; addresses outside the graph are taken as given and
    dropped."""
    return {
        address: tuple(sorted({need for need in declared.resource.depends_on() if need in resources} - {address}))
        for address, declared in resources.items()
    }


def order(needs: Mapping[Address, Iterable[Address]], place: Callable[[Address], str]) -> list[Address]:
    """Every resource after what it needs, ties broken by address. Raises ConfigError that spells a cycle out.

    `place` says where an address is declared, for the message.
    """
    import networkx as nx

    graph: nx.DiGraph[Address] = nx.DiGraph()
    graph.add_nodes_from(needs)
    graph.add_edges_from((need, address) for address, listed in needs.items() for need in listed)
    try:
        return list(nx.lexicographical_topological_sort(graph, key=str))
    except nx.NetworkXUnfeasible:
        cycle = [address for address, _ in nx.find_cycle(graph.reverse())]
        first = cycle.index(min(cycle))
        path = " → ".join(str(address) for address in [*cycle[first:], *cycle[:first], cycle[first]])
        raise ConfigError(
            f"{place(cycle[first])}: these resources need each other in a circle, so none can be first: {path}",
            hint="take one of them out of the other's `after`, or clone from something else",
        ) from None


def effective(
    ordered: Iterable[Address], needs: Mapping[Address, Iterable[Address]], acting: frozenset[Address]
) -> dict[Address, tuple[Address, ...]]:
    """For each acting resource the nearest acting ones that it waits for, looking through those that do nothing."""
    nearest: dict[Address, frozenset[Address]] = {}
    for address in ordered:
        found: set[Address] = set()
        for need in needs[address]:
            if need in acting:
                found.add(need)
            else:
                found |= nearest[need]
        nearest[address] = frozenset(found)
    return {address: tuple(sorted(nearest[address])) for address in nearest if address in acting}
