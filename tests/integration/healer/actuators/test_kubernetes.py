"""Pods are evicted or removed once, each by its uid, within budgets and rights, or it is said."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import msgspec
import pytest

from healer.actuators.kubernetes import KubernetesActuator, Pod as Seen
from healer.actuators.protocol import (
    Action,
    Actuator,
    AmbiguousResult,
    NotNow,
    Order,
    Refused,
    Target,
)
from healer.actuators.registry import build
from healer.actuators.surroundings import Surroundings
from tests.harness.cluster import BUDGET, TOKEN, Cluster, Pod
from tests.harness.peer import Said, peer

CREATED = 1772359200.0


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(shop_1=Pod(uid="u1"), shop_2=Pod(uid="u2", owner="ReplicaSet/shop-7d"))


@pytest.fixture
def port(cluster: Cluster) -> Iterator[int]:
    with peer(cluster) as made:
        yield made


def made(folder: Path, port: int, **settings: object) -> Actuator:
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)
    whole: dict[str, object] = {
        "namespace": "shop", "url": f"http://127.0.0.1:{port}", "token": "token",
    }  # fmt: skip
    around = Surroundings(secrets=folder, networks=(ip_network("127.0.0.0/8"),))
    return build("kubernetes", whole | settings, around)


@pytest.fixture
def hands(tmp_path: Path, port: int) -> Actuator:
    return made(tmp_path, port)


def order(
    action: Action = "restart_host", *, pod: str = "shop-1", before: str = "", at: float = 0.0
) -> Order:
    target = Target(instance=pod, app="shop", unit="unit1")
    return Order(
        target=target, action=action, key="case-7.1", fence=1, before=before, ordered_at=at
    )


def prepared(hands: Actuator, action: Action = "restart_host", pod: str = "shop-1") -> Order:
    given = order(action, pod=pod)
    return order(action, pod=pod, before=hands.dry_run(given).before)


def test_a_pod_is_evicted_once_and_its_successor_is_let_alone(
    cluster: Cluster, hands: Actuator
) -> None:
    given = prepared(hands)
    assert hands.status(given).state == "unknown"
    assert hands.execute(given).state == "running"
    assert hands.execute(given).state == "running"
    cluster.settle()
    assert hands.status(given).state == "done"
    assert hands.execute(given).state == "done"
    assert cluster.ended == ["u1"]


def test_a_late_order_is_refused_by_the_server_for_the_pod_that_came_after(
    cluster: Cluster, hands: Actuator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own look is stale: only the uid in the request keeps the successor alive."""
    given = prepared(hands)
    cluster.pods["shop-1"] = Pod(uid="u9")
    stale = Seen(uid="u1", controller="x/y", is_ready=True, is_ending=False, created_at=CREATED)
    monkeypatch.setattr(KubernetesActuator, "_look", lambda self, order, seconds: stale)
    hands.execute(given)
    hands.execute(msgspec.structs.replace(given, action="remove"))
    assert cluster.ended == []
    assert cluster.pods["shop-1"].labels["meshconsole.io/serving"] == "yes"


def test_a_successor_counts_when_it_is_ready(cluster: Cluster, hands: Actuator) -> None:
    given = prepared(hands)
    cluster.pods["shop-1"] = Pod(uid="u9", is_ready=False)
    assert hands.status(given).state == "running"
    cluster.pods["shop-1"].is_ready = True
    assert hands.status(given).state == "done"


def test_a_removal_takes_the_pod_out_of_its_selectors_first(
    cluster: Cluster, hands: Actuator
) -> None:
    given = prepared(hands, "remove", "shop-2")
    assert hands.execute(given).state == "running"
    pod = cluster.pods["shop-2"]
    assert pod.labels["meshconsole.io/serving"] == "no"
    assert pod.annotations == {"meshconsole.io/order": "case-7.1"}
    cluster.settle()
    status = hands.status(given)
    assert (status.state, status.replacement) == ("done", "requested")


