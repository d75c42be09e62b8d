"""An answer that was cut under TLS is never passed on as a whole one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from proxy.dialling import ByFiles
from proxy.encryption.contexts import server_context
from proxy.settings import TlsFiles
from tests.integration.proxy.pki import Pki, pki
from tests.integration.proxy.rig import LOOPBACK, read_head, relay, run

__all__ = ["pki"]
ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def _files(pki: Pki, name: str) -> TlsFiles:
    cert, key, ca = (Path(part) for part in pki.flag(name).split(","))
    return TlsFiles(cert, key, ca)


@pytest.mark.parametrize("says_goodbye", [True, False])
def test_an_answer_until_the_end_needs_the_end_that_tls_signs(pki: Pki, says_goodbye: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nten bytes.")
        await writer.drain()
        if says_goodbye:
            writer.close()
        else:
            writer.transport.abort()

    async def scene() -> None:
        tls = server_context(_files(pki, "origin"))
        server = await asyncio.start_server(serve, LOOPBACK, 0, ssl=tls)
        async with server, relay(server.sockets[0].getsockname()[1]) as stage:
            stage.listener.pools.dialler = ByFiles(_files(pki, "caller"))
            reader, writer = await stage.dial()
            writer.write(ASK)
            heard = b""
            try:
                while not heard.endswith(b"0\r\n\r\n"):
                    more = await reader.read(1 << 16)
                    assert more, "the connection ended as if all was said"
                    heard += more
                assert says_goodbye
            except ConnectionResetError:
                assert not says_goodbye
            assert heard.startswith(b"HTTP/1.1 200 OK")
            writer.close()

    run(scene())
