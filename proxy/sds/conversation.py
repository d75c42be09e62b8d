"""One stream of either dialect without a socket: what was asked, what was said, what is due.

State of the world: an answer says every secret that is asked for, and an answer to it that repeats
its nonce is an ack, or with an error a nack. Delta: an answer says what has changed. In both a nack
is not answered again until there is something else to say, and an answer with an earlier nonce has
crossed ours and says nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from proxy.sds.secrets import Secret, Secrets

NAMES_LIMIT = 64
"""Names that one stream may ask for; there are four to be had."""


class TooManyNames(ValueError):
    """A stream asks for more names than there can be."""


class Answer(msgspec.Struct, frozen=True):
    """What to send: secrets, and names that there is nothing under (delta only)."""

    version: str
    nonce: str
    secrets: tuple[Secret, ...]
    removed: tuple[str, ...] = ()


class Conversation:
    """State of the world."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._said: dict[str, str] = {}
        """Version by name, as last said."""
        self._count = 0
        self.refused = ""
        """The peer's words about our last answer, if it did not take it."""

    def asked(self, names: Iterable[str], nonce: str, error: str = "") -> None:
        """A request came: the first, an ack, a nack, or a change of names. Raises TooManyNames."""
        if nonce and nonce != str(self._count):
            return
        wanted = tuple(dict.fromkeys(names))
        if len(wanted) > NAMES_LIMIT:
            raise TooManyNames(f"A stream asks for {NAMES_LIMIT} names at most.")
        self.refused = error
        for name in set(wanted) - set(self._names):
            self._said.pop(name, None)
        self._names = wanted

    def due(self, secrets: Secrets) -> Answer | None:
        """What to say now; None for nothing. Names under which there is nothing are waited for."""
        found = [secrets[name] for name in self._names if name in secrets]
        if all(self._said.get(one.name) == one.version for one in found):
            return None
        self._count += 1
        self._said = {one.name: one.version for one in found}
        return Answer("-".join(dict.fromkeys(self._said.values())), str(self._count), tuple(found))


class DeltaConversation:
    """Only what has changed."""

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}
        """Names that are asked for: the version the peer has, empty when it has none and waits,
        None when it was told that there is nothing."""
        self._count = 0
        self.refused = ""

    def asked(
        self,
        subscribe: Iterable[str] = (),
        unsubscribe: Iterable[str] = (),
        *,
        has: Mapping[str, str] | None = None,
        nonce: str = "",
        error: str = "",
    ) -> None:
        """A request came; `has` is what the peer kept of an earlier stream. Raises TooManyNames."""
        for name in subscribe:
            self._known[name] = (has or {}).get(name, "")
        for name in unsubscribe:
            self._known.pop(name, None)
        if len(self._known) > NAMES_LIMIT:
            raise TooManyNames(f"A stream asks for {NAMES_LIMIT} names at most.")
        if nonce == str(self._count):
            self.refused = error

    def due(self, secrets: Secrets) -> Answer | None:
        """What to say now; None for nothing. Before there is any secret nothing is said."""
        if not secrets:
            return None
        changed = tuple(
            secrets[name]
            for name, version in self._known.items()
            if name in secrets and secrets[name].version != version
        )
        removed = tuple(
            name
            for name, version in self._known.items()
            if name not in secrets and version is not None
        )
        if not changed and not removed:
            return None
        self._known.update({one.name: one.version for one in changed})
        self._known.update(dict.fromkeys(removed))
        self._count += 1
        version = "-".join(dict.fromkeys(one.version for one in changed))
        return Answer(version, str(self._count), changed, removed)
