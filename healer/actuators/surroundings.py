"""What the healer's own machine gives its actuators: secrets by name, sockets, allowed networks."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
from django.conf import settings

from healer.actuators.protocol import Refused
from meshconsole.core.addresses import Network, networks_of

SECRET_LIMIT_BYTES = 64 * 1024


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """The environment's part of every actuator; rows name nothing of it but secrets."""

    secrets: Path
    """Folder of files that settings name."""
    networks: tuple[Network, ...] = ()
    """Where webhook, kubernetes and supervisor addresses may lie beside the public ones."""
    process_socket: Path | None = None
    docker_socket: Path = Path("/var/run/docker.sock")
    supervisor_socket: Path | None = None
    cluster: str = ""
    """`https://host:port` of the Kubernetes API whose pod this healer is; empty outside of one."""
    service_account: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    """`token` and `ca.crt` of that pod."""

    @classmethod
    def configured(cls) -> Surroundings:
        """As the console's settings say."""
        return cls(
            secrets=settings.MESH_ACTUATOR_SECRETS,
            networks=networks_of(settings.MESH_ACTUATOR_NETWORKS),
            process_socket=settings.MESH_PROCESS_SOCKET,
            docker_socket=settings.MESH_DOCKER_SOCKET,
            supervisor_socket=settings.MESH_SUPERVISOR_SOCKET,
            cluster=_cluster(),
        )

    def secret_path(self, name: str) -> Path:
        """The file of a secret that only its owner can read; raises Refused with what to do."""
        path = self.secrets / name
        where = f"the file {name} in the healer's folder of secrets (MESH_ACTUATOR_SECRETS)"
        try:
            about = path.stat()
        except OSError:
            raise Refused(f"A secret is missing: put it into {where}.") from None
        inside = path.resolve().is_relative_to(self.secrets.resolve())
        if not stat.S_ISREG(about.st_mode) or not inside:
            raise Refused(f"A secret is no file of its own: put a regular file at {where}.")
        if about.st_uid not in (os.geteuid(), 0) or about.st_mode & 0o077:
            raise Refused(f"A secret can be read by others: chown and chmod 600 {where}.")
        return path

    def secret(self, name: str) -> str:
        """What the file holds, without the line end; raises Refused."""
        path = self.secret_path(name)
        if path.stat().st_size > SECRET_LIMIT_BYTES:
            raise Refused(f"The secret {name} is larger than {SECRET_LIMIT_BYTES} bytes.")
        text = path.read_text(errors="replace").strip()
        if not text:
            raise Refused(f"The secret {name} is empty: write it into its file.")
        return text


def _cluster() -> str:
    """As the kubelet tells every pod."""
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}" if host else ""
