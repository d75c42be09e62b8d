"""Why an answer is what it is, in Envoy's response flags: one table for logs, metrics and headers.

A flag stands in the access log (`-` when there is nothing to explain), in the metrics of refusals,
and, on each answer that a sidecar makes itself, in the header `x-mesh-flag`. That header speaks of
one hop: a sidecar reads it, and says it again only to its own application. An answer that an
application gave has no flag, whatever its status.
"""

from __future__ import annotations

from typing import Literal, get_args

Flag = Literal[
    "DC", "DPE", "LR", "NR", "OM", "RL", "SI", "UAEX", "UC", "UF", "UH", "UO", "UPE", "UR", "URX",
    "UT",
]  # fmt: skip

MEANING: dict[Flag, str] = {
    "DC": "The caller ended its connection before its answer was complete.",
    "DPE": "The caller's bytes are not what its protocol allows, or ask for what is not served.",
    "LR": "This proxy reset the connection itself.",
    "NR": "Nothing here is called by the name that was asked for, or no snapshot has come yet.",
    "OM": "This proxy has too little left of something: memory, files, or connections.",
    "RL": "An interface has as many requests as it may.",
    "SI": "The caller sent or read nothing for too long in the middle of a request.",
    "UAEX": "The caller may not: it is not on the list, or speaks plaintext where none is taken.",
    "UC": "The endpoint ended the connection before it answered.",
    "UF": "No connection to an endpoint could be had: nothing was sent.",
    "UH": "No endpoint can answer: there is none, or none with a weight.",
    "UO": "An endpoint, the line for it, or this proxy holds as many requests as it may.",
    "UPE": "The endpoint's answer is not what its protocol allows, or ends early.",
    "UR": "The endpoint refused the request before it touched it, and it cannot be sent again.",
    "URX": "The request was tried as often as it may be, and every try failed.",
    "UT": "The endpoint did not answer in time.",
}
"""What each flag says; flags are the names of Envoy's `%RESPONSE_FLAGS%`."""

FLAGS: tuple[Flag, ...] = get_args(Flag)
