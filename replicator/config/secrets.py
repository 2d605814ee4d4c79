"""Credentials that somebody wrote into the file: found and refused before anything is resolved; never echoed."""

import re

from replicator.config.connection import INSTEAD_OF_SECRETS
from replicator.config.nodes import Tree, walk
from replicator.config.problems import Problem

_KEY = re.compile(
    r"(?:.*[._-])?(?:password|passwd|secret|client_secret|token|access_token|bearer_token|api_?key|private_key)",
    re.IGNORECASE,
)
_VALUE = re.compile(r"\b(?:dapi|dose|dkea)[0-9a-f]{16,}|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]+:[^/\s@]+@")


def find_secrets(tree: Tree, problems: list[Problem]) -> None:
    """Report text that is a credential by its key or by its form. (A host is judged where it is parsed.)"""
    for path, node in walk(tree.root):
        if not isinstance(node.value, str):
            continue
        name = str(path[-1]) if path else ""
        if _KEY.fullmatch(name) and path[0] != "variables":
            text = f"`{name}`: a secret in clear text is refused; {INSTEAD_OF_SECRETS}"
        elif name != "host" and _VALUE.search(node.value):
            text = f"`{name}`: this looks like a credential and is refused; {INSTEAD_OF_SECRETS}"
        else:
            continue
        problems.append(Problem(tree.at(path), text))
