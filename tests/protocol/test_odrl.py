"""Policies: the closed profile, word for word and nothing beside it."""

import copy
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import MessageSchemaError
from protocol.exchange.consent import Purpose
from protocol.exchange.messages import policy_digest
from protocol.exchange.odrl import (
    Terms,
    check_policy,
    pairwise_learner,
    policy,
)

VECTORS = json.loads(
    (Path(__file__).parents[2] / "protocol/vectors/policies.json").read_text("utf-8")
)
FULL = VECTORS["policies"][0]["policy"]
AUTHORITY = FULL["assignee"]
RECEIVED = datetime(2026, 10, 25, 8, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("vector", VECTORS["policies"])
def test_the_digests_are_the_published_ones(vector):
    assert policy_digest(vector["policy"]) == vector["policy_digest"]


def test_the_builder_writes_the_published_policies():
    full = Terms(
        consent_id="01a167c6200075aa85985f5d2da7fc55",
        consent_version=2,
        assigner="urn:lrx:learner:a05f7566ae8c857a3bc47bd1cf960f0d",
        assignee=AUTHORITY,
        purpose=Purpose.RECOGNITION_ASSESSMENT,
        until=datetime(2027, 4, 24, 8, tzinfo=UTC),
        countries=("NL",),
        retention_days=180,
        report_onward=True,
    )
    plain = Terms(
        consent_id="01a1772b78607b5e8bff5348f9217bde",
        consent_version=1,
        assigner="urn:lrx:learner:3081ab030acf523048a95018e10dcd18",
        assignee=VECTORS["policies"][1]["policy"]["assignee"],
        purpose=Purpose.ADMISSION,
        retention_days=365,
        prohibited=("distribute",),
    )

    assert policy(full) == FULL
    assert policy(plain) == VECTORS["policies"][1]["policy"]


def test_a_policy_tells_what_the_recipient_owes():
    read = check_policy(FULL)

    assert read.consent == ("01a167c6200075aa85985f5d2da7fc55", 2)
    assert read.purposes == {"recognition-assessment"}
    assert read.until == datetime(2027, 4, 24, 8, tzinfo=UTC)
    assert [(duty.uid, duty.due(RECEIVED)) for duty in read.duties] == [
        ("#delete", date(2027, 4, 23)),
        ("#report", None),
    ]


def changed(path, value):
    policy = copy.deepcopy(FULL)
    place = policy
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return policy


USE = ("permission", 0)
DELETE = (*USE, "duty", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *[((name,), ...) for name in FULL if name != "prohibition"],
        (("other",), 1),
        (("@context",), list(reversed(FULL["@context"]))),
        (("@context",), FULL["@context"][:1]),
        (("@context",), [*FULL["@context"], {"use": "distribute"}]),
        (("type",), "Offer"),
        (("uid",), FULL["uid"] + "\n"),
        (("uid",), "urn:lrx:consent:01a167c6200075aa85985f5d2da7fc55:0"),
        (("profile",), "https://other.example/profile"),
        (("assigner",), "did:web:learner.example"),
        (("assigner",), [FULL["assigner"]]),
        (("assignee",), "authority"),
        (("target",), FULL["target"][:-1] + "3"),
        (("conflict",), "perm"),
        (("permission",), []),
        (("permission",), FULL["permission"] * 2),
        (("obligation",), []),
        (("prohibition", 0, "action"), "use"),
        (("prohibition", 0, "constraint"), []),
        (("prohibition", 1, "action"), "distribute"),
        ((*USE, "action"), "distribute"),
        ((*USE, "action"), ["use"]),
        ((*USE, "constraint"), []),
        ((*USE, "constraint"), FULL["permission"][0]["constraint"][1:]),
        ((*USE, "constraint"), FULL["permission"][0]["constraint"][:1] * 2),
        ((*USE, "constraint", 0), FULL["permission"][0]["duty"][0]["constraint"][0]),
        ((*USE, "constraint", 0, "leftOperand"), "industry"),
        ((*USE, "constraint", 0, "operator"), "neq"),
        ((*USE, "constraint", 0, "operator"), "isAnyOf"),
        ((*USE, "constraint", 0, "rightOperand"), "marketing"),
        ((*USE, "constraint", 0, "unit"), "x"),
        ((*USE, "constraint", 0, "rightOperand"), ["admission"]),
        ((*USE, "constraint", 1, "operator"), "gt"),
        ((*USE, "constraint", 1, "rightOperand"), "2027-04-24"),
        ((*USE, "constraint", 1, "rightOperand"), "2027-4-24T08:00:00Z"),
        ((*USE, "constraint", 1, "rightOperand"), "2027-04-24T08:00:00+09:00"),
        ((*USE, "constraint", 2, "rightOperand"), []),
        ((*USE, "constraint", 2, "rightOperand"), ["nl"]),
        ((*USE, "remedy"), []),
        ((*DELETE, "uid"), "#report"),
        ((*DELETE, "uid"), "delete"),
        ((*DELETE, "action"), "pay"),
        ((*DELETE, "action"), "inform"),
        ((*DELETE, "constraint"), []),
        ((*DELETE, "constraint"), FULL["permission"][0]["duty"][0]["constraint"] * 2),
        ((*DELETE, "constraint", 0, "rightOperand"), "P6M"),
        ((*DELETE, "constraint", 0, "rightOperand"), "P0D"),
        ((*DELETE, "constraint", 0, "operator"), "gteq"),
        ((*USE, "duty", 1, "constraint", 0, "rightOperand"), "sunrise"),
    ],
)
def test_anything_outside_the_profile_is_refused(path, value):
    with pytest.raises(MessageSchemaError):
        check_policy(changed(path, value))


