"""Input is bounded before it is believed: size, depth, and no numbers that are not numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

DEPTH_LIMIT = 32


class BoundedJSONParser(JSONParser):
    """JSON, at most DEPTH_LIMIT deep, without NaN, infinities, lone surrogates or NUL."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Read the body; raises ParseError with a sentence."""
        return self.value_of(stream.read())

    def value_of(self, raw: bytes) -> Any:
        """What a body says; raises ParseError."""
        try:
            value = json.loads(raw.decode("utf-8"), parse_constant=_refused)
            check_depth(value)
            raw_text = json.dumps(value, ensure_ascii=False)
            raw_text.encode("utf-8")
        except RecursionError:
            raise ParseError(f"The JSON is nested more than {DEPTH_LIMIT} deep.") from None
        except (UnicodeError, ValueError) as error:
            raise ParseError(f"The body is not JSON: {error}.") from None
        if "\\u0000" in raw_text or "\x00" in raw_text:
            raise ParseError("The body has a NUL character, which no name or text may have.")
        return value


def check_depth(value: Any, limit: int = DEPTH_LIMIT) -> None:
    """Raise ValueError when lists and maps are nested deeper than `limit`."""
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    if not any(isinstance(inner, dict | list) for inner in level):
        return
    raise ValueError(f"it is nested more than {limit} deep")


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
