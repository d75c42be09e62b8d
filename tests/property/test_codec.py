"""Laws of the contract over generated values: what is said is what is heard, and one content has
one digest however it is written."""

from __future__ import annotations

import contextlib
import json
import random

import msgspec
from hypothesis import given, settings, strategies as st

from proxy.configuration import Held, Refusal, applied, whole
from proxy.contract import codec
from proxy.contract.digest import canonical, canonical_raw, digest_of, digest_of_parts
from proxy.contract.reports import AnomalyReport, AnomalySample, EdgeWindow, Subject
from proxy.contract.session import Bye, Nack, Push, Report
from proxy.contract.snapshot import Endpoint, Route, Rule, Service, Share, Snapshot

WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
TIMES = st.floats(0, 4e9, allow_nan=False)
COUNTS = st.integers(0, 2**53)


@st.composite
def services(draw: st.DrawFn, name: str) -> Service:
    groups = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    ids = draw(st.lists(NAMES, max_size=5, unique=True))
    endpoints = tuple(
        Endpoint(
            id=one,
            addr=f"10.0.0.1:{draw(st.integers(1, 65535))}",
            group=draw(st.sampled_from(groups)),
            unit="u",
            weight=draw(st.integers(0, 200)),
        )
        for one in ids
    )
    timeout = draw(st.floats(0.001, 60, allow_nan=False))
    return Service(
        name=name,
        endpoints=endpoints,
        groups=tuple(groups),
        interfaces=tuple(draw(st.lists(WORDS, max_size=2))),
        request_timeout_seconds=timeout,
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    names = draw(st.lists(NAMES, max_size=4, unique=True))
    made = {name: draw(services(name)) for name in names}
    routes = {}
    for name in names:
        if draw(st.booleans()):
            share = draw(st.integers(0, 10_000)) / 100
            groups = made[name].groups
            split = (
                Share(group=groups[0], percent=share),
                Share(group=groups[-1], percent=100 - share),
            )
            routes[name] = Route(
                name=name,
                version=draw(st.integers(1, 99)),
                rules=(Rule(id="r", split=split),),
            )
    return Snapshot(service=made, route=routes)


EVENTS = st.builds(
    AnomalyReport,
    id=WORDS,
    subject=st.builds(Subject, instance=WORDS, address=WORDS, app=WORDS, unit=WORDS),
    phase=st.sampled_from(["failing", "recovered"]),
    rule=WORDS,
    window_start=TIMES,
    window_end=TIMES,
    n=COUNTS,
    errors=st.dictionaries(st.sampled_from(["connect", "timeout", "5xx", "protocol"]), COUNTS),
    samples=st.lists(
        st.builds(AnomalySample, error=st.just("connect"), detail=WORDS), max_size=3
    ).map(tuple),
)
WINDOWS = st.builds(
    EdgeWindow,
    side=st.sampled_from(["in", "out"]),
    app=WORDS,
    unit=WORDS,
    group=WORDS,
    interface=WORDS,
    requests=COUNTS,
    latency_sum_seconds=TIMES,
)
MESSAGES = st.one_of(
    st.builds(
        Report,
        seq=COUNTS,
        window_start=TIMES,
        window_end=TIMES,
        up=st.lists(WINDOWS, max_size=3),
        events=st.lists(EVENTS, max_size=3),
    ),
    st.builds(Bye, retry_after_ms=COUNTS, reason=WORDS),
    st.builds(Nack, nonce=WORDS, v_kept=COUNTS, path=WORDS, code=WORDS, msg=WORDS),
)


def push_of(snapshot: Snapshot, v: int = 1) -> Push:
    kinds: dict[str, dict[str, msgspec.Struct]] = {
        "service": dict(snapshot.service),
        "route": dict(snapshot.route),
    }
    return Push(
        nonce="n",
        v=v,
        digest=digest_of(snapshot),
        set={
            kind: {name: msgspec.Raw(canonical(one)) for name, one in named.items()}
            for kind, named in kinds.items()
        },
    )


@given(MESSAGES)
def test_what_is_said_is_what_is_heard(message: msgspec.Struct) -> None:
    assert codec.decode_from_sidecar(codec.encode(message)) == message


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_invalid_frame(frame: bytes) -> None:
    for decode in (codec.decode_from_sidecar, codec.decode_from_console):
        with contextlib.suppress(codec.InvalidFrame):
            decode(frame)


@given(snapshots())
@settings(max_examples=60)
def test_a_snapshot_has_one_digest_however_it_is_written(snapshot: Snapshot) -> None:
    shuffled = list(json.loads(canonical(snapshot)).items())
    random.Random(1).shuffle(shuffled)
    spaced = json.dumps(dict(shuffled), indent=3).encode()
    parts = {
        kind: {name: canonical_raw(json.dumps(one).encode()) for name, one in named.items()}
        for kind, named in json.loads(spaced).items()
    }
    assert digest_of_parts(parts) == digest_of(snapshot)
    assert digest_of(codec.decode_snapshot(spaced)) == digest_of(snapshot)


@given(snapshots(), snapshots())
@settings(max_examples=60)
def test_a_difference_leads_where_the_whole_leads(before: Snapshot, after: Snapshot) -> None:
    held = applied(push_of(before), None)
    assert isinstance(held, Held)
    wanted = push_of(after, v=2)
    have = push_of(before)
    changed = {
        kind: {
            name: raw
            for name, raw in named.items()
            if bytes(raw) != bytes(have.set.get(kind, {}).get(name, b""))
        }
        for kind, named in wanted.set.items()
    }
    gone = tuple(
        (kind, name)
        for kind, named in have.set.items()
        for name in named
        if name not in wanted.set[kind]
    )
    delta = msgspec.structs.replace(wanted, base=held.digest, set=changed, rm=gone)
    assert applied(delta, held) == applied(wanted, None)


@given(snapshots())
@settings(max_examples=40)
def test_what_is_held_survives_the_disk(snapshot: Snapshot) -> None:
    held = applied(push_of(snapshot), None)
    assert isinstance(held, Held)
    read = codec.decode_from_console(codec.encode(whole(held)))
    assert isinstance(read, Push)
    assert applied(read, None) == held


@given(snapshots(), st.sampled_from(["service", "route"]), NAMES, st.binary(max_size=40))
@settings(max_examples=60)
def test_a_spoilt_push_is_refused_and_never_half_applied(
    snapshot: Snapshot, kind: str, name: str, junk: bytes
) -> None:
    held = applied(push_of(snapshot), None)
    assert isinstance(held, Held)
    frozen = canonical(held.snapshot)
    spoilt = msgspec.structs.replace(
        push_of(snapshot, v=2), base=held.digest, set={kind: {name: msgspec.Raw(junk)}}
    )
    assert isinstance(applied(spoilt, held), Refusal)
    assert canonical(held.snapshot) == frozen
