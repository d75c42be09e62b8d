"""Laws of the compiler: order does not matter, differences add up, what is served is sound."""

from __future__ import annotations

import random

import msgspec
from hypothesis import given, settings, strategies as st

from meshconsole.discovery.bundles import Bundle, Resources, bundle_read, push_of
from meshconsole.discovery.compiler import (
    ApplicationFact,
    InstanceFact,
    LinkFact,
    MeshFacts,
    Rendering,
    RouteFact,
    TrustFact,
    compile_revision,
    compile_variants,
    render,
)
from meshconsole.discovery.leases import Leased, reap
from proxy.contract.check import check
from proxy.contract.digest import digest_of_parts
from proxy.contract.snapshot import (
    TLS_MODES,
    Caller,
    HealingMode,
    HealingTerms,
    Inbound,
    Rule,
    Share,
)

APPS = ("gateway", "order", "stock")
GROUPS = ("Group_1", "Group_2", "Group_3")
HEALING_MODES: tuple[HealingMode, ...] = ("off", "report", "weight", "eject")


@st.composite
def meshes(draw: st.DrawFn) -> MeshFacts:
    """Sound meshes: every group that is named exists, every split sums to 100."""
    names = draw(st.lists(st.integers(0, 99), unique=True, max_size=12))
    instances = tuple(
        InstanceFact(
            id=f"i{name}",
            app=draw(st.sampled_from(APPS)),
            unit=draw(st.sampled_from(("unit1", "unit2"))),
            group=draw(st.sampled_from(GROUPS)),
            addr=f"10.0.0.{name}:80",
            serving=draw(st.booleans()),
            links=draw(st.integers(0, 4)) > 0,
            heals=draw(st.integers(0, 4)) > 0,
        )
        for name in names
    )
    routes = tuple(
        RouteFact(app=app, version=draw(st.integers(1, 9)), rules=(draw(rules()),))
        for app in draw(st.lists(st.sampled_from(APPS), unique=True))
    )
    links = tuple(
        draw(link_facts(app, instances))
        for app in draw(st.lists(st.sampled_from(APPS), unique=True))
    )
    root = "-----BEGIN CERTIFICATE-----\n"
    roots = draw(st.lists(st.text("abc", min_size=1), unique=True, max_size=3))
    return MeshFacts(
        revision=draw(st.integers(0, 10**6)),
        applications=tuple(ApplicationFact(name=app, groups=GROUPS) for app in APPS),
        instances=instances,
        routes=routes,
        links=links,
        trust=TrustFact(domain="mesh.local", roots=tuple(root + one for one in roots)),
        healing=tuple(
            HealingTerms(name=app, mode=draw(st.sampled_from(HEALING_MODES)))
            for app in draw(st.lists(st.sampled_from(APPS), unique=True))
        ),
    )


@st.composite
def link_facts(draw: st.DrawFn, app: str, instances: tuple[InstanceFact, ...]) -> LinkFact:
    """How one application's links are to be, also of instances that are not there."""
    names = [one.id for one in instances] + ["gone"]
    callers: list[Caller] = draw(
        st.lists(
            st.builds(Caller, app=st.sampled_from(APPS), unit=st.sampled_from(("", "unit1"))),
            max_size=4,
        )
    )
    enforced: bool = draw(st.booleans())
    return LinkFact(
        app=app,
        mode=draw(st.sampled_from(TLS_MODES)),
        instances=draw(
            st.dictionaries(st.sampled_from(names), st.sampled_from(TLS_MODES), max_size=4)
        ),
        callers=tuple(callers),
        callers_mode="enforce" if callers and enforced else "observe",
    )


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """A split over the groups, in whole percents."""
    first = draw(st.integers(0, 100))
    second = draw(st.integers(0, 100 - first))
    percents = (first, second, 100 - first - second)
    return Rule(
        id="default",
        split=tuple(
            Share(group=group, percent=float(percent))
            for group, percent in zip(GROUPS, percents, strict=True)
        ),
    )


def rendered(facts: MeshFacts) -> dict[str, Rendering]:
    return {key: render(one) for key, one in compile_variants(compile_revision(facts)).items()}


