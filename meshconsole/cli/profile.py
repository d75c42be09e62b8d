"""Which console meshctl speaks to, and with which token: a file that only its owner reads."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


class NoProfile(Exception):
    """meshctl does not know a console yet."""


@dataclass(frozen=True)
class Profile:
    """One console."""

    url: str
    token: str


def folder() -> Path:
    """Where profiles are kept."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "meshctl"


def profile_read() -> Profile:
    """`MESHCTL_URL` and `MESHCTL_TOKEN`, else what `meshctl login` kept; raises NoProfile."""
    url, token = os.environ.get("MESHCTL_URL"), os.environ.get("MESHCTL_TOKEN")
    if url and token:
        return Profile(url.rstrip("/"), token)
    try:
        kept = json.loads((folder() / "profile.json").read_text())
        return Profile(url or kept["url"], token or kept["token"])
    except (OSError, ValueError, KeyError):
        raise NoProfile(
            "No console is known: run `meshctl login URL`, or set MESHCTL_URL and MESHCTL_TOKEN."
        ) from None


def profile_write(profile: Profile) -> Path:
    """Keep a profile, mode 0600."""
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder() / "profile.json"
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(profile), file)
    return draft.replace(path)
