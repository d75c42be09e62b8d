"""The sidecar: the mesh's enforcement point, beside every instance.

Five things make it up:

*Listener* (`listener`): a door. Inbound faces callers, outbound faces the own application; a
    stand-alone proxy has one. They differ in how they route and what they count, in nothing else.
*Downstream* (`downstream`): a caller's connection. It reads requests one after another.
*Exchange* (`relay`): one request and its answer. It chooses, picks, sends, answers, observes.
*Upstream* (`upstream`): a connection to an endpoint, from a pool kept by the endpoint's *Member*.
*Table* (`current`): the snapshot in force, made ready to serve; replaced by one assignment.

The life of a request: `Downstream` finds the end of a head and has `http1` judge it whole. It
begins an `Exchange`, which asks the router (`steering`) for a `Choice` of members and the
`balancer` for one of them, takes an idle `Upstream` or waits in line for one, and writes the head
in this hop's own words. `bodies` take the framing off and put it on again, as slices pass. The
answer comes back the same way. At the end the `Listener` counts it on its edge (`windows`) and logs
it (`access_log`).

Nothing waits inside: each step is a call made by the event loop, so the usual request has no task
and no timer of its own. Deadlines are found by one sweep (`server`).

What a console says arrives through the `agent` and ends in `Current.swap`; what this sidecar sees
leaves as windows and anomaly reports (`healing.detector`). `assembly` puts a process together.
"""

__version__ = "0.1.0"
