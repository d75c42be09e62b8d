"""Start the healer: `python -m healer` is one worker with its beat."""

from __future__ import annotations

from healer.app import app


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    app.worker_main(
        ["worker", "--loglevel=INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    )


if __name__ == "__main__":
    main()
