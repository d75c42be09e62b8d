"""The settings document of each actuator, checked where it is stored and where it is used; pure.

A document holds names and never a secret or a path: secrets and keys are named, and lie as files of
that name in the healer's folder of secrets; sockets of the healer's own machine are named by its
environment. So whoever may write settings can point the healer at no file of its machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

_PLACES = re.compile(r"\{(instance|app|unit)\}")
_PATTERN = r"^[A-Za-z0-9_{][A-Za-z0-9_.@:{}\\-]*\Z"
_SECRET = r"^([A-Za-z0-9][A-Za-z0-9_.-]{0,63})?\Z"  # noqa: S105 - the shape of a file's name

Pattern = Annotated[str, msgspec.Meta(pattern=_PATTERN, max_length=200)]
"""A name with `{instance}`, `{app}` or `{unit}` in it."""
SecretName = Annotated[str, msgspec.Meta(pattern=_SECRET)]
"""A file in the healer's folder of secrets; empty is none."""
Seconds = Annotated[int, msgspec.Meta(ge=1, le=300)]


class SettingsWrong(ValueError):
    """The document is not one of that actuator; the text says what to write."""


class ProcessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The demo's own supervisor: nothing to set."""


class SystemdSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units of the machine the healer runs on."""

    process: Pattern
    """Such as `shop@{instance}.service`."""
    sidecar: Pattern | None = None


class SupervisorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Programs of a supervisord."""

    process: Pattern = "{instance}"
    sidecar: Pattern | None = None
    url: str = ""
    """`http://` or `https://host:port/RPC2`; empty is the socket of MESH_SUPERVISOR_SOCKET."""
    user: str = ""
    password: SecretName = ""
    ca: SecretName = ""


class DockerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Containers of the engine at MESH_DOCKER_SOCKET."""

    process: Pattern = "{instance}"
    sidecar: Pattern | None = None
    stop_seconds: Seconds = 10
    """Between its stop signal and its end by force."""


class KubernetesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pods of one namespace; without `url` of the cluster that the healer runs in."""

    namespace: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")]
    pod: Pattern = "{instance}"
    way: Literal["evict", "delete"] = "evict"
    """An eviction heeds disruption budgets; a deletion does not."""
    cordon_label: Annotated[
        str, msgspec.Meta(pattern=r"^[A-Za-z0-9]([A-Za-z0-9./-]{0,120}[A-Za-z0-9])?\Z")
    ] = "meshconsole.io/serving"
    """Set to `no` before a removal. Where services and replica sets select it, the pod leaves both
    and its successor is made before it ends."""
    grace_seconds: Seconds = 30
    url: str = ""
    token: SecretName = ""
    ca: SecretName = ""


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service of one's own that is asked by signed requests."""

    url: Annotated[str, msgspec.Meta(max_length=500)]
    secret: Annotated[str, msgspec.Meta(pattern=_SECRET, min_length=1)]
    """Signs the requests (HMAC-SHA-256)."""
    ca: SecretName = ""
    actions: tuple[Literal["restart_sidecar", "restart_process", "restart_host", "remove"], ...] = (
        "restart_sidecar",
        "restart_process",
        "restart_host",
        "remove",
    )


class SshSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units of another machine, by its sshd."""

    user: Annotated[str, msgspec.Meta(pattern=r"^[a-z_][a-z0-9_-]{0,31}\Z")]
    key: Annotated[str, msgspec.Meta(pattern=_SECRET, min_length=1)]
    """The private key."""
    known_hosts: Annotated[str, msgspec.Meta(pattern=_SECRET, min_length=1)]
    """The host keys to believe, and no others."""
    process: Pattern
    sidecar: Pattern | None = None
    host: Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9{][A-Za-z0-9.:{}-]*)?\Z")] = ""
    """Empty is the host of the instance's address."""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 22
    sudo: bool = False
    """Run `sudo -n systemctl` where the user may not manage units itself."""


Settings = (
    ProcessSettings
    | SystemdSettings
    | SupervisorSettings
    | DockerSettings
    | KubernetesSettings
    | WebhookSettings
    | SshSettings
)

KINDS: dict[str, type[Settings]] = {
    "process": ProcessSettings,
    "systemd": SystemdSettings,
    "supervisor": SupervisorSettings,
    "docker": DockerSettings,
    "kubernetes": KubernetesSettings,
    "webhook": WebhookSettings,
    "ssh": SshSettings,
}


def settings_parse(name: str, document: Mapping[str, object]) -> Settings:
    """The settings of actuator `name`; raises SettingsWrong with a sentence."""
    kind = KINDS.get(name)
    if kind is None:
        raise SettingsWrong(f"There is no actuator {name!r}: choose one of {', '.join(KINDS)}.")
    try:
        made = msgspec.convert(dict(document), kind)
    except msgspec.ValidationError as error:
        raise SettingsWrong(f"The settings of actuator {name} do not fit: {_said(error)}") from None
    for field in ("process", "sidecar", "pod", "host"):
        _pattern_check(name, field, getattr(made, field, None))
    if url := getattr(made, "url", ""):
        _url_check(name, url)
    return made


def _said(error: msgspec.ValidationError) -> str:
    """The decoder's words with the field first: `process` is missing, and the like."""
    text = str(error)
    found = re.fullmatch(r"(?s)(.*) - at `\$\.(.*)`", text)
    return f"{found[2]}: {found[1]}." if found else f"{text}."


def _pattern_check(name: str, field: str, pattern: str | None) -> None:
    if pattern and re.search(r"[{}]", _PLACES.sub("", pattern)):
        raise SettingsWrong(
            f"The settings of actuator {name} do not fit: {field} may hold {{instance}}, {{app}} "
            f"and {{unit}}, and no other braces."
        )


def _url_check(name: str, url: str) -> None:
    found = re.fullmatch(r"https?://([^/?#\s@\\]+)(/[^?#\s\\]*)?", url)
    if found is None:
        raise SettingsWrong(
            f"The settings of actuator {name} do not fit: url is https://host:port/path, without "
            "user, password, question mark or fragment."
        )
