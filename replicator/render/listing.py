"""What the state holds, and one resource of it."""

import json
from collections.abc import Iterable

from replicator.engine.state import Entry, State
from replicator.render.look import clean
from replicator.wording import count, many


def state_text(state: State, addresses: Iterable[str]) -> str:
    """One line per address, and what the state is."""
    shown = list(addresses)
    lines = [f"{clean(address)}{_remarks(state.resources[address])}" for address in shown]
    total = len(state.resources)
    of = f" of {count(total)}" if len(shown) < total else ""
    return (
        "\n".join([*lines, f"{many(len(shown), 'resource')}{of} · {state.environment} · serial {state.serial}"]) + "\n"
    )


def _remarks(entry: Entry) -> str:
    told = [("protected", entry.protect), ("imported", entry.imported), ("incomplete", entry.partial)]
    remarks = ", ".join(word for word, holds in told if holds)
    return f"   ({remarks})" if remarks else ""


def entry_text(address: str, entry: Entry) -> str:
    """Everything that the state knows of one resource."""
    lines = [f"{clean(address)}{_remarks(entry)}", f"    from     {entry.section} section"]
    lines += [f"    id       {clean(entry.id)}"] if entry.id else []
    for title, values in (("applied", entry.inputs), ("returned", entry.outputs), ("watched", entry.watched)):
        for number, (name, given) in enumerate(sorted(values.items())):
            text = clean(json.dumps(given, ensure_ascii=False, sort_keys=True))
            lines.append(f"    {title if not number else '':<8} {clean(name)} = {text}")
    needs = [clean(need) for need in entry.depends_on]
    lines += [f"    {'needs' if not number else '':<8} {need}" for number, need in enumerate(needs)]
    return "\n".join(lines) + "\n"