@pytest.mark.parametrize(
    ("left", "operator", "right"),
    [
        ("purpose", "isAnyOf", ["admission", "credit-transfer"]),
        ("spatial", "eq", "NL"),
        ("count", "lteq", 3),
        ("recipient", "eq", AUTHORITY),
        ("recipient", "isAnyOf", [AUTHORITY]),
        ("dateTime", "gteq", "2026-10-25T08:00:00Z"),
        ("dateTime", "lteq", "2026-10-25T08:00:00Z"),
    ],
)
def test_every_comparison_of_the_profile_is_understood(left, operator, right):
    constraint = {"leftOperand": left, "operator": operator, "rightOperand": right}
    purpose = [] if left == "purpose" else FULL["permission"][0]["constraint"][:1]

    read = check_policy(changed((*USE, "constraint"), [*purpose, constraint]))

    assert read.purposes <= set(Purpose)
    assert (read.until is None) == (operator != "lteq" or left == "count")


@pytest.mark.parametrize(
    ("left", "right"), [("count", 0), ("count", "3"), ("count", True)]
)
def test_a_count_is_a_number_from_one_up(left, right):
    constraint = {"leftOperand": left, "operator": "lteq", "rightOperand": right}
    given = [*FULL["permission"][0]["constraint"][:1], constraint]

    with pytest.raises(MessageSchemaError):
        check_policy(changed((*USE, "constraint"), given))


def test_a_duty_can_fall_due_at_a_fixed_moment():
    constraint = {
        "leftOperand": "dateTime",
        "operator": "lt",
        "rightOperand": "2027-01-31T00:00:00Z",
    }

    read = check_policy(changed((*DELETE, "constraint"), [constraint]))

    assert read.duties[0].due(RECEIVED) == date(2027, 1, 31)


def test_a_policy_without_duties_or_prohibitions_is_one():
    bare = changed((*USE, "duty"), ...)
    del bare["prohibition"]

    assert check_policy({**bare, "conflict": "prohibit"}).duties == ()
    assert check_policy(bare).prohibition == ()


def test_terms_that_make_no_policy_are_refused():
    with pytest.raises(MessageSchemaError):
        policy(
            Terms(
                consent_id="x",
                consent_version=1,
                assigner="urn:lrx:learner:a05f7566ae8c857a3bc47bd1cf960f0d",
                assignee=AUTHORITY,
                purpose=Purpose.ADMISSION,
            )
        )


def test_an_error_names_the_place_and_not_the_value():
    with pytest.raises(MessageSchemaError) as error:
        check_policy(changed(("assigner",), "Aiko Tanaka"))

    assert "assigner" in str(error.value)
    assert "Aiko" not in str(error.value)


hexes = st.text("0123456789abcdef", min_size=32, max_size=32)
terms = st.builds(
    Terms,
    consent_id=hexes,
    consent_version=st.integers(1, 10**6),
    assigner=hexes.map("urn:lrx:learner:".__add__),
    assignee=st.just(AUTHORITY),
    purpose=st.sampled_from(Purpose),
    until=st.none() | st.datetimes(datetime(2026, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    countries=st.lists(st.sampled_from(["NL", "JP"]), max_size=2).map(tuple),
    retention_days=st.none() | st.integers(1, 3650),
    report_onward=st.booleans(),
    prohibited=st.sets(st.sampled_from(["distribute", "derive", "index"])).map(tuple),
)


@given(terms)
def test_what_is_written_can_be_read_back(terms):
    read = check_policy(json.loads(json.dumps(policy(terms))))

    assert read.consent == (terms.consent_id, terms.consent_version)
    assert read.purposes == {terms.purpose}
    assert read.until == (terms.until and terms.until.replace(microsecond=0))
    assert {one.action for one in read.prohibition} == set(terms.prohibited)
    assert len(read.duties) == (terms.retention_days is not None) + terms.report_onward


def test_two_recipients_know_a_learner_by_different_names():
    names = {
        pairwise_learner(secret, learner, recipient)
        for secret in (b"s" * 32, b"t" * 32)
        for learner in ("1", "2")
        for recipient in ("A", "B")
    }

    assert len(names) == 8
    assert pairwise_learner(b"s" * 32, "1", "A") in names
