"""The gRPC service: conversations on streams, over a Unix socket that only its owner may open."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from envoy.service.discovery.v3 import discovery_pb2
from envoy.service.secret.v3 import sds_pb2_grpc

from proxy.aio import cancelled, spawn
from proxy.sds.conversation import Answer, Conversation, DeltaConversation, TooManyNames
from proxy.sds.secrets import Certificate, Secret, Secrets
from proxy.settings import InvalidSettings

logger = logging.getLogger(__name__)

TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
STREAMS_LIMIT = 1024
GRACE_SECONDS = 2.0
_MESSAGE_BYTES = 64 * 1024


class Shelf:
    """The secrets in force, and who waits for the next ones."""

    def __init__(self) -> None:
        self.secrets: Secrets = {}
        self._streams: set[asyncio.Event] = set()

    def put(self, secrets: Secrets) -> None:
        """Put secrets in force and tell every stream."""
        self.secrets = secrets
        for changed in self._streams:
            changed.set()

    @contextlib.contextmanager
    def listening(self) -> Any:
        """An event that is set at every change, while a stream is open; raises ConnectionError when
        there are too many."""
        if len(self._streams) >= STREAMS_LIMIT:
            raise ConnectionError(f"At most {STREAMS_LIMIT} streams are served here.")
        changed = asyncio.Event()
        self._streams.add(changed)
        try:
            yield changed
        finally:
            self._streams.discard(changed)


class Service(sds_pb2_grpc.SecretDiscoveryServiceServicer):  # type: ignore[misc]
    """Both dialects, and a single question."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def StreamSecrets(self, requests: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """State of the world."""
        talk = Conversation()

        def heard(request: Any) -> None:
            talk.asked(request.resource_names, request.response_nonce, _error(request))

        async for answer in self._talk(requests, context, heard, talk):
            yield discovery_pb2.DiscoveryResponse(
                version_info=answer.version,
                type_url=TYPE,
                nonce=answer.nonce,
                resources=[_packed(one) for one in answer.secrets],
            )

    async def DeltaSecrets(self, requests: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """Only what has changed."""
        talk = DeltaConversation()

        def heard(request: Any) -> None:
            talk.asked(
                request.resource_names_subscribe,
                request.resource_names_unsubscribe,
                has=request.initial_resource_versions,
                nonce=request.response_nonce,
                error=_error(request),
            )

        async for answer in self._talk(requests, context, heard, talk):
            yield discovery_pb2.DeltaDiscoveryResponse(
                system_version_info=answer.version,
                type_url=TYPE,
                nonce=answer.nonce,
                resources=[
                    discovery_pb2.Resource(
                        name=one.name, version=one.version, resource=_packed(one)
                    )
                    for one in answer.secrets
                ],
                removed_resources=answer.removed,
            )

    async def FetchSecrets(self, request: Any, context: Any) -> Any:  # noqa: N802
        """What there is under the names now."""
        talk = Conversation()
        talk.asked(request.resource_names, "")
        answer = talk.due(self._shelf.secrets) or Answer("", "", ())
        return discovery_pb2.DiscoveryResponse(
            version_info=answer.version,
            type_url=TYPE,
            resources=[_packed(one) for one in answer.secrets],
        )

    async def _talk(
        self,
        requests: Any,
        context: Any,
        heard: Callable[[Any], None],
        talk: Conversation | DeltaConversation,
    ) -> AsyncIterator[Answer]:
        """Answers as they are due, until the peer ends the stream."""
        with self._shelf.listening() as changed:
            reading = spawn(_read(requests, heard, talk, changed), name="sds-read")
            try:
                while True:
                    answer = talk.due(self._shelf.secrets)
                    if answer is not None:
                        yield answer
                        continue
                    if reading.done():
                        break
                    await changed.wait()
                    changed.clear()
            finally:
                await cancelled(reading)
        refusal = reading.exception() if not reading.cancelled() else None
        if isinstance(refusal, TooManyNames):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(refusal))


async def _read(
    requests: Any,
    heard: Callable[[Any], None],
    talk: Conversation | DeltaConversation,
    changed: asyncio.Event,
) -> None:
    try:
        async for request in requests:
            if request.type_url not in ("", TYPE):
                raise TooManyNames(f"Only secrets are served here, not {request.type_url[:200]}.")
            heard(request)
            if talk.refused:
                logger.warning("a proxy refused its secrets: %s", talk.refused[:300])
            changed.set()
    finally:
        changed.set()


def _error(request: Any) -> str:
    said: str = request.error_detail.message if request.HasField("error_detail") else ""
    return said or ("It did not say why." if request.HasField("error_detail") else "")


def _packed(secret: Secret) -> Any:
    made = secret_pb2.Secret(name=secret.name)
    content = secret.content
    if isinstance(content, Certificate):
        made.tls_certificate.certificate_chain.inline_bytes = content.chain
        made.tls_certificate.private_key.inline_bytes = content.key
    else:
        made.validation_context.trusted_ca.inline_bytes = content.pem
    packed = discovery_pb2.Resource().resource
    packed.Pack(made)
    return packed


async def opened(place: Path, shelf: Shelf) -> Any:
    """A server at a Unix socket of mode 0600, at an absolute path; raises InvalidSettings."""
    _make_way(place)
    server = grpc.aio.server(
        maximum_concurrent_rpcs=STREAMS_LIMIT,
        options=[("grpc.max_receive_message_length", _MESSAGE_BYTES)],
    )
    sds_pb2_grpc.add_SecretDiscoveryServiceServicer_to_server(Service(shelf), server)
    before = os.umask(0o177)
    try:
        server.add_insecure_port(f"unix:{place}")
        await server.start()
    except RuntimeError as error:
        raise InvalidSettings(f"Cannot listen at {place}: {error}.") from None
    finally:
        os.umask(before)
    return server


def _make_way(place: Path) -> None:
    """Remove what a process that is gone left behind, and nothing else."""
    if not place.parent.is_dir():
        raise InvalidSettings(f"--socket {place}: there is no folder {place.parent}; make it.")
    try:
        if not stat.S_ISSOCK(place.stat().st_mode):
            raise InvalidSettings(f"--socket {place} is a file: name a place for a new socket.")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(place))
        except OSError:
            place.unlink(missing_ok=True)
            return
    raise InvalidSettings(f"--socket {place}: another process listens there; stop it first.")
