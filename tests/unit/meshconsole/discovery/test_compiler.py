"""Facts become services, routes and variants; equal content is made once."""

from __future__ import annotations

import msgspec

from meshconsole.discovery.compiler import (
    ApplicationFact,
    InstanceFact,
    LinkFact,
    MeshFacts,
    RouteFact,
    TrustFact,
    cohort_of,
    compile_revision,
    compile_variants,
    render,
    variant_key,
)
from proxy.contract.codec import decode_snapshot
from proxy.contract.digest import digest_of
from proxy.contract.snapshot import Caller, HealingTerms, Inbound, Rule, Share, Snapshot, Trust


def an_instance(id: str = "order-1", **fields: object) -> InstanceFact:
    given = {"app": "order", "unit": "unit1", "group": "Group_1", "addr": "10.0.0.1:80"} | fields
    return InstanceFact(id=id, **given)  # type: ignore[arg-type]


def facts(*instances: InstanceFact, routes: tuple[RouteFact, ...] = ()) -> MeshFacts:
    return MeshFacts(
        revision=7,
        applications=(ApplicationFact(name="order", groups=("Group_1", "Group_2")),),
        instances=instances,
        routes=routes,
    )


def a_route(*shares: tuple[str, float]) -> RouteFact:
    split = tuple(Share(group=group, percent=percent) for group, percent in shares)
    return RouteFact(app="order", version=3, rules=(Rule(id="default", split=split),))


def test_only_serving_instances_are_endpoints() -> None:
    revision = compile_revision(
        facts(an_instance("b"), an_instance("a"), an_instance("c", serving=False))
    )
    assert [endpoint.id for endpoint in revision.services["order"].endpoints] == ["a", "b"]


def test_a_draining_instance_still_gets_its_configuration() -> None:
    revision = compile_revision(facts(an_instance(serving=False)))
    assert revision.variants == ("order/unit1/stable",)


def test_a_group_without_an_instance_is_still_a_group() -> None:
    revision = compile_revision(facts(an_instance()))
    assert revision.services["order"].groups == ("Group_1", "Group_2")


def test_a_route_keeps_its_version_and_its_rules_order() -> None:
    revision = compile_revision(facts(an_instance(), routes=(a_route(("Group_1", 100.0)),)))
    assert revision.routes["order"].version == 3
    assert revision.v == 7


def test_sidecars_that_are_told_the_same_share_one_snapshot() -> None:
    variants = compile_variants(
        compile_revision(facts(an_instance("a"), an_instance("b", unit="unit2")))
    )
    assert set(variants) == {"order/unit1/stable", "order/unit2/stable"}
    assert len({id(snapshot) for snapshot in variants.values()}) == 1


def test_the_digest_names_the_bytes_as_a_sidecar_reads_them() -> None:
    variants = compile_variants(
        compile_revision(facts(an_instance(), routes=(a_route(("Group_1", 100.0)),)))
    )
    rendering = render(variants["order/unit1/stable"])
    assert digest_of(decode_snapshot(rendering.data)) == rendering.digest


def test_a_default_from_the_database_is_the_same_as_a_default_in_the_code() -> None:
    stored = msgspec.json.decode(
        b'{"name":"order","groups":["Group_1","Group_2"],"balancer":"round_robin",'
        b'"connect_timeout_seconds":1.0,"request_timeout_seconds":15.0,"idle_timeout_seconds":60}',
        type=ApplicationFact,
    )
    from_code = facts(an_instance())
    from_store = msgspec.structs.replace(from_code, applications=(stored,))
    digests = {
        render(compile_variants(compile_revision(one))["order/unit1/stable"]).digest
        for one in (from_code, from_store)
    }
    assert len(digests) == 1


def test_a_variant_is_named_by_application_unit_and_cohort() -> None:
    assert variant_key(app="order", unit="unit1") == "order/unit1/stable"
    assert variant_key(app="order", unit="unit1", cohort="wave-1") == "order/unit1/wave-1"


def linked(*instances: InstanceFact, trust: TrustFact | None = None, **link: object) -> MeshFacts:
    links = (LinkFact(app="order", **link),)  # type: ignore[arg-type]
    return msgspec.structs.replace(facts(*instances), links=links, trust=trust)


