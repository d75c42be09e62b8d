"""`python -m proxy.workers FD`: be the worker at the other end of this socket."""

from __future__ import annotations

import sys

from proxy.compiled import use_compiled


def start(fd: int) -> int:
    """The worker's exit status."""
    use_compiled()
    from proxy.workers.worker import main

    return main(fd)


if __name__ == "__main__":
    raise SystemExit(start(int(sys.argv[1])))
