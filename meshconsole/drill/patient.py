"""An instance that is ill until it is restarted: 500 in its first life, 200 in every later one."""

from __future__ import annotations

import argparse
import contextlib
import socket
from pathlib import Path

WAIT_SECONDS = 5.0


def main() -> None:
    """Answer one request after another until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--lives", type=Path, required=True, help="file with a byte for each life")
    args = parser.parse_args()
    with args.lives.open("ab") as lives:
        is_first = lives.tell() == 0
        lives.write(b".")
    answer = b"HTTP/1.1 500 Ill\r\n\r\n" if is_first else b"HTTP/1.1 200 OK\r\n\r\n"
    with socket.create_server(("127.0.0.1", args.port)) as door:
        while True:
            line, _ = door.accept()
            with line, contextlib.suppress(OSError):
                line.settimeout(WAIT_SECONDS)
                if line.recv(4096):
                    line.sendall(answer)


if __name__ == "__main__":
    main()
