"""How large a number may be on the wire: what every database and language here can hold."""

from __future__ import annotations

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A count, a revision, a sequence number: never negative, 64 bits."""

Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=1e11)]
"""A duration, or a time since 1970 up to the year 5138."""

Rate = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
"""A share of something."""
