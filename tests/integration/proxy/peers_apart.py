"""Servers and callers that live in a namespace: `serve KIND NAME HOST:PORT ...` or `ask ...`."""

from __future__ import annotations

import asyncio
import socket
import sys

from proxy.settings import HostPort, host_port

ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}"
PATIENCE_SECONDS = 10.0


async def serve(words: list[str]) -> None:
    """Servers that say their name: `http` when asked, `banner` at once."""
    servers = [
        await _server(kind, name, host_port(place))
        for kind, name, place in zip(words[::3], words[1::3], words[2::3], strict=True)
    ]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def _server(kind: str, name: str, place: HostPort) -> asyncio.Server:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if kind == "http":
                await reader.readuntil(b"\r\n\r\n")
                writer.write(ANSWER.format(len(name), name).encode())
            else:
                writer.write(f"220 {name}\r\n".encode())
                writer.write(await reader.readline())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(speak, place.host, place.port)


def ask(place: HostPort, kind: str, word: str) -> str:
    """`http` asks for a page with this Host; `banner` waits for one, then says the word."""
    with socket.create_connection((place.host, place.port), timeout=PATIENCE_SECONDS) as own:
        if kind == "http":
            own.sendall(f"GET / HTTP/1.1\r\nHost: {word}\r\nConnection: close\r\n\r\n".encode())
            return own.makefile("rb").read().decode().partition("\r\n\r\n")[2].strip()
        lines = own.makefile("rb")
        banner = lines.readline().decode().strip()
        own.sendall(f"{word}\n".encode())
        return f"{banner} / {lines.readline().decode().strip()}"


def main(argv: list[str]) -> None:
    """Do what the words say; answers, and what went wrong instead, one per line."""
    if argv[0] == "serve":
        asyncio.run(serve(argv[1:]))
        return
    times, place, kind, word = argv[1:]
    for _ in range(int(times)):
        try:
            sys.stdout.write(ask(host_port(place), kind, word) + "\n")
        except OSError as error:
            sys.stdout.write(f"{type(error).__name__}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
