"""Mutated requests through a real proxy process: crashes, hangs, errors in its log, ambiguity."""

from __future__ import annotations

import asyncio
import random
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import msgspec
import uvloop

from proxy.aio import spawn
from proxy.http2.frames import SETTINGS
from proxy.sniff import PREFACE
from tests.fuzz.cuts import cut
from tests.fuzz.mutation import mutated
from tests.integration.proxy.corpus.judges import agreed, read
from tests.integration.proxy.http2_raw import frame, headers, number
from tests.integration.proxy.processes import free_port

CALLERS = 64
QUIET_SECONDS = 0.1
"""A caller whose input asks for more bytes gives up after this."""
HANG_SECONDS = 5.0
SAMPLE = 0.01
KEPT_REQUESTS = 200
"""Requests of one connection to the origin; then the origin ends it and its bytes are judged."""
PROBE = b"GET /probe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
PROBE_STREAM = 1001


class Dialect(msgspec.Struct, frozen=True):
    """What callers speak, and what their inputs are made from."""

    speaks: str
    target: str
    first: bytes
    """Said before the input."""
    last: bytes
    """Said after it: one more request."""
    answered: bytes
    """Is in the answer to that; where there is none, the end of the connection tells."""


DIALECTS = {
    "live": Dialect("http1", "requests", b"", PROBE, b""),
    "live-http2": Dialect(
        "http2", "http2-sessions", PREFACE + frame(SETTINGS), headers(PROBE_STREAM),
        number(PROBE_STREAM),
    ),
}  # fmt: skip


class Tally(msgspec.Struct):
    """What came of it; all but the first three have to be 0."""

    sent: int = 0
    reached: int = 0
    refused: int = 0
    ambiguous: int = 0
    hangs: int = 0
    errors_logged: int = 0
    died: int = 0

    @property
    def is_clean(self) -> bool:
        """Did every promise hold?"""
        return not (self.ambiguous or self.hangs or self.errors_logged or self.died)


class Origin:
    """Reads by the letter; answers what it read; keeps the bytes of some connections."""

    def __init__(self, tally: Tally, seed: int) -> None:
        self._tally = tally
        self._rng = random.Random(seed)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rest = kept = b""
        judged = self._rng.random() < SAMPLE
        answered = 0
        try:
            while data := await reader.read(1 << 16):
                kept += data if judged else b""
                asked, rest = read(rest + data)
                for one in asked:
                    answered += 1
                    self._tally.reached += 1
                    last = b"Connection: close\r\n" if answered >= KEPT_REQUESTS else b""
                    writer.write(b"HTTP/1.1 200 OK\r\n%bContent-Length: 0\r\n\r\n" % last)
                    if last or one.method == b"CONNECT":
                        return
            if judged and agreed(kept) is None:
                self._tally.ambiguous += 1
        except ValueError:
            self._tally.ambiguous += 1
        except ConnectionError:
            return
        finally:
            writer.close()


async def _say(port: int, dialect: Dialect, data: bytes, tally: Tally) -> None:
    _, _, parts = cut(data)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = b""
    try:
        for part in (dialect.first, *parts):
            writer.write(part)
            await writer.drain()
        writer.write(dialect.last)
        while True:
            async with asyncio.timeout(QUIET_SECONDS):
                more = await reader.read(1 << 16)
            if not more:
                break
            heard += more
            if dialect.answered and dialect.answered in heard:
                break
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.transport.abort()
    tally.sent += 1
    tally.refused += b"x-mesh-flag: DPE" in heard or b"\x03DPE" in heard


async def _caller(
    port: int, dialect: Dialect, inputs: Iterator[bytes], requests: int, tally: Tally
) -> None:
    while tally.sent < requests:
        began = monotonic()
        try:
            await _say(port, dialect, next(inputs), tally)
        except OSError:
            tally.died += 1
            return
        tally.hangs += monotonic() - began > HANG_SECONDS


async def _run(dialect: Dialect, requests: int, seed: int, folder: Path) -> Tally:
    tally = Tally()
    origin = Origin(tally, seed)
    server = await asyncio.start_server(origin.serve, "127.0.0.1", 0)
    port, log = free_port(), folder / "log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "proxy", "--listen", f"127.0.0.1:{port}",
            "--upstream", f"127.0.0.1:{server.sockets[0].getsockname()[1]}",
            "--protocol", dialect.speaks, "--upstream-protocol", "http1",
            stdout=file, stderr=file,
        )  # fmt: skip
    try:
        await _until_open(port)
        inputs = mutated(dialect.target, seed)
        callers = [
            spawn(_caller(port, dialect, inputs, requests, tally), name="caller")
            for _ in range(CALLERS)
        ]
        await asyncio.gather(*callers)
        tally.died += process.returncode is not None
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        server.close()
    faults = re.findall(
        rb"Traceback.*?\n\S[^\n]*|[^\n]* (?:ERROR|WARNING) [^\n]*", log.read_bytes(), re.S
    )
    tally.errors_logged = len(faults)
    for fault in faults[:3]:
        print(fault.decode(errors="replace"))
    return tally


async def _until_open(port: int) -> None:
    async with asyncio.timeout(15):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


def live(name: str, requests: int, seed: int) -> Tally:
    """Send so many; the same for the same seed."""
    with (
        tempfile.TemporaryDirectory(prefix="mesh-fuzz-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_run(DIALECTS[name], requests, seed, Path(folder)))
