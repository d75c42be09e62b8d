"""Header names with a rule of their own at the mesh's edge: who may say them, who may strike them.

Applications, callers in plaintext and strangers must not speak as the mesh: what only a sidecar may
say is dropped from them, in the same scan that finds the framing. `x_mesh_` is meant too, as a
gateway that turns headers into variables cannot tell it from `x-mesh-`.
"""

from __future__ import annotations

import re

MESH_NAMES = rb"x[-_](?:mesh[-_][^:\r]*|forwarded[-_]client[-_]cert)"
"""As an expression over lower-case names: what only a sidecar may say in a request."""
APPLICATIONS_MAY_SAY = frozenset({b"x-mesh-sticky"})
"""But for these: an application chooses by what its splits are sticky."""
CONNECTION_OPTIONS_LIMIT = 32
"""Options of one Connection header; each is looked for in the whole head."""

is_end_to_end = re.compile(
    rb"host|authorization|cookie|set-cookie|forwarded|via|expect|range|date|etag|location|vary"
    rb"|cache-control|traceparent|tracestate|x-request-id|x-real-ip|transfer-encoding"
    rb"|(?:content|if|x[-_]mesh|x-forwarded|x-envoy|sec|access-control)[-_].*|proxy-auth.*"
).fullmatch
"""May this header, by its lower-case name, not be struck out by who names it in Connection? What
routes, frames, authenticates or tells the origin of a request is never meant for one hop."""
