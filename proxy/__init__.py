"""The sidecar: the mesh's enforcement point, beside every instance.

Six things make it up:

*Listener* (`listener`): a door. Inbound faces callers, outbound faces the own application; a
    stand-alone proxy has one. They differ in how they route and what they count, in nothing else.
*Caller* and *Link* (`seam`): one place on a caller's connection, and one on a connection to an
    endpoint. A folder per protocol has both: `http1`, `http2`, `rpc` (with `bolt` for the bytes).
*Exchange* (`relay`): one request and its answer. It chooses, picks, sends, answers, observes.
*Session* (`tcp`): the same for bytes that nobody reads.
*Pool* (`pools`): connections of one protocol to one endpoint's *Member*.
*Table* (`current`): the snapshot in force, made ready to serve; replaced by one assignment.

The life of a request: `doors` tells from the listener, or from the first bytes (`sniff`), what is
spoken. The protocol's caller finds a whole head and has it judged in one form, that of
`http1.heads`, whatever the wire said. It begins an `Exchange`, which asks the router (`steering`)
for a `Choice` of members, the gate (`limiting`) whether it may come in, and the `balancer` for one
member; takes a link from the pool or waits in line for one; and hands head and content down. The
answer comes back the same way. At the end the `Listener` counts it on its edge (`windows`) and logs
it (`access_log`).

Nothing waits inside: each step is a call made by the event loop, so the usual request has no task
and no timer of its own. Deadlines are found by one sweep (`server`).

What a console says arrives through the `agent` and ends in `Current.swap`; what this sidecar sees
leaves as windows and anomaly reports (`healing.detector`). `interception` takes connections that
the kernel leads here, `handover` passes the doors on to the next process. `assembly` puts a process
together.
"""

__version__ = "0.1.0"
