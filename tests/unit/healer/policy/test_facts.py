"""Facts are kept with a case, to be shown and replayed: they survive JSON."""

from __future__ import annotations

import msgspec

from healer.policy.facts import CaseFacts, MeshFacts, OutFact, ReporterFact, Subject


def test_facts_come_back_from_json_as_they_were() -> None:
    case = CaseFacts(
        case="7",
        state="cooling",
        since=100.0,
        subject=Subject(instance="shop-1", app="shop"),
        reports=(ReporterFact(reporter="front-1", weight=0.5),),
    )
    mesh = MeshFacts(out=(OutFact(case="7", instance="shop-1", app="shop", unit=""),))
    assert msgspec.json.decode(msgspec.json.encode(case), type=CaseFacts) == case
    assert msgspec.json.decode(msgspec.json.encode(mesh), type=MeshFacts) == mesh


def test_what_is_not_known_is_not_good_news() -> None:
    case = CaseFacts(case="7", state="cooling", since=0, subject=Subject(instance="a", app="b"))
    assert case.newest_evidence_age_seconds is None
    assert case.probe is None
    assert case.drain is None