@settings(deadline=None)
@given(meshes(), st.randoms(use_true_random=False))
def test_the_order_of_facts_does_not_matter(facts: MeshFacts, chance: random.Random) -> None:
    shuffled = msgspec.structs.replace(
        facts,
        applications=tuple(chance.sample(facts.applications, len(facts.applications))),
        instances=tuple(chance.sample(facts.instances, len(facts.instances))),
        routes=tuple(chance.sample(facts.routes, len(facts.routes))),
        links=tuple(
            msgspec.structs.replace(
                link,
                callers=tuple(chance.sample(link.callers, len(link.callers))),
                instances=dict(chance.sample(list(link.instances.items()), len(link.instances))),
            )
            for link in chance.sample(facts.links, len(facts.links))
        ),
    )
    assert rendered(shuffled) == rendered(facts)


@settings(deadline=None)
@given(meshes(), st.integers(1, 1000))
def test_a_revision_that_changes_nothing_keeps_every_digest(facts: MeshFacts, later: int) -> None:
    assert rendered(msgspec.structs.replace(facts, revision=later)) == rendered(facts)


@settings(deadline=None)
@given(meshes())
def test_a_sound_mesh_is_served_as_sound_snapshots(facts: MeshFacts) -> None:
    variants = compile_variants(compile_revision(facts))
    assert set(variants) == {f"{one.app}/{one.unit}/{one.cohort}" for one in facts.instances}
    assert all(check(snapshot) == [] for snapshot in variants.values())


@settings(deadline=None)
@given(meshes())
def test_what_an_instance_takes_in_and_what_callers_are_told_of_it_agree(facts: MeshFacts) -> None:
    able = {one.id: one.links for one in facts.instances}
    offers = {"plaintext": "off", "permissive": "off", "preferred": "offered", "strict": "required"}
    for key, snapshot in compile_variants(compile_revision(facts)).items():
        assert key.endswith("/stable") or not snapshot.healing
        if key.endswith("/plain"):
            assert not snapshot.inbound
            assert not snapshot.trust
            continue
        for app, service in snapshot.service.items():
            inbound = snapshot.inbound.get(app, Inbound(name=app))
            assert set(inbound.instances) <= able.keys()
            for one in service.endpoints:
                mode = inbound.mode_of(one.id)
                assert one.tls == (offers[mode] if able[one.id] else "off")


@settings(deadline=None)
@given(meshes())
def test_facts_that_came_through_json_compile_to_the_same_bytes(facts: MeshFacts) -> None:
    again = msgspec.json.decode(msgspec.json.encode(facts), type=MeshFacts)
    assert rendered(again) == rendered(facts)


@settings(max_examples=100, deadline=None)
@given(meshes(), meshes())
def test_a_difference_on_its_base_is_the_whole(before: MeshFacts, after: MeshFacts) -> None:
    old, new = _whole(before), _whole(after)
    push = push_of(new, old, v=1)
    merged: Resources = {kind: dict(named) for kind, named in old.resources.items()}
    for kind, name in push.rm:
        del merged[kind][name]
    for kind, named in push.set.items():
        merged.setdefault(kind, {}).update({name: bytes(raw) for name, raw in named.items()})
    assert digest_of_parts(merged) == new.digest


def _whole(facts: MeshFacts) -> Bundle:
    wide = msgspec.structs.replace(
        facts,
        instances=(
            *facts.instances,
            InstanceFact(id="x", app="order", unit="unit1", group="Group_1", addr="10.1.0.1:80"),
        ),
    )
    rendering = rendered(wide)["order/unit1/stable"]
    return bundle_read(rendering.digest, rendering.data)


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=4), st.sampled_from(APPS), max_size=30),
    st.data(),
)
def test_reaping_never_takes_more_than_half_of_what_is_more_than_one(
    apps: dict[str, str], data: st.DataObject
) -> None:
    leased = {name: Leased(app, 0.0) for name, app in apps.items()}
    alive = data.draw(st.sets(st.sampled_from(sorted(apps)) if apps else st.nothing()))
    verdict = reap(leased, dict.fromkeys(alive, 2000.0), 1000.0)
    for app in APPS:
        size = sum(one == app for one in apps.values())
        gone = sum(apps[name] == app for name in verdict.gone)
        assert gone <= max(1, size / 2)
    assert not alive & set(verdict.gone)
    spared = {name for names in verdict.spared.values() for name in names}
    assert set(verdict.gone) | spared == set(apps) - alive
