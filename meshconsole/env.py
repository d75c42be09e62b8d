"""What the surroundings say: every MESH_ variable, typed, and the secrets in the state folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_SECRET_BYTES = 48


class Environment(BaseSettings):
    """Settings from the environment; a wrong value stops the process with its name."""

    model_config = SettingsConfigDict(env_prefix="MESH_", extra="ignore")

    state_dir: Path = Path(".meshconsole")
    """Folder of everything that this console keeps on disk; made with mode 0700."""
    database_url: str = ""
    """`postgres://user:password@host:port/name`; empty is SQLite in the state folder."""
    redis_url: str = ""
    """`redis://` or `unix://`; empty is the socket of the Redis in the state folder."""
    secret_key: SecretStr | None = None
    """Signs sessions; without it and without the file one is made in the state folder."""
    secret_key_file: Path | None = None
    kek_file: Path | None = None
    """Key-encryption key of the authority; made in the state folder when not given."""
    debug: bool = False
    allowed_hosts: str = "localhost,127.0.0.1,[::1]"
    """Host names this console answers to, separated by commas."""
    trusted_origins: str = ""
    """Origins such as `https://mesh.example.com` that may post to this console, by commas."""
    trusted_proxy: bool = False
    """Believe `X-Forwarded-Proto` and `X-Forwarded-For` of the proxy in front."""
    trust_domain: str = "mesh.local"
    signer: Literal["local", "file", "vault"] = "local"
    """What makes the next generation of the authority."""
    authority_file: Path | None = None
    """PEM file of the `file` signer: private key, its certificate, and the chain to the root."""
    vault_address: str = ""
    """`https://host:port` of the `vault` signer."""
    vault_mount: str = "pki"
    vault_role: str = "mesh"
    vault_namespace: str = ""
    vault_token_file: Path = Path("/run/secrets/vault-token")
    """Read again for every certificate."""
    vault_ca_file: Path | None = None
    """Whom to believe that it is Vault; the system's roots without it."""
    discovery_host: str = "127.0.0.1"
    discovery_port: int = Field(default=9443, ge=0, le=65535)
    enrol_port: int = Field(default=9444, ge=0, le=65535)
    secure_cookies: bool = False
    """Set when people reach the console by https: Secure cookies, HSTS, redirect to https."""
    sidecar_actuator: str = ""
    """The name of what replaces sidecars when a rollout of their version asks; empty is nothing."""
    actuator_secrets: Path | None = None
    """Folder of the healer's secrets, which actuators' settings name; `actuators` in the state
    folder when not given."""
    actuator_networks: str = ""
    """Networks such as `10.0.0.0/8`, by commas, where actuators may call beside public addresses;
    plain http only where `127.0.0.0/8` is one of them, and only there."""
    process_socket: Path | None = None
    """Control socket of the demo's supervisor."""
    docker_socket: Path = Path("/var/run/docker.sock")
    supervisor_socket: Path | None = None
    """Control socket of a supervisord on the healer's machine."""
    heal_scale: float = Field(default=1.0, ge=0.001, le=10)
    """Of the healer's waits, for drills: cooldown, drain, return. Evidence is as old as it is."""
    public_url: str = ""
    """`https://mesh.example.com`, where people reach this console; notices link to it."""
    notice_networks: str = ""
    """Networks by commas where notices may be sent beside public addresses; plain http only where
    `127.0.0.0/8` is one of them, and only there."""
    smtp_host: str = ""
    """The mail server of notices; empty sends no mail."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password_file: Path | None = None
    smtp_from: str = ""
    """Sender of notices, such as `mesh@example.com`."""
    demo: bool = False
    """Set by the demo: pages say that this mesh is one."""
    log_level: str = "INFO"

    def state_folder(self) -> Path:
        """The state folder, made private on first use."""
        folder = self.state_dir.absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def secret_key_value(self) -> str:
        """The signing secret: from the variable, the named file, or made once and kept 0600."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        if self.secret_key_file is not None:
            return self.secret_key_file.read_text().strip()
        return secret_kept(self.state_folder() / "secret.key")

    def kek_path(self) -> Path:
        """Where the key-encryption key is."""
        return self.kek_file or self.state_folder() / "kek.key"

    def actuator_secrets_path(self) -> Path:
        """Where the healer's secrets are."""
        return self.actuator_secrets or self.state_folder() / "actuators"

    def redis_address(self) -> str:
        """The URL of Redis."""
        return self.redis_url or f"unix://{self.state_folder() / 'redis.sock'}"


def secret_kept(path: Path) -> str:
    """The secret in a file of mode 0600, made on first use; two processes get the same one."""
    if path.exists():
        return path.read_text().strip()
    made = secrets.token_urlsafe(_SECRET_BYTES)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(made)
        path.hardlink_to(draft)
    except FileExistsError:
        return path.read_text().strip()
    finally:
        draft.unlink(missing_ok=True)
    return made


def private_file(path: Path) -> Path:
    """The same path, with a file there that only its owner can read.

    The database holds sessions, and the folder may have been made by somebody less careful; SQLite
    gives the files beside it the mode of the first.
    """
    path.touch(mode=0o600)
    if path.stat().st_uid == os.geteuid():
        path.chmod(0o600)
    return path


def names(text: str) -> list[str]:
    """Comma-separated names as a list."""
    return [name.strip() for name in text.split(",") if name.strip()]


def postgres(url: str) -> dict[str, Any]:
    """Django's settings of a PostgreSQL URL; raises ValueError for another scheme."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ValueError("MESH_DATABASE_URL begins with postgres:// (or leave it out for SQLite).")
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or ""),
        # Under ASGI each request has its own thread, whose connection nobody would use again.
        "CONN_MAX_AGE": 0,
        "OPTIONS": options,
    }


def sqlite(path: Path) -> dict[str, Any]:
    """Django's settings of an SQLite file that several processes write."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                "PRAGMA busy_timeout=20000;PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
                "PRAGMA journal_size_limit=67108864;PRAGMA cache_size=-16000"
            ),
        },
        "TEST": {"NAME": path.with_name("test.sqlite3")},
    }