def test_a_removal_killed_after_the_cordon_is_gone_on_with(
    cluster: Cluster, hands: Actuator
) -> None:
    given = prepared(hands, "remove", "shop-2")
    cluster.pods["shop-2"].labels = {"meshconsole.io/serving": "no"}
    cluster.pods["shop-2"].owner = ""  # its replica set let it go
    assert hands.status(given).state == "unknown"
    hands.execute(given)
    cluster.settle()
    assert hands.status(given).replacement == "requested"
    assert cluster.ended == ["u2"]


def test_a_disruption_budget_is_heeded_and_said(cluster: Cluster, hands: Actuator) -> None:
    given = prepared(hands)
    cluster.budget = 0
    with pytest.raises(NotNow, match="allows no disruption now: Cannot evict pod") as refused:
        hands.execute(given)
    assert refused.value.retry_seconds == 7
    assert BUDGET.rstrip(".") in str(refused.value)
    assert cluster.ended == []


def test_a_deletion_heeds_no_budget(cluster: Cluster, tmp_path: Path, port: int) -> None:
    hands = made(tmp_path, port, way="delete")
    cluster.budget = 0
    assert hands.execute(prepared(hands)).state == "running"
    assert cluster.ended == ["u1"]


def test_a_dry_run_asks_the_cluster_what_it_allows_and_changes_nothing(
    cluster: Cluster, hands: Actuator
) -> None:
    assert hands.dry_run(order("remove")).ok
    cluster.rights.discard(("create", "pods/eviction"))
    found = hands.dry_run(order())
    assert found.detail == "The cluster does not allow us to create pods/eviction."
    assert cluster.ended == []
    assert not any("PATCH" in asked or "eviction" in asked for asked in cluster.asked)


def test_what_is_forbidden_is_said_as_the_cluster_says_it(
    cluster: Cluster, hands: Actuator
) -> None:
    given = prepared(hands)
    cluster.rights.clear()
    with pytest.raises(Refused, match='refuses this: pods "shop-1" is forbidden'):
        hands.execute(given)


def test_a_pod_that_nobody_would_make_again_is_not_evicted(
    cluster: Cluster, hands: Actuator
) -> None:
    cluster.pods["shop-1"].owner = ""
    found = hands.dry_run(order())
    assert "nobody: it would not be made again" in found.detail
    with pytest.raises(Refused, match="Nobody would make pod shop-1 again"):
        hands.execute(order(before=found.before))


def test_without_an_answer_it_may_have_been_done_and_the_status_tells(
    cluster: Cluster, hands: Actuator
) -> None:
    given = prepared(hands)
    cluster.answer = Said(0)
    with pytest.raises(AmbiguousResult, match="gave no whole answer"):
        hands.execute(given)
    assert hands.status(given).state == "running"
    assert cluster.ended == ["u1"]


def test_a_page_that_is_not_there_is_no_pod_that_is_gone(hands: Actuator, tmp_path: Path) -> None:
    """A proxy's 404 has no Status in it."""
    given = prepared(hands)
    with peer(lambda asked: Said(404, b"not found")) as port, pytest.raises(Refused, match="404"):
        made(tmp_path, port).status(given)


def test_what_nobody_noted_before_is_told_by_the_time_of_the_order(hands: Actuator) -> None:
    assert hands.status(order(at=CREATED + 1)).state == "unknown"
    assert hands.status(order(at=CREATED - 1)).state == "done"
    with pytest.raises(AmbiguousResult, match="decide by hand"):
        hands.status(order())
    with pytest.raises(Refused, match="There is no pod shop-9"):
        hands.status(order(pod="shop-9"))


def test_a_token_it_does_not_take_is_said_and_not_told(hands: Actuator, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("another-token")
    found = hands.dry_run(order())
    assert found.detail == "The Kubernetes API does not take the token of the settings."


def test_a_single_container_is_not_restarted_by_this_api(hands: Actuator) -> None:
    with pytest.raises(Refused, match="cannot restart process with its settings"):
        hands.execute(order("restart_process"))


def test_outside_of_a_cluster_it_says_what_to_set(tmp_path: Path) -> None:
    hands = build("kubernetes", {"namespace": "shop"}, Surroundings(secrets=tmp_path))
    assert "runs in no cluster" in hands.dry_run(order()).detail
