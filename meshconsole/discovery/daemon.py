"""One shard's process: doors, tasks, and an orderly end."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import secrets
import socket
import sys
from contextlib import AbstractAsyncContextManager, suppress

from django.conf import settings
from django.db import Error as DatabaseError
from websockets.asyncio.server import Server, serve
from websockets.typing import Subprotocol

from meshconsole.core import redis as core_redis, revision
from meshconsole.discovery import keys
from meshconsole.discovery.enrol import FRAME_LIMIT_BYTES as JOIN_LIMIT_BYTES, EnrolDoor
from meshconsole.discovery.leader import Leader
from meshconsole.discovery.renewals import Renewals
from meshconsole.discovery.shard import Shard
from meshconsole.discovery.tls import Doors
from meshconsole.discovery.watch import listen
from meshconsole.telemetry.services import WindowStore
from proxy.aio import cancelled, spawn
from proxy.contract.session import CHANNEL, ENROLMENT, FRAME_LIMIT_BYTES

logger = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 10.0
_BACKLOG = 1024
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_MMAP_THRESHOLD_BYTES = 128 * 1024
Door = AbstractAsyncContextManager[Server]


def spare_memory() -> None:
    """Give every large buffer pages of its own, returned when it is freed.

    uvloop reserves 256 KiB per TLS connection and uses a page or two of it. The C library raises
    its threshold for separate mappings when the first such buffer is freed; later ones then lie on
    a heap of used pages and count in full: 100 kB per connection more.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
        libc.mallopt(_M_ARENA_MAX, 2)


async def run(
    *, host: str, port: int, enrol_port: int, supervised: bool, stop: asyncio.Event
) -> bool:
    """Serve until `stop` is set; False when a part of the process failed and it must start anew."""
    shard_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    redis = core_redis.async_client(text=False)
    shard = Shard(
        shard_id,
        trust_domain=settings.MESH_TRUST_DOMAIN,
        redis=redis,
        windows=WindowStore(shard_id),
    )
    leader = Leader(shard_id, redis, shard.counts)
    doors = Doors(sorted({"localhost", "127.0.0.1", host}))
    renewals = Renewals(doors)
    tasks = [*shard.start(), spawn(_watch_parent(supervised, stop), name="discovery-parent")]
    try:
        if not await renewals.first(stop):
            return stop.is_set()
        async with (
            _channel(shard, doors, host, port),
            _enrolment(EnrolDoor(shard.counts, lambda: doors.roots), doors, host, enrol_port),
        ):
            subscriber = core_redis.async_client(text=False, wait_forever=True)

            def changed() -> None:
                leader.hint()
                renewals.hint()

            calls = {keys.HEAD: shard.watch.wake, revision.CHANNEL: changed}
            tasks += [
                spawn(leader.run(), name="discovery-leader"),
                spawn(listen(subscriber, calls), name="discovery-listen"),
                spawn(renewals.run(), name="discovery-renewals"),
            ]
            logger.info("discovery serves", extra={"shard": shard_id, "port": port})
            whole = await _until_stopped(tasks, stop)
            await shard.farewell()
            return whole
    finally:
        for task in tasks:
            await cancelled(task)
        shard.desk.close()
        await _released(leader)
        await core_redis.async_close()


async def _until_stopped(tasks: list[asyncio.Task[None]], stop: asyncio.Event) -> bool:
    """Wait for the end; a part that ends by itself is a fault, and half a daemon serves nobody."""
    stopped = spawn(stop.wait(), name="discovery-stop")
    ended, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    await cancelled(stopped)
    if stop.is_set():
        return True
    logger.critical("a part ended", extra={"parts": [task.get_name() for task in ended]})
    return False


def _channel(shard: Shard, doors: Doors, host: str, port: int) -> Door:
    return serve(
        shard.serve,
        host,
        port,
        ssl=doors.channel,
        subprotocols=[Subprotocol(CHANNEL)],
        compression=None,
        max_size=FRAME_LIMIT_BYTES,
        max_queue=2,
        ping_interval=None,
        open_timeout=HANDSHAKE_SECONDS,
        close_timeout=2,
        server_header=None,
        logger=_quiet(),
        reuse_port=True,
        backlog=_BACKLOG,
        ssl_handshake_timeout=HANDSHAKE_SECONDS,
    )


def _enrolment(door: EnrolDoor, doors: Doors, host: str, port: int) -> Door:
    return serve(
        door.serve,
        host,
        port,
        ssl=doors.enrolment,
        subprotocols=[Subprotocol(ENROLMENT)],
        process_response=door.with_roots,
        compression=None,
        max_size=JOIN_LIMIT_BYTES,
        max_queue=1,
        ping_interval=None,
        open_timeout=HANDSHAKE_SECONDS,
        close_timeout=2,
        server_header=None,
        logger=_quiet(),
        reuse_port=True,
        backlog=_BACKLOG,
        ssl_handshake_timeout=HANDSHAKE_SECONDS,
    )


def _quiet() -> logging.Logger:
    """Every scanner's broken handshake would be an error with a traceback; we count instead."""
    made = logging.getLogger("meshconsole.discovery.websockets")
    made.setLevel(logging.CRITICAL)
    return made


async def _released(leader: Leader) -> None:
    try:
        await leader.release()
    except (DatabaseError, TimeoutError) as error:
        logger.warning("the lease runs out by itself", extra={"error": str(error)})


async def _watch_parent(supervised: bool, stop: asyncio.Event) -> None:
    """A supervised shard ends with its parent: the pipe on standard input closes."""
    if not supervised:
        await stop.wait()
        return
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    stop.set()
