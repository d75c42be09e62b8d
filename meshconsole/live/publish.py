"""The only way to a browser: a row in the caller's transaction, and a hint after its commit."""

from __future__ import annotations

import json
from typing import Any

from meshconsole.core.nudge import nudge_on_commit
from meshconsole.live.models import LiveEvent

CHANNEL = "mesh:live"
DATA_LIMIT_BYTES = 3000


def publish_on_commit(
    *, topic: str, kind: str, ref: str, data: dict[str, Any] | None = None
) -> LiveEvent:
    """Tell every browser that listens to `topic`, after commit and only if it commits.

    `topic` is a plural noun (`routes`), `kind` a fact (`changed`), `ref` the object's name. `data`
    stays under 3 kB: ids and numbers, not bodies; raises ValueError above that.
    """
    if len(json.dumps(data or {}, default=str)) > DATA_LIMIT_BYTES:
        raise ValueError(f"A live event carries at most {DATA_LIMIT_BYTES} bytes; send an id.")
    event = LiveEvent.objects.create(topic=topic, kind=kind, ref=ref[:300], data=data or {})
    nudge_on_commit(CHANNEL, str(event.pk))
    return event
