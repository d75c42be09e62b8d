"""Being a member of the mesh: joined once by a token, and again by a new one when it is needed."""

from __future__ import annotations

import hashlib
import logging
import secrets
from pathlib import Path

from proxy import __version__
from proxy.contract.identity import Node
from proxy.contract.snapshot import KINDS
from proxy.encryption.holder import Holder
from proxy.encryption.identity import Identity, utc_now
from proxy.enrolment import EnrolmentFailed, Token, enrol, token_of
from proxy.settings import MeshSettings

logger = logging.getLogger(__name__)


class Membership:
    """Cares for the identity. It joins when there is none, when it has expired, or when the console
    does not take it and the token file holds a token that was not tried yet."""

    def __init__(
        self, doors: tuple[str, ...], token_file: Path | None, node: Node, holder: Holder
    ) -> None:
        self._doors = doors
        self._token_file = token_file
        self._node = node
        self._turn = 0
        self._spent = ""
        self._tried = ""
        self._doubted = False
        self._holder = holder

    @property
    def identity(self) -> Identity | None:
        """The identity in force; whoever changes it changes it for all of the process."""
        return self._holder.identity

    @identity.setter
    def identity(self, identity: Identity) -> None:
        self._holder.certify(identity)

    def accepted(self) -> None:
        """The console took the identity."""
        self._doubted = False

    def doubted(self) -> None:
        """The console ended a stream before it said a word, or is of another authority."""
        self._doubted = True

    def may_join_anew(self) -> bool:
        """Is a token here that was not tried, and a reason to try it?"""
        if not self._needs_another():
            return False
        try:
            return _mark(self._token()) != self._tried
        except EnrolmentFailed:
            return False

    async def proven(self) -> Identity:
        """An identity that a peer can accept; raises EnrolmentFailed with what to do."""
        if self.identity is not None and not self._needs_another():
            return self.identity
        usable = self.identity is not None and not self.identity.expired(utc_now())
        try:
            return await self._join()
        except EnrolmentFailed:
            if usable and self.identity is not None:
                return self.identity
            raise

    def _needs_another(self) -> bool:
        return self.identity is None or self._doubted or self.identity.expired(utc_now())

    async def _join(self) -> Identity:
        token = self._token()
        self._tried = _mark(token)
        door = self._doors[self._turn % len(self._doors)]
        try:
            identity = self.identity = await enrol(door, token, self._node)
        except EnrolmentFailed as error:
            self._turn += 1
            if error.final:
                self._spent = _mark(token)
            raise
        self._spent = _mark(token)
        self._doubted = False
        logger.info("Joined the mesh as %s.", identity.who.uri)
        return identity

    def _token(self) -> Token:
        if self._token_file is None or not self._doors:
            raise EnrolmentFailed(
                "There is no certificate and no way to get one: give --enrol and --join-token-file."
            )
        token = token_of(self._token_file)
        if _mark(token) == self._spent:
            raise EnrolmentFailed(
                f"The join token in {self._token_file} was used or refused already: "
                "put a new one there. Traffic goes on meanwhile."
            )
        return token


def _mark(token: Token) -> str:
    return hashlib.sha256(token.text.encode()).hexdigest()


def node_of(settings: MeshSettings) -> Node:
    """How this process presents itself; the boot id is new each time."""
    return Node(
        id=settings.instance,
        app=settings.app,
        unit=settings.unit,
        group=settings.group,
        addr=settings.address,
        boot_id=secrets.token_hex(8),
        version=__version__,
        interfaces=settings.interfaces,
        caps=tuple(sorted(KINDS)),
    )
