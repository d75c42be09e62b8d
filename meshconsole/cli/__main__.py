"""`python -m meshconsole.cli` is `meshctl`."""

from __future__ import annotations

from meshconsole.cli.commands import app

if __name__ == "__main__":
    app(prog_name="meshctl")
