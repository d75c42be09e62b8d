"""A console to speak to for one command, and its refusals as one sentence and exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from meshconsole.cli.client import Console, Refused
from meshconsole.cli.profile import NoProfile, Profile, profile_read


@contextmanager
def spoken_to(profile: Profile | None = None) -> Iterator[Console]:
    """The console of this profile, or of the one that is kept."""
    console = Console(profile or profile_read())
    try:
        yield console
    finally:
        console.close()


@contextmanager
def told() -> Iterator[None]:
    """What goes wrong is said on standard error."""
    try:
        yield
    except (Refused, NoProfile, OSError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
