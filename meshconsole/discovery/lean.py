"""Equal values as equal bytes: what is left at its default is written by nobody."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar, cast

import msgspec

T = TypeVar("T")


def lean_of(value: T) -> T:
    """The same value with the defaults' own objects where it equals them.

    The encoder leaves a default out when it is that very object; an equal one that came from the
    database would be written, and equal meshes would have different digests.
    """
    lean: Any = value
    if isinstance(value, msgspec.Struct):
        defaults = _defaults(type(value))
        given = {name: getattr(value, name) for name in value.__struct_fields__}
        kept = {n: lean_of(v) for n, v in given.items() if n not in defaults or v != defaults[n]}
        lean = type(value)(**kept)
    elif isinstance(value, tuple):
        lean = tuple(lean_of(one) for one in value)
    elif isinstance(value, dict):
        lean = {name: lean_of(one) for name, one in value.items()}
    return cast("T", lean)


@cache
def _defaults(shape: type[msgspec.Struct]) -> dict[str, Any]:
    return {
        field.name: field.default
        for field in msgspec.structs.fields(shape)
        if field.default is not msgspec.NODEFAULT
    }
