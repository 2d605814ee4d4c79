"""What an object was when the plan saw it, as one hash; apply refuses to touch an object whose hash has changed."""

from replicator.resources.base import Observed
from replicator.values import fingerprint


def object_fingerprint(observed: Observed | None) -> str | None:
    """Identity and fields, without data versions: a busy table must not make a plan stale. None when there is no
    object."""
    return None if observed is None else fingerprint({"id": observed.id, "fields": observed.fields})
