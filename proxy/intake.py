"""The configuration in force and what each push does to it: the thin shell of `configuration`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from proxy.configuration import Held, Refusal, applied, whole
from proxy.contract import codec
from proxy.contract.session import Ack, Gauges, Have, Nack, Push
from proxy.contract.snapshot import MESH
from proxy.current import Current
from proxy.store import SnapshotStore
from proxy.writer import LatestWriter

logger = logging.getLogger(__name__)


class Intake:
    """Takes pushes; one assignment puts a good one in force, a bad one changes nothing."""

    def __init__(
        self, current: Current, store: SnapshotStore, gauges: Callable[[], Gauges]
    ) -> None:
        self._current = current
        self._store = store
        self._gauges = gauges
        self._writer: LatestWriter[Held] = LatestWriter(store.save, name="keep snapshot")
        self.held: Held | None = None
        self.error = ""
        """Why the last push was refused; empty when it was not."""
        self.keeps = True
        """Does this process keep the snapshot on disk? Not once another one does."""
        self.in_step: Callable[[], Awaitable[object]] | None = None
        """Waits until every worker has what is in force here."""

    @property
    def have(self) -> Have | None:
        """What to tell the console on hello."""
        return None if self.held is None else Have(self.held.v, self.held.digest)

    @property
    def signs(self) -> tuple[str, int]:
        """Which root signs leaves, as the snapshot says, and how many endpoints it names."""
        snapshot = self._current.snapshot
        trust = snapshot.trust.get(MESH)
        endpoints = sum(len(service.endpoints) for service in snapshot.service.values())
        return (trust.issuer if trust is not None else ""), endpoints

    def whole(self) -> bytes:
        """What is in force as a whole push; empty for nothing."""
        return b"" if self.held is None else codec.encode(whole(self.held))

    def adopt(self, said: bytes) -> None:
        """Put what another process had in force in force here, if it is newer."""
        try:
            push = codec.decode_from_console(said)
        except codec.InvalidFrame as error:
            logger.warning("The snapshot that was passed on is left aside: %s", error)
            return
        found = applied(push, self.held) if isinstance(push, Push) else None
        if isinstance(found, Held):
            self._put_in_force(found)
            logger.info("Serving revision %d as before.", found.v)

    def keep(self) -> None:
        """Write what is in force to disk soon."""
        self.keeps = True
        if self.held is not None:
            self._writer.put(self.held)

    def restore(self) -> None:
        """Put the snapshot on disk in force, if there is one and nothing newer."""
        found = self._store.held()
        if found is not None and self.held is None:
            self._put_in_force(found)
            logger.info("Serving revision %d from disk.", found.v)

    def take(self, push: Push) -> Ack | Nack:
        """Apply a push; the answer to send back."""
        found = applied(push, self.held)
        if isinstance(found, Refusal):
            self.error = f"Revision {push.v} was refused at {found.path}: {found.msg}"
            logger.warning("%s", self.error)
            return Nack(
                nonce=push.nonce,
                v_kept=self._kept(),
                path=found.path,
                code=found.code,
                msg=found.msg,
            )
        self._put_in_force(found)
        if self.keeps:
            self._writer.put(found)
        self.error = ""
        return Ack(
            nonce=push.nonce,
            v=found.v,
            digest=found.digest,
            state="active",
            gauges=self._gauges(),
        )

    async def taken(self, push: Push) -> Ack | Nack:
        """The same, once it is in force in every process."""
        answer = self.take(push)
        if self.in_step is not None:
            await self.in_step()
        return answer

    def refuse(self, nonce: str, code: str, msg: str) -> Nack:
        """The answer to a push that could not even be read."""
        self.error = f"A push could not be read: {msg[:300]}"
        return Nack(nonce=nonce, v_kept=self._kept(), path="", code=code, msg=msg[:500])

    async def settled(self, timeout: float) -> None:
        """Wait until the newest snapshot is on disk, `timeout` seconds at most."""
        await self._writer.settled(timeout)

    def _kept(self) -> int:
        return self.held.v if self.held is not None else 0

    def _put_in_force(self, held: Held) -> None:
        self._current.swap(held.snapshot, held.v, held.digest)
        self.held = held
