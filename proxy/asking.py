"""`python -m proxy explain`: ask a running proxy what it would do with a request, and why."""

from __future__ import annotations

import argparse
import sys
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote

from proxy.settings import InvalidSettings, host_port

PATIENCE_SECONDS = 10.0


def main(argv: list[str]) -> int:
    """Print the answer; the exit status is 0 when there is one."""
    parser = argparse.ArgumentParser(
        prog="python -m proxy explain",
        description="Ask a running proxy what it would do with a request, and why; nothing is "
        "sent on and nothing is counted. The same with curl: curl --data-binary @head.txt "
        "'http://127.0.0.1:9901/explain?listener=outbound'.",
    )
    parser.add_argument("request", metavar="'GET /x'", help="method and target")
    parser.add_argument("--admin", metavar="H:P", required=True, help="the proxy's own --admin")
    parser.add_argument("--listener", metavar="NAME", default="", help="such as outbound")
    parser.add_argument("-H", "--header", metavar="'host: order'", action="append", default=[])
    given = parser.parse_args(argv)
    head = "\n".join([f"{given.request} HTTP/1.1", *given.header])
    try:
        place = host_port(given.admin)
        status, answer = _ask(place.host, place.port, given.listener, head.encode("latin-1"))
    except (InvalidSettings, OSError, HTTPException, UnicodeError) as error:
        sys.stderr.write(f"proxy: cannot ask {given.admin}: {error}\n")
        return 1
    (sys.stdout if status == 200 else sys.stderr).write(answer)
    return int(status != 200)


def _ask(host: str, port: int, listener: str, head: bytes) -> tuple[int, str]:
    connection = HTTPConnection(host, port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("POST", f"/explain?listener={quote(listener)}", head)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
