"""What can go wrong with a request, by who is to blame: caller, upstream, or this proxy."""

from __future__ import annotations

from proxy.contract.reports import ErrorClass
from proxy.flags import Flag


class BadMessage(ValueError):
    """A peer's bytes are not HTTP/1.1 as this proxy reads it; the connection ends.

    `status` is what a caller is told; a bad answer of an upstream always becomes 502.
    """

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


class Refusal(Exception):
    """A request that is answered by this proxy itself: status, response flag (`flags`), why."""

    def __init__(
        self, status: int, flag: Flag, sentence: str, error: ErrorClass | None = None
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.flag = flag
        self.sentence = sentence
        self.error = error


def malformed(error: BadMessage) -> Refusal:
    """The caller's bytes are no request, or did not come in time."""
    return Refusal(error.status, "SI" if error.status == 408 else "DPE", str(error))


class Unavailable(Refusal):
    """One endpoint cannot take a request now. Nothing was sent, so another may."""


def no_route(host: str) -> Refusal:
    """Nothing here is called by that name."""
    return Refusal(404, "NR", f"No application is called {host!r} here: check the Host header.")


def unknown_service(service: str) -> Refusal:
    """A framed request names no application, and nobody says that the service is theirs."""
    return Refusal(
        404,
        "NR",
        f"No application declares an interface of the service {service!r} here: "
        "declare one, or name the application that is called.",
    )


def ambiguous_service(service: str, names: str) -> Refusal:
    """A framed request names no application, and more than one says that the service is theirs."""
    return Refusal(
        404,
        "NR",
        f"The service {service!r} is declared by {names}: name the application that is called.",
    )


def other_protocol(service: str, theirs: str, callers: str) -> Refusal:
    """A frame cannot be said in HTTP, nor HTTP in a frame."""
    return Refusal(
        502,
        "DPE",
        f"{service!r} speaks {theirs} and its caller {callers}, and neither can be turned into the "
        "other: call it in its own protocol.",
    )


def no_server() -> Refusal:
    """An endpoint asks the one who calls it."""
    return Refusal(404, "NR", "Nothing is served on this connection: it is a caller's.")


def plaintext_refused() -> Refusal:
    """Only encrypted connections are taken here."""
    return Refusal(403, "UAEX", "Plaintext is not taken here: call through a sidecar of the mesh.")


def not_allowed(service: str, who: str) -> Refusal:
    """The caller is known, or shows nothing, and is not on the list."""
    said = repr(who) if who else "A caller without a certificate"
    return Refusal(403, "UAEX", f"{said} is not among those who may call {service!r}.")


def no_snapshot() -> Refusal:
    """Nobody has told this sidecar anything yet."""
    return Refusal(503, "NR", "This sidecar has no snapshot yet: is the console reachable?")


def no_endpoint(service: str, group: str) -> Refusal:
    """The application, or the group that was chosen, has nobody to answer."""
    where = f"group {group!r} of {service!r}" if group else repr(service)
    return Refusal(503, "UH", f"No endpoint of {where} can answer now.", "connect")


def overflow(service: str) -> Unavailable:
    """Too many requests are at one endpoint, or wait for a connection to it, already."""
    return Unavailable(503, "UO", f"Too many requests are waiting for {service!r}.", "connect")


def connect_failed(service: str, detail: str) -> Refusal:
    """Every attempt to connect failed, so nothing was sent."""
    return Refusal(503, "UF", f"Cannot connect to {service!r}: {detail}.", "connect")


def resting(service: str, detail: str) -> Unavailable:
    """The endpoint could not be reached a moment ago, so it is not dialled just now."""
    return Unavailable(503, "UF", f"Cannot connect to {service!r}: {detail}.", "connect")


def unproven(service: str, why: str) -> Unavailable:
    """The endpoint takes TLS only, and this side cannot prove who it is."""
    return Unavailable(503, "UF", f"Cannot connect to {service!r}: {why}", "connect")


def connection_ended(service: str) -> Refusal:
    """The upstream went away after the request was sent and before it answered."""
    return Refusal(503, "UC", f"{service!r} closed the connection before it answered.", "connect")


def tried_enough(service: str, tries: int, detail: str) -> Refusal:
    """Every try failed, and there may be no more."""
    sentence = f"{service!r} was tried {tries} times, the last time: {detail}."
    return Refusal(503, "URX", sentence, "connect")


def too_slow(service: str) -> Refusal:
    """The upstream did not begin its answer in time."""
    return Refusal(504, "UT", f"{service!r} did not answer in time.", "timeout")


def unprocessed(service: str, detail: str) -> Refusal:
    """The upstream refused the request before it touched it, and it cannot be sent again."""
    return Refusal(503, "UR", f"{service!r} did not take the request: {detail}.", "connect")


def caller_too_slow() -> Refusal:
    """The caller stopped in the middle of its request."""
    return Refusal(408, "SI", "The request's body did not come in time.")


def overloaded() -> Refusal:
    """This proxy holds as many requests as it may."""
    return Refusal(503, "UO", "This proxy holds as many requests as it may: come back later.")


def rate_limited(interface: str, limit: int) -> Refusal:
    """An interface has as many requests in flight as it may."""
    return Refusal(429, "RL", f"{interface!r} has its limit of {limit} requests in flight.")


def bad_answer(service: str, why: str) -> Refusal:
    """The upstream answered with something that is not HTTP/1.1."""
    return Refusal(502, "UPE", f"{service!r} sent a broken answer: {why}", "protocol")


def not_served(what: str) -> Refusal:
    """Well-formed, but this proxy does not do it."""
    return Refusal(501, "DPE", f"{what} is not served by this proxy.")
