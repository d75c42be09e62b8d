"""Units of another machine, by ssh without a question asked: strict host keys, one fixed command.

The far side's shell gets words that were checked and are quoted; nothing of an order reaches it
unquoted. A connection that was never made did nothing; one that broke may have.
"""

from __future__ import annotations

import re
import shlex

from healer.actuators.commands import Overdue, Ran, Run, run_here
from healer.actuators.names import filled
from healer.actuators.parts import PartsActuator
from healer.actuators.protocol import NotNow, Refused, Target
from healer.actuators.surroundings import Surroundings
from healer.actuators.systemctl import Systemctl
from meshconsole.healing.guards.actuator_settings import SshSettings

CONNECT_SECONDS = 5
_BROKEN = 255
"""ssh's own exit code; any other is the command's."""
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]{0,252}")
_REFUSED = (
    ("host key verification failed", "its host key is not in the file of known_hosts"),
    ("permission denied", "it does not take the user and key of the settings"),
    ("no such identity", "the key cannot be read"),
    ("bad permissions", "the key can be read by others"),
    ("error in libcrypto", "the key is none that ssh reads"),
    ("invalid format", "the key is none that ssh reads"),
)
_UNREACHED = (
    "connection refused", "could not resolve", "no route to host", "network is unreachable",
    "connection timed out", "operation timed out", "kex_exchange_identification", "banner exchange",
)  # fmt: skip


def ssh(settings: SshSettings, around: Surroundings) -> PartsActuator:
    """The actuator of remote units."""

    def place_of(target: Target) -> Systemctl:
        host = _host(settings, target)
        before = ("sudo", "-n") if settings.sudo else ()
        return Systemctl(_runner(settings, around, host), host, before)

    return PartsActuator("ssh", place_of, process=settings.process, sidecar=settings.sidecar)


def _host(settings: SshSettings, target: Target) -> str:
    """The machine of an instance; raises Refused."""
    host = target.handle.get("host") or filled(settings.host, target)
    host = host or target.address.rpartition(":")[0].strip("[]")
    if _HOST.fullmatch(host) is None:
        raise Refused(
            f"{host[:80]!r} cannot be the machine of {target.instance[:80]!r}: set `host` in the "
            "settings of ssh."
        )
    return host


def _runner(settings: SshSettings, around: Surroundings, host: str) -> Run:
    def run(words: tuple[str, ...], seconds: float) -> Ran:
        key, known = around.secret_path(settings.key), around.secret_path(settings.known_hosts)
        command = " ".join(shlex.quote(word) for word in words)
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": f'"{known}"'.replace("%", "%%"),
            "GlobalKnownHostsFile": "none",
            "UpdateHostKeys": "no",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "PreferredAuthentications": "publickey",
            "ClearAllForwardings": "yes",
            "ForwardAgent": "no",
            "PermitLocalCommand": "no",
            "ControlPath": "none",
            "LogLevel": "ERROR",
            "ConnectTimeout": str(max(1, min(CONNECT_SECONDS, int(seconds)))),
            "ServerAliveInterval": "5",
            "ServerAliveCountMax": "2",
        }
        pairs = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        ran = run_here(
            (
                "ssh", "-F", "none", "-T", *pairs, "-i", str(key), "-p", str(settings.port),
                "-l", settings.user, "--", host, command,
            ),
            seconds,
        )  # fmt: skip
        if ran.code == _BROKEN:
            raise _problem(host, ran)
        return ran

    return run


def _problem(host: str, ran: Ran) -> Exception:
    said = ran.err.lower()
    for words, meaning in _REFUSED:
        if words in said:
            return Refused(f"ssh to {host} is refused: {meaning}.")
    if any(words in said for words in _UNREACHED):
        return NotNow(f"ssh does not reach {host}: {ran.said}")
    return Overdue(f"ssh to {host} broke off: {ran.said}")