def compiled(given: MeshFacts, key: str = "order/unit1/stable") -> Snapshot:
    return compile_variants(compile_revision(given))[key]


def test_an_endpoint_says_tls_to_callers_only_from_preferred_on() -> None:
    modes = {"a": "plaintext", "b": "permissive", "c": "preferred", "d": "strict"}
    snapshot = compiled(linked(*(an_instance(name) for name in modes), instances=modes))
    offers = {one.id: one.tls for one in snapshot.service["order"].endpoints}
    assert offers == {"a": "off", "b": "off", "c": "offered", "d": "required"}


def test_an_instance_that_cannot_speak_tls_is_never_said_to() -> None:
    snapshot = compiled(linked(an_instance("a"), an_instance("b", links=False), mode="strict"))
    assert [one.tls for one in snapshot.service["order"].endpoints] == ["required", "off"]


def test_inbound_names_only_instances_that_differ_from_their_application() -> None:
    given = linked(
        an_instance("a"),
        an_instance("b"),
        mode="preferred",
        instances={"a": "permissive", "b": "preferred", "gone": "strict"},
        callers=(Caller(app="web"), Caller(app="gateway"), Caller(app="web")),
        callers_mode="observe",
    )
    assert compiled(given).inbound == {
        "order": Inbound(
            name="order",
            mode="preferred",
            instances={"a": "permissive"},
            callers=(Caller(app="gateway"), Caller(app="web")),
            callers_mode="observe",
        )
    }


def test_a_policy_that_says_what_is_so_anyway_leaves_no_trace() -> None:
    plain = rendered_as("order/unit1/stable", facts(an_instance()))
    said = linked(an_instance(), instances={"order-1": "plaintext"})
    assert rendered_as("order/unit1/stable", said) == plain


def test_trust_is_told_with_its_roots_in_the_order_given() -> None:
    trust = TrustFact(domain="mesh.local", roots=("new", "old"), issuer="ab12")
    assert compiled(linked(an_instance(), trust=trust)).trust == {
        "mesh": Trust(name="mesh", domain="mesh.local", roots=("new", "old"), issuer="ab12")
    }
    assert compiled(linked(an_instance(), trust=TrustFact(domain="mesh.local"))).trust == {}


def test_a_sidecar_that_does_not_know_the_kinds_is_not_sent_them() -> None:
    trust = TrustFact(domain="mesh.local", roots=("root",), issuer="ab12")
    given = linked(an_instance("a"), an_instance("b", links=False), mode="preferred", trust=trust)
    old, new = compiled(given, "order/unit1/plain"), compiled(given)
    assert (old.inbound, old.trust) == ({}, {})
    assert (bool(new.inbound), bool(new.trust)) == (True, True)
    assert old.service == new.service


def test_both_cohorts_share_one_snapshot_while_there_is_nothing_to_encrypt() -> None:
    given = facts(an_instance("a"), an_instance("b", links=False))
    assert len({id(one) for one in compile_variants(compile_revision(given)).values()}) == 1


def test_a_cohort_follows_from_what_a_sidecar_says_it_knows() -> None:
    assert cohort_of(("healing", "inbound", "route", "service", "trust")) == "stable"
    assert cohort_of(("inbound", "route", "service", "trust")) == "linked"
    assert cohort_of(("route", "service", "trust")) == cohort_of(()) == "plain"


def healed(*terms: HealingTerms, instances: tuple[InstanceFact, ...]) -> MeshFacts:
    return msgspec.structs.replace(facts(*instances), healing=terms)


def test_terms_of_healing_are_told_to_who_knows_them_and_of_applications_that_differ() -> None:
    eject = HealingTerms(name="order", mode="eject")
    given = healed(
        eject,
        HealingTerms(name="gone", mode="eject"),
        instances=(an_instance("a"), an_instance("b", heals=False), an_instance("c", links=False)),
    )
    assert compiled(given).healing == {"order": eject}
    assert compiled(given, "order/unit1/linked").healing == {}
    assert compiled(given, "order/unit1/plain").healing == {}
    usual = healed(HealingTerms(name="order"), instances=(an_instance(),))
    assert compiled(usual).healing == {}


def rendered_as(key: str, given: MeshFacts) -> str:
    return render(compiled(given, key)).digest
