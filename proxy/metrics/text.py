"""Prometheus's text format 0.0.4: families of samples, whatever their labels hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float]
"""Suffix of the name, labels, value."""


class Family(NamedTuple):
    """The samples of one name."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    samples: Iterable[Sample]


def text_of(families: Iterable[Family]) -> str:
    """The page; a family without samples is left out."""
    return "".join(f"{line}\n" for family in families for line in _lines(family))


def one(value: float) -> list[Sample]:
    """The sample of a name that has no labels."""
    return [("", {}, value)]


def security(tls: object) -> str:
    """The label `connection_security`, as Istio says it."""
    return "mutual_tls" if tls else "none"


def _lines(family: Family) -> Iterator[str]:
    said = False
    for suffix, labels, value in family.samples:
        if not said:
            said = True
            yield f"# HELP {family.name} {family.text}"
            yield f"# TYPE {family.name} {family.kind}"
        inner = ",".join(f'{name}="{_escaped(label)}"' for name, label in labels.items())
        yield (
            f"{family.name}{suffix}{{{inner}}} {_number(value)}"
            if inner
            else (f"{family.name}{suffix} {_number(value)}")
        )


def _number(value: float) -> str:
    """Whole numbers keep every digit: a counter of bytes has more than six."""
    return str(int(value)) if value == int(value) else repr(float(value))


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
