"""A case as Markdown: the whole story, readable afterwards without the console."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from meshconsole.core.templatetags.mesh import lasts, millis, percent
from meshconsole.healing.casebook.story import Story
from meshconsole.healing.casebook.timeline import Told
from meshconsole.healing.casebook.words import action_word, state_word
from meshconsole.healing.cases.models import Remediation

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~!])")
_LINES = re.compile(r"[\r\n\t\x00-\x1f\x7f]+")
_GATE_WORDS = {"holds": "holds", "asks": "asks a person", "stops": "stops it"}


def case_markdown(story: Story) -> str:
    """The report of a case, GitHub-flavoured; what others wrote in it cannot become markup."""
    parts = (
        _head, _timeline, _evidence, _samples, _gates, _steps, _around, _changes, _judgement,
    )  # fmt: skip
    return "\n".join("\n".join([*part(story), ""]) for part in parts)


def plain(text: object) -> str:
    """Somebody's words as words: on one line, with nothing that Markdown or HTML would read."""
    return _SPECIAL.sub(r"\\\1", _LINES.sub(" ", str(text)).strip())


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], none: str) -> Iterator[str]:
    """A table, or a sentence when it has no row."""
    listed = list(rows)
    if not listed:
        yield none
        return
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for row in listed:
        yield f"| {' | '.join(row)} |"


def _head(story: Story) -> Iterator[str]:
    case = story.case
    yield f"# Case {case.pk}: {plain(case.instance)} of {plain(case.app)}"
    yield ""
    yield f"**{plain(state_word(case.state)).capitalize()}** after {lasts(story.lasted_seconds)}."
    if case.note:
        yield f"{plain(case.note)}"
    yield ""
    facts = [
        ("Instance", f"{plain(case.instance)} ({plain(case.address or 'address not told')})"),
        ("Application", plain(case.app)),
        ("Unit", plain(case.unit)),
        ("Opened", _clock(case.opened_at)),
        ("Closed", _clock(case.closed_at) if case.closed_at else "still open"),
        ("Outcome", plain(state_word(case.outcome)) if case.outcome else "none yet"),
        ("Failures reported", str(story.evidence.failures)),
        ("Reporters", str(len(story.evidence.lanes) + story.evidence.more)),
        ("Written", _clock(story.told_at)),
    ]
    yield from (f"- {name}: {value}" for name, value in facts)


def _timeline(story: Story) -> Iterator[str]:
    yield "## Timeline"
    yield ""
    rows = [
        [_clock(told.at), plain(told.actor), _moved(told), plain(told.reason)]
        for told in story.entries
    ]
    yield from table(["At (UTC)", "Who", "What", "Why"], rows, "Nothing was written down.")
    yield ""
    yield "How long it was in each state:"
    yield ""
    stays = [[plain(one.state), _clock(one.since), lasts(one.seconds)] for one in story.stays]
    yield from table(["State", "Since (UTC)", "For"], stays, "")


def _moved(told: Told) -> str:
    if not told.has_moved:
        return plain(told.word)
    before, after = state_word(told.before), state_word(told.after)
    return f"{plain(told.word)} ({plain(before)} → {plain(after)})"


def _evidence(story: Story) -> Iterator[str]:
    yield "## Who saw what"
    yield ""
    rows = [
        [
            plain(lane.reporter),
            f"{plain(lane.app)}, {plain(lane.unit)}",
            str(lane.failures),
            str(lane.attempts),
            percent(lane.ratio),
            plain(", ".join(f"{kind} {count}" for kind, count in sorted(lane.errors.items()))),
            "fails" if lane.is_failing else "recovered",
        ]
        for lane in story.evidence.lanes
    ]
    heads = ["Reporter", "Where", "Failures", "Attempts", "Rate", "By class", "Last word"]
    yield from table(heads, rows, "No report of it is kept any more.")
    if story.evidence.more:
        yield ""
        yield f"And {story.evidence.more} reporters more."
    probe = story.case.probe
    if probe:
        yield ""
        found = "found it fine" if probe.get("is_ok") else "failed"
        yield f"The healer's own last probe {found}: {plain(probe.get('detail', ''))}"


def _samples(story: Story) -> Iterator[str]:
    yield "## Samples"
    yield ""
    rows = [
        [
            _clock(one.at),
            plain(one.reporter),
            plain(one.error),
            plain(one.detail) or "–",
            millis(one.elapsed_seconds),
            plain(one.trace_id) or "–",
        ]
        for one in story.evidence.samples
    ]
    heads = ["At (UTC)", "Reporter", "Class", "What", "After", "Trace"]
    yield from table(heads, rows, "No failed request was kept.")


def _gates(story: Story) -> Iterator[str]:
    yield "## Gates"
    yield ""
    rows = [
        [plain(one.title), _GATE_WORDS[one.state], one.value, one.bound, plain(one.reason)]
        for one in story.gates
    ]
    yield from table(["Gate", "", "Value", "Bound", "Why"], rows, "No gate was judged.")


def _steps(story: Story) -> Iterator[str]:
    yield "## What was done"
    yield ""
    preview = story.case.preview or {}
    if preview.get("summary"):
        yield f"Planned: {plain(preview['summary'])}"
        yield ""
    rows = [
        [
            str(one.step),
            plain(action_word(one.action)),
            plain(one.actuator),
            plain(one.state),
            str(one.attempt),
            _clock(one.started_at) if one.started_at else "not begun",
            _clock(one.ended_at) if one.ended_at else "–",
            plain(_told(one)),
        ]
        for one in story.steps
    ]
    heads = ["Step", "Action", "Actuator", "State", "Attempts", "Begun (UTC)", "Ended", "Result"]
    yield from table(heads, rows, "Nothing was done to the instance.")


def _told(step: Remediation) -> str:
    return step.detail or str(step.result.get("detail", "")) or "–"


def _around(story: Story) -> Iterator[str]:
    around = story.around
    yield "## The service around it"
    yield ""
    yield f"{around.left} of {around.total} instances served and were left out by no caller."
    yield ""
    rows = [
        [plain(one.instance), plain(one.unit), plain(", ".join(one.why))]
        for one in around.others_out
    ]
    yield from table(["Also out", "Unit", "Why"], rows, "No other instance was out.")
    yield ""
    callers = [
        [plain(one.reporter_instance), plain(one.mode), plain(one.state), _clock(one.since)]
        for one in around.ejections
    ]
    heads = ["Left out by", "Mode", "State", "Since (UTC)"]
    yield from table(heads, callers, "No caller leaves it out at the time of writing.")


def _changes(story: Story) -> Iterator[str]:
    yield "## Changes nearby"
    yield ""
    rows = [
        [_clock(one.at), plain(one.actor), plain(one.verb), plain(one.object), plain(one.reason)]
        for one in story.around.changes
    ]
    heads = ["At (UTC)", "Who", "What", "Object", "Why"]
    yield from table(heads, rows, "Nothing was changed in the ten minutes before.")


def _judgement(story: Story) -> Iterator[str]:
    case = story.case
    yield "## Judged afterwards"
    yield ""
    if not case.mark:
        yield "Nobody has said yet whether it was right."
        return
    said = f": {plain(case.mark_reason)}" if case.mark_reason else ""
    yield f"{plain(state_word(case.mark)).capitalize()}, by {plain(case.marked_by)}{said}"


def _clock(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
