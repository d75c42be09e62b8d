"""One target under atheris, which looks for inputs that reach new code: `python -m
tests.fuzz.guided TARGET FOLDER SECONDS`. The folder keeps the inputs that did."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

with atheris.instrument_imports(include=["proxy"]):
    from tests.fuzz.mutation import LENGTH_LIMIT, pieces, seeds
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Never returns: the engine ends the process, with a status that says whether a law broke."""
    target, folder, seconds = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    inputs, words = folder / target, folder / f"{target}.words"
    inputs.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (inputs / f"seed-{number}").write_bytes(b"\0" + seed)
    words.write_text("".join(f'"{_quoted(piece)}"\n' for piece in pieces(target)))
    arguments = [
        sys.argv[0], str(inputs), f"-max_total_time={seconds}", f"-max_len={LENGTH_LIMIT}",
        f"-dict={words}", f"-artifact_prefix={folder}/{target}-", "-timeout=5",
        "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup(arguments, TARGETS[target])
    atheris.Fuzz()


def _quoted(piece: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in piece)


if __name__ == "__main__":
    main()
