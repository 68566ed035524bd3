"""The policy decision: every ground named, nothing permitted by what is unknown."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.exchange.consent import (
    ConsentVersion,
    Denial,
    PeerTerms,
    Purpose,
    Release,
    Snapshot,
    Status,
    beyond,
    permit,
)
from protocol.exchange.jurisdiction import Objection, Ruling

START = datetime(2026, 10, 20, tzinfo=UTC)
END = START + timedelta(days=30)
NOON = START + timedelta(hours=12)
TITLE = ("degree", ("qualification", "title"))
LEVEL = ("degree", ("qualification", "level"))
GRADE = ("degree", ("results", 0, "grade"))
OBJECTION = Objection("EU-GDPR/2026-1", "guardian", "require", "consent.by_guardian")

CONSENT = ConsentVersion(
    id="01a167c6200075aa85985f5d2da7fc55",
    version=2,
    learner="learner-1",
    recipient="did:web:lrx.enic-b.example",
    purpose=Purpose.RECOGNITION_ASSESSMENT,
    status=Status.GRANTED,
    not_before=START,
    not_after=END,
    max_uses=1,
    uses=0,
    scope=frozenset({TITLE, LEVEL}),
)
RELEASE = Release(
    learner="learner-1",
    recipient="did:web:lrx.enic-b.example",
    purpose=Purpose.RECOGNITION_ASSESSMENT,
    role="requester",
    fields=frozenset({TITLE}),
)
PEER = PeerTerms(
    trusted=True,
    roles=frozenset({"requester"}),
    purposes=frozenset({"recognition-assessment", "admission"}),
)
SNAPSHOT = Snapshot(
    release=RELEASE,
    consent=CONSENT,
    peer=PEER,
    institution=Ruling(),
    source_law=Ruling(),
    recipient_law=Ruling(),
    holds=frozenset(),
)


def changed(*, consent=None, release=None, **snapshot):
    if consent is not None:
        snapshot["consent"] = dataclasses.replace(CONSENT, **consent)
    if release is not None:
        snapshot["release"] = dataclasses.replace(RELEASE, **release)
    return dataclasses.replace(SNAPSHOT, **snapshot)


def denials(snapshot, at=NOON):
    return {reason.denial for reason in permit(snapshot, at=at).reasons}


def test_a_release_inside_a_live_consent_is_permitted():
    decision = permit(SNAPSHOT, at=NOON)

    assert decision.permitted
    assert decision.reasons == ()


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (changed(consent={"status": "withdrawn"}), {Denial.NOT_GRANTED}),
        (changed(consent={"status": "requested"}), {Denial.NOT_GRANTED}),
        (changed(consent={"status": "suspended"}), {Denial.NOT_GRANTED}),
        (changed(consent={"status": "refused"}), {Denial.NOT_GRANTED}),
        (changed(consent={"status": "superseded"}), {Denial.NOT_GRANTED}),
        (changed(consent={"status": "something new"}), {Denial.NOT_GRANTED}),
        (changed(consent={"not_before": END}), {Denial.NOT_YET}),
        (changed(consent={"not_after": NOON}), {Denial.EXPIRED}),
        (changed(consent={"uses": 1}), {Denial.SPENT}),
        (changed(release={"learner": "learner-2"}), {Denial.OTHER_LEARNER}),
        (changed(release={"recipient": "did:web:x.example"}), {Denial.OTHER_RECIPIENT}),
        (
            changed(release={"purpose": "employment"}),
            {Denial.OTHER_PURPOSE, Denial.PEER_PURPOSE},
        ),
        (changed(release={"fields": frozenset()}), {Denial.NO_FIELDS}),
        (changed(release={"fields": frozenset({TITLE, GRADE})}), {Denial.OUT_OF_SCOPE}),
        (
            changed(release={"fields": frozenset({("degree", ("qualification",))})}),
            {Denial.OUT_OF_SCOPE},
        ),
        (
            changed(release={"fields": frozenset({("other", TITLE[1])})}),
            {Denial.OUT_OF_SCOPE},
        ),
        (dataclasses.replace(SNAPSHOT, consent=None), {Denial.NO_CONSENT}),
        (
            dataclasses.replace(SNAPSHOT, peer=None),
            {Denial.PEER, Denial.PEER_ROLE, Denial.PEER_PURPOSE},
        ),
        (changed(peer=dataclasses.replace(PEER, trusted=False)), {Denial.PEER}),
        (changed(release={"role": "recipient"}), {Denial.PEER_ROLE}),
        (dataclasses.replace(SNAPSHOT, institution=None), {Denial.INSTITUTION}),
        (dataclasses.replace(SNAPSHOT, source_law=None), {Denial.SOURCE_LAW}),
        (dataclasses.replace(SNAPSHOT, recipient_law=None), {Denial.RECIPIENT_LAW}),
        (changed(institution=Ruling((OBJECTION,))), {Denial.INSTITUTION}),
        (changed(source_law=Ruling((OBJECTION,))), {Denial.SOURCE_LAW}),
        (changed(recipient_law=Ruling((OBJECTION,))), {Denial.RECIPIENT_LAW}),
        (dataclasses.replace(SNAPSHOT, holds=None), {Denial.HOLD}),
        (changed(holds=frozenset({"identity-in-doubt"})), {Denial.HOLD}),
    ],
)
def test_each_ground_alone_denies_and_is_named(snapshot, expected):
    assert denials(snapshot) == expected


def test_every_ground_is_given_not_only_the_first():
    snapshot = changed(
        consent={"status": "withdrawn", "uses": 1},
        release={"fields": frozenset({GRADE})},
        holds=frozenset({"a", "b"}),
    )

    reasons = permit(snapshot, at=END).reasons

    assert [reason.denial for reason in reasons] == [
        Denial.NOT_GRANTED,
        Denial.EXPIRED,
        Denial.SPENT,
        Denial.OUT_OF_SCOPE,
        Denial.HOLD,
        Denial.HOLD,
    ]
    assert [reason.detail for reason in reasons] == [
        "withdrawn",
        "",
        "",
        '["results",0,"grade"]',
        "a",
        "b",
    ]


def test_the_window_includes_its_start_and_not_its_end():
    assert permit(SNAPSHOT, at=START).permitted
    assert not permit(SNAPSHOT, at=END).permitted


def test_a_correction_costs_no_use_and_stays_in_the_fields_it_corrects():
    spent = {"uses": 1}

    assert permit(
        changed(consent=spent, release={"amends": frozenset({TITLE})}), at=NOON
    ).permitted
    assert denials(
        changed(
            consent=spent,
            release={
                "amends": frozenset({TITLE}),
                "fields": frozenset({TITLE, LEVEL}),
            },
        )
    ) == {Denial.BEYOND_AMENDED}


def test_consents_are_not_added_together():
    both = frozenset({TITLE, LEVEL})
    halves = [{"scope": frozenset({TITLE})}, {"scope": frozenset({LEVEL})}]

    for half in halves:
        snapshot = changed(consent=half, release={"fields": both})
        assert denials(snapshot) == {Denial.OUT_OF_SCOPE}


fields = st.tuples(
    st.sampled_from(["r1", "r2"]),
    st.sampled_from([("a", "b"), ("a", "c"), ("l", 0, "x"), ("l", 1, "x")]),
)
scopes = st.frozensets(fields)
rulings = st.none() | st.builds(
    Ruling,
    st.lists(
        st.builds(Objection, st.just("P"), st.just("r"), st.just("deny"), st.just("w")),
        max_size=1,
    ).map(tuple),
)
snapshots = st.builds(
    Snapshot,
    release=st.builds(
        Release,
        learner=st.sampled_from(["l1", "l2"]),
        recipient=st.sampled_from(["d1", "d2"]),
        purpose=st.sampled_from(["employment", "admission"]),
        role=st.just("requester"),
        fields=scopes,
        amends=st.none() | scopes,
    ),
    consent=st.none()
    | st.builds(
        ConsentVersion,
        id=st.just("c"),
        version=st.just(1),
        learner=st.just("l1"),
        recipient=st.just("d1"),
        purpose=st.just("admission"),
        status=st.sampled_from(list(Status)),
        not_before=st.just(START),
        not_after=st.just(END),
        max_uses=st.integers(1, 2),
        uses=st.integers(0, 2),
        scope=scopes,
    ),
    peer=st.none() | st.just(PEER),
    institution=rulings,
    source_law=rulings,
    recipient_law=rulings,
    holds=st.none() | st.frozensets(st.just("h")),
)
good = st.builds(
    lambda scope, extra: changed(
        consent={"scope": scope | extra}, release={"fields": scope}
    ),
    st.frozensets(fields, min_size=1),
    scopes,
)
moments = st.timedeltas(timedelta(days=-2), timedelta(days=32)).map(START.__add__)


@given(snapshots | good, moments)
def test_what_is_permitted_obeys_every_clause(snapshot, at):
    decision = permit(snapshot, at=at)

    if decision.permitted:
        consent, release = snapshot.consent, snapshot.release
        assert consent.status == "granted"
        assert consent.not_before <= at < consent.not_after
        assert (release.learner, release.recipient, release.purpose) == (
            consent.learner,
            consent.recipient,
            consent.purpose,
        )
        assert release.fields
        assert release.fields <= consent.scope
        assert release.amends is not None or consent.uses < consent.max_uses
        assert release.amends is None or release.fields <= release.amends
        assert release.role in snapshot.peer.roles
        assert release.purpose in snapshot.peer.purposes
        assert snapshot.holds == frozenset()


@given(snapshots | good, moments, st.data())
def test_one_more_obstacle_never_adds_a_release(snapshot, at, data):
    harder = data.draw(
        st.sampled_from(
            [
                {"consent": None},
                {"peer": None},
                {"institution": None},
                {"source_law": Ruling((OBJECTION,))},
                {"recipient_law": Ruling((OBJECTION,))},
                {"holds": frozenset({"h"})},
            ]
        )
    )

    before = permit(snapshot, at=at)
    after = permit(dataclasses.replace(snapshot, **harder), at=at)

    assert before.permitted or not after.permitted
    assert not after.permitted
    assert len(after.reasons) >= 1


@given(good, moments, scopes)
def test_a_narrower_scope_never_permits_more(snapshot, at, kept):
    narrower = dataclasses.replace(
        snapshot,
        consent=dataclasses.replace(
            snapshot.consent, scope=snapshot.consent.scope & kept
        ),
    )

    assert permit(snapshot, at=at).permitted or not permit(narrower, at=at).permitted


TERMS = st.fixed_dictionaries(
    {
        "jurisdiction": st.sampled_from(["NL", "JP"]),
        "retention_days": st.integers(0, 400),
        "onward": st.lists(st.sampled_from(["a", "b", "c"]), unique=True),
        "automated_decision": st.booleans(),
    }
)


@given(TERMS)
def test_what_was_agreed_is_not_beyond_itself(terms):
    assert beyond(terms, terms) == ()


@given(TERMS, TERMS, TERMS)
def test_terms_within_terms_within_terms_are_within(inner, middle, outer):
    if not beyond(inner, middle) and not beyond(middle, outer):
        assert beyond(inner, outer) == ()


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"retention_days": 179}, ()),
        ({"retention_days": 181}, ("retention_days",)),
        ({"jurisdiction": "US"}, ("jurisdiction",)),
        ({"onward": ["a"]}, ()),
        ({"onward": ["a", "c"]}, ("onward",)),
        ({"automated_decision": True}, ("automated_decision",)),
        ({"retention_days": 500, "onward": ["c"]}, ("retention_days", "onward")),
    ],
)
def test_each_term_that_goes_beyond_is_named(change, names):
    agreed = {
        "jurisdiction": "NL",
        "retention_days": 180,
        "onward": ["a", "b"],
        "automated_decision": False,
    }

    assert beyond(agreed | change, agreed) == names


def test_what_was_not_stated_was_not_agreed_to():
    stated = {"jurisdiction": "NL", "retention_days": 1}

    assert beyond(stated, {}) == ("jurisdiction", "retention_days")
