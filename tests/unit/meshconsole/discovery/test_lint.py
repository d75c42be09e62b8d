"""What looks wrong has a code, a level, a place and a sentence."""

from __future__ import annotations

import msgspec
import pytest

from meshconsole.discovery.compiler import (
    LinkFact,
    MeshFacts,
    Rendering,
    compile_revision,
    compile_variants,
    render,
)
from meshconsole.discovery.lint import Finding, faults, lint
from proxy.contract.snapshot import Caller
from tests.unit.meshconsole.discovery.test_compiler import a_route, an_instance, facts


def found(given: MeshFacts) -> list[Finding]:
    revision = compile_revision(given)
    snapshots = compile_variants(revision).values()
    return lint(given, revision) + [
        fault for snapshot in snapshots for fault in faults(snapshot, render(snapshot))
    ]


def test_a_sound_mesh_has_no_findings() -> None:
    assert found(facts(an_instance(), routes=(a_route(("Group_1", 100.0)),))) == []


def test_weight_on_an_empty_group_is_a_warning() -> None:
    (finding,) = found(
        facts(an_instance(), routes=(a_route(("Group_1", 60.0), ("Group_2", 40.0)),))
    )
    assert (finding.code, finding.level) == ("MC0101", "warn")
    assert finding.path == "/route/order/rules/0/split/1"
    assert "Group_2" in finding.msg


def test_no_weight_on_an_empty_group_is_nothing() -> None:
    assert (
        found(facts(an_instance(), routes=(a_route(("Group_1", 100.0), ("Group_2", 0.0)),))) == []
    )


@pytest.mark.parametrize(
    ("shares", "code"),
    [
        ((("Group_1", 60.0),), "MC0102"),
        ((("Group_9", 100.0),), "MC0103"),
        ((("Group_1", 200.0), ("Group_2", -100.0)), "MC0107"),
    ],
)
def test_a_route_that_cannot_be_followed_blocks(
    shares: tuple[tuple[str, float], ...], code: str
) -> None:
    findings = found(
        facts(
            an_instance(),
            an_instance("b", group="Group_2", addr="10.0.0.2:80"),
            routes=(a_route(*shares),),
        )
    )
    assert code in {finding.code for finding in findings if finding.level == "block"}


def test_a_route_to_nowhere_blocks() -> None:
    lost = msgspec.structs.replace(a_route(("Group_1", 100.0)), app="stock")
    (finding,) = found(facts(an_instance(), routes=(lost,)))
    assert (finding.code, finding.level) == ("MC0105", "block")


def test_two_instances_at_one_address_are_a_warning() -> None:
    findings = found(facts(an_instance("a"), an_instance("b")))
    assert [(one.code, one.level) for one in findings] == [("MC0104", "warn")] * 2


def test_an_address_that_is_none_blocks() -> None:
    (finding,) = found(facts(an_instance(addr="nowhere")))
    assert (finding.code, finding.level) == ("MC0106", "block")


def test_a_snapshot_that_fits_no_frame_blocks() -> None:
    snapshot = compile_variants(compile_revision(facts(an_instance())))["order/unit1/stable"]
    (finding,) = faults(snapshot, Rendering("0" * 64, b"x" * (4 * 1024 * 1024)))
    assert (finding.code, finding.level) == ("MC0108", "block")


def test_a_list_that_is_enforced_while_plaintext_is_taken_is_warned_of() -> None:
    link = LinkFact(app="order", mode="preferred", callers=(Caller(app="order"),))
    enforced = msgspec.structs.replace(link, callers_mode="enforce")
    strict = msgspec.structs.replace(enforced, mode="strict")
    assert [one.code for one in _linked(enforced)] == ["MC0109"]
    assert [_linked(link), _linked(strict)] == [[], []]


def test_a_caller_that_nobody_knows_is_warned_of() -> None:
    (finding,) = _linked(LinkFact(app="order", callers=(Caller(app="odrer"), Caller(unit="u"))))
    assert (finding.code, finding.path) == ("MC0110", "/inbound/order/callers")


def _linked(link: LinkFact) -> list[Finding]:
    return found(msgspec.structs.replace(facts(an_instance()), links=(link,)))
