"""graph: drawn from the same plan that plan shows, on standard output or into a file."""

from pathlib import Path

from replicator.errors import ExitCode
from tests.cli.conftest import Command


def test_every_form_names_what_is_declared(shop: Path, command: Command) -> None:
    flow = command("graph")
    assert flow.code == 0, flow.err
    assert flow.out.startswith("flowchart LR\n")
    assert '["+ target:clone/shop_dr.sales.orders"]' in flow.out
    assert command("graph", "--format", "dot").out.startswith("digraph replicator {\n")
    page = command("graph", "--format", "html", "--out", "graph.html")
    assert (page.code, page.out) == (0, "")
    assert "target:clone/shop_dr.sales.orders" in (shop / "graph.html").read_text()
    assert "graph.html: 12 resources." in page.err


def test_a_file_that_cannot_be_written_is_one_message(shop: Path, command: Command) -> None:
    refused = command("graph", "--out", "nowhere/graph.mmd")
    assert refused.code == ExitCode.USAGE
    assert "nowhere/graph.mmd: cannot be written" in refused.err
