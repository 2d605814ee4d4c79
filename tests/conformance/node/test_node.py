"""The Node.js driver over Thrift. See scenario.js, which runs apart."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from tests.conformance.processes import installed, on_path, run
from tests.conformance.targets import Target

SCENARIO = Path(__file__).with_name("scenario.js")


def test_the_node_driver_reads_writes_and_describes(target: Target, schema: str, tmp_path: Path) -> None:
    (node,) = on_path("node")
    modules = installed(".venv-node", "node_modules")
    served = target.encrypted
    url = urlsplit(served.host)
    environment = served.environment() | {"NODE_PATH": modules}
    if served.ca_file is not None:
        environment["NODE_EXTRA_CA_CERTS"] = str(served.ca_file)
    place = [url.hostname or "", str(url.port or 443), served.http_path, served.token, *schema.split(".")]
    assert run([node, str(SCENARIO), *place], environment, tmp_path).splitlines()[-1] == "done"
