"""A head goes to Redis and comes back; none follows a later one."""

from __future__ import annotations

import pytest

from meshconsole.discovery.heads import Head, head_read, head_write
from meshconsole.discovery.lint import Finding


def test_a_head_comes_back_as_it_went() -> None:
    head = Head(
        v=7,
        fence=3,
        variants={"a/u/stable": "d1"},
        findings=(Finding(code="MC0101", level="warn", path="/", msg="m"),),
        blocked=("a/u/stable",),
        at=12.5,
    )
    assert head_read({name: str(value) for name, value in head_write(head).items()}) == head


@pytest.mark.parametrize("fields", [{}, {"v": "1"}, {"v": "x", "fence": "1", "variants": "{}"}])
def test_what_is_no_head_reads_as_none(fields: dict[bytes | str, bytes | str]) -> None:
    assert head_read(fields) is None


@pytest.mark.parametrize(
    ("v", "fence", "follows"),
    [(8, 3, True), (7, 4, True), (8, 4, True), (7, 3, False), (6, 4, False), (9, 2, False)],
)
def test_neither_fence_nor_revision_ever_goes_back(v: int, fence: int, follows: bool) -> None:
    assert Head(v=v, fence=fence).follows(Head(v=7, fence=3)) is follows
