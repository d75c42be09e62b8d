"""Has a revision of the mesh come to every sidecar? Each of them may be a caller."""

from __future__ import annotations

from collections.abc import Sequence

from meshconsole.core.errors import Degraded
from meshconsole.inventory.models import Instance, Source
from meshconsole.inventory.sync import progress, sync_states
from meshconsole.rollouts.kinds.protocol import Seen


def acked(revision: int, names: Sequence[str]) -> Seen:
    """All of `names`, or none of them: what every sidecar holds is in force."""
    try:
        come = progress(revision)
        missing = {
            one.instance: f"its sidecar is {one.state}"
            for one in (sync_states() if come.acked < come.expected else ())
            if one.state in ("pending", "stale", "nacked")
        }
    except Degraded:
        return Seen()
    if not come.expected and Instance.objects.open().filter(source=Source.SIDECAR).exists():
        return Seen()  # nobody is heard of at all: neither the mesh nor this console knows anything
    is_all = come.acked >= come.expected and (come.head >= revision or not come.expected)
    return Seen(
        in_force=frozenset(names) if is_all else frozenset(),
        acked=come.acked,
        expected=come.expected,
        missing=missing,
    )
