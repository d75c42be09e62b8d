"""Runs one replay from its row to what it found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from healer.casework.terms import terms_of
from healer.policy.parameters import Mode, Policy, policy_of
from healer.policy.score import outcome, score_of
from healer.replay.detecting import judged_again
from healer.replay.reading import Read, read
from healer.replay.rerunning import Rerun
from healer.replay.traffic import traffic_judged
from meshconsole.healing.guards.selectors import Effective, policies_of
from meshconsole.healing.replays.shapes import Found, Judged
from meshconsole.inventory.models import Application
from proxy.contract.snapshot import HealingTerms


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """What is tried: a mode and the numbers that differ from those in force."""

    mode: Mode
    numbers: Mapping[str, float] = {}
    ejection: Mapping[str, float] = {}


RECENT = timedelta(minutes=5)
"""A period that ended longer ago says nothing of the traffic that is kept."""
APPLICATIONS_LIMIT = 200
_AS_IT_IS = Candidate(mode="auto")


def replayed(
    candidate: Candidate, *, begins_at: datetime, ends_at: datetime, application: str, now: datetime
) -> Found:
    """What the candidate would have done with the cases of a period."""
    evidence = read(begins_at, ends_at, application, now)
    effective = _effective(evidence)
    policies = {app: candidate_policy(one, candidate) for app, one in effective.items()}
    rerun = Rerun(evidence.stories, evidence.words, policies, evidence.around)
    fates = rerun.run()
    terms = {app: candidate_terms(one, candidate) for app, one in effective.items()}
    minutes: tuple[Judged, ...] = ()
    if now - ends_at < RECENT:
        minutes = _traffic(candidate, application, now)
    return Found(
        cases=tuple(fates),
        judged=judged_again(evidence.windows, terms),
        minutes=minutes,
        was=dict(Counter(fate.was for fate in fates)),
        then=dict(Counter(fate.then for fate in fates)),
        was_score=score_of(outcome(fate.was, fate.mark) for fate in fates),
        then_score=score_of(outcome(fate.then, fate.mark) for fate in fates),
        decisions=rerun.decisions,
        is_cut=evidence.is_cut or rerun.is_cut,
    )


def candidate_policy(effective: Effective, candidate: Candidate) -> Policy:
    """The policy in force with the candidate's numbers and mode."""
    return policy_of({**effective.numbers, **candidate.numbers}, mode=candidate.mode)


def candidate_terms(effective: Effective, candidate: Candidate) -> HealingTerms:
    """The terms of callers in force with the candidate's numbers; a mode that only reports is
    replayed too, since what it would have done is asked."""
    numbers = {**effective.ejection, **candidate.ejection}
    known = {name: numbers[name] for name in HealingTerms.__struct_fields__ if name in numbers}
    named = {**known, "name": effective.application, "mode": "eject"}
    return msgspec.convert(named, HealingTerms, strict=False)


def _traffic(candidate: Candidate, application: str, now: datetime) -> tuple[Judged, ...]:
    names = Application.objects.order_by("name").values_list("name", flat=True)
    names = names.filter(name=application) if application else names
    effective = policies_of(names[:APPLICATIONS_LIMIT])
    return traffic_judged(
        {app: candidate_terms(one, _AS_IT_IS) for app, one in effective.items()},
        {app: candidate_terms(one, candidate) for app, one in effective.items()},
        now,
    )


def _effective(evidence: Read) -> dict[str, Effective]:
    return {app: terms_of(app)[1] for app in sorted(_apps(evidence))}


def _apps(evidence: Read) -> set[str]:
    stories: Iterable[str] = (story.facts.subject.app for story in evidence.stories)
    return {*stories, *(window.app for window in evidence.windows)}
