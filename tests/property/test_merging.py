"""Whatever comes, is sent and is receipted in whatever order: no count is lost, or told twice."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from hypothesis import given, strategies as st

from proxy.contract.reports import AnomalyReport, Subject
from proxy.merging import EACH_KIND_LIMIT, kind_of
from proxy.outbox import Outbox

Step = tuple[Literal["say", "send"], int, bool]
steps = st.lists(
    st.tuples(st.sampled_from(["say", "say", "say", "send"]), st.integers(0, 2), st.booleans()),
    max_size=60,
)


def event(at: int, subject: int, failing: bool) -> AnomalyReport:
    return AnomalyReport(
        id=f"e{at}",
        subject=Subject(instance=f"s{subject}", address="", app="stock", unit="unit1"),
        phase="failing" if failing else "recovered",
        rule="error_rate",
        window_start=float(at),
        window_end=at + 1.0,
        n=at + 1,
        errors={"5xx": 1} if failing else {},
    )


@given(steps)
def test_failures_are_told_once_and_what_was_sent_stays_as_it_was(given_steps: list[Step]) -> None:
    outbox = Outbox()
    heard: dict[str, AnomalyReport] = {}
    failures = sent = 0
    for at, (what, subject, failing) in enumerate(given_steps):
        if what == "say":
            failures += failing
            outbox.add(at, at + 1, events=[event(at, subject, failing)], is_own=True)
        elif (report := outbox.after(sent)) is not None:
            sent = report.seq
            heard |= {one.id: one for one in report.events}
    waiting = {one.id: one for one in outbox.events()}
    assert {id: waiting[id] for id in heard} == heard
    assert sum(one.errors.get("5xx", 0) for one in waiting.values()) == failures


@given(steps)
def test_failures_are_never_lost_and_what_waits_is_bounded(given_steps: list[Step]) -> None:
    outbox = Outbox()
    failures = 0
    for at, (_, subject, failing) in enumerate(given_steps):
        failures += failing
        outbox.add(at, at + 1, events=[event(at, subject, failing)], is_own=True)
    kept = outbox.events()
    assert sum(one.errors.get("5xx", 0) for one in kept) == failures
    assert len({one.id for one in kept}) == len(kept)
    assert max(Counter(map(kind_of, kept)).values(), default=0) <= EACH_KIND_LIMIT + 1


@given(steps)
def test_the_last_word_on_each_fault_is_the_last_that_was_said(given_steps: list[Step]) -> None:
    outbox = Outbox()
    last: dict[str, str] = {}
    for at, (_, subject, failing) in enumerate(given_steps):
        one = event(at, subject, failing)
        last[one.subject.instance] = one.phase
        outbox.add(at, at + 1, events=[one], is_own=True)
    told = {one.subject.instance: one.phase for one in outbox.events()}
    assert told == last
