"""Facts become services, routes and variants; equal content is made once."""

from __future__ import annotations

import msgspec

from meshconsole.discovery.compiler import (
    ApplicationFact,
    InstanceFact,
    MeshFacts,
    RouteFact,
    compile_revision,
    compile_variants,
    render,
    variant_key,
)
from proxy.contract.codec import decode_snapshot
from proxy.contract.digest import digest_of
from proxy.contract.snapshot import Rule, Share


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
