"""Jurisdiction packs: rules that can only deny, require or limit."""

import copy
import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import MalformedValueError
from protocol.exchange.jurisdiction import (
    CONSENT_STATEMENTS,
    FACTS,
    Objection,
    Pack,
    Right,
    evaluate,
)

FOLDER = Path(__file__).parents[2] / "config/jurisdictions"
PACKS = [
    Pack.parse(json.loads(file.read_text("utf-8"))) for file in FOLDER.glob("*.json")
]
EXAMPLE = {
    "id": "EU-GDPR/2026-1",
    "end": "sender",
    "jurisdictions": ["AT", "BE", "DE", "NL"],
    "rules": [
        {
            "id": "third-country",
            "if": {"recipient.adequate": False},
            "require": ["consent.names_country", "consent.risk_explained"],
        },
        {
            "id": "guardian",
            "if": {"learner.age_under": 16},
            "require": ["consent.by_guardian"],
        },
        {
            "id": "special-category",
            "if": {"scope.category": "health"},
            "deny": "needs-separate-consent",
        },
        {"id": "retention", "limit": {"retention_days": 365}},
    ],
}
FACTS_OF_A_TRANSFER = {
    "source.country": "NL",
    "recipient.country": "US",
    "learner.age": 22,
    "scope.category": frozenset({"grades"}),
    "terms.retention_days": 180,
}


def objections(value, end="sender", **facts):
    given = {**FACTS_OF_A_TRANSFER, **facts}
    known = {name: value for name, value in given.items() if value is not ...}
    return evaluate([Pack.parse(value)], end, known)


def test_the_pack_of_the_specification_asks_what_it_says():
    ruling = objections(EXAMPLE)

    assert ruling.missing == ("consent.names_country", "consent.risk_explained")
    assert not ruling.permitted
    assert ruling.limits == {"retention_days": 365}
    told = objections(
        EXAMPLE, **{"consent.names_country": True, "consent.risk_explained": True}
    )
    assert told.permitted


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"recipient.country": "DE"}, []),
        ({"recipient.country": "DE", "learner.age": 16}, []),
        ({"recipient.country": "DE", "learner.age": 15}, ["guardian"]),
        ({"recipient.country": "DE", "learner.age": ...}, ["guardian"]),
        (
            {"recipient.country": "DE", "scope.category": frozenset({"health", "x"})},
            ["special-category"],
        ),
        ({"recipient.country": "DE", "scope.category": ...}, ["special-category"]),
        ({"recipient.country": "DE", "terms.retention_days": 366}, ["retention"]),
        ({"recipient.country": "DE", "terms.retention_days": ...}, ["retention"]),
        ({"recipient.country": ...}, ["third-country", "third-country"]),
        ({"source.country": ...}, ["third-country", "third-country"]),
        ({"source.country": "JP"}, []),
        ({"consent.names_country": True}, ["third-country"]),
        ({"consent.names_country": False}, ["third-country", "third-country"]),
    ],
)
def test_what_is_not_known_counts_against_the_release(facts, expected):
    ruling = objections(EXAMPLE, **facts)

    assert [one.rule for one in ruling.objections] == expected


def test_a_pack_speaks_for_its_own_end_only():
    assert objections(EXAMPLE, end="recipient").permitted
    receiving = {**EXAMPLE, "end": "recipient"}
    assert objections(receiving, end="recipient").permitted
    back = {"source.country": "US", "recipient.country": "NL", "learner.age": 9}
    assert objections(receiving, end="recipient", **back).missing == (
        "consent.by_guardian",
    )


def test_house_rules_apply_everywhere():
    house = {
        "id": "HOUSE/1",
        "end": "institution",
        "rules": [
            {"id": "no-employers", "if": {"purpose": "employment"}, "deny": "by senate"}
        ],
    }

    assert objections(house, end="institution", purpose="admission").permitted
    ruling = objections(house, end="institution", purpose="employment")
    assert ruling.objections == (
        Objection("HOUSE/1", "no-employers", "deny", "by senate"),
    )
    assert str(ruling.objections[0]) == "HOUSE/1 no-employers: deny by senate"


def test_no_pack_is_no_rule():
    assert evaluate([], "sender", {}).permitted


def test_the_tightest_limit_wins():
    tight = copy.deepcopy(EXAMPLE)
    tight["rules"] = [{"id": "r", "limit": {"retention_days": 90}}]

    packs = [Pack.parse(EXAMPLE), Pack.parse(tight)]

    assert evaluate(packs, "sender", FACTS_OF_A_TRANSFER).limits == {
        "retention_days": 90
    }


@pytest.mark.parametrize(
    "change",
    [
        {"end": "both"},
        {"jurisdictions": ["nl"]},
        {"adequate": ["Japan"]},
        {"other": 1},
        {"id": ""},
        {"rules": None},
        {"rules": [{"id": "r", "deny": "x"}] * 2},
        {"rules": [{"id": "R", "deny": "x"}]},
        {"rules": [{"id": "r"}]},
        {"rules": [{"id": "r", "allow": "x"}]},
        {"rules": [{"id": "r", "deny": "x", "unless": {}}]},
        {"rules": [{"id": "r", "if": {"weather": True}, "deny": "x"}]},
        {"rules": [{"id": "r", "if": {"learner.age": "16"}, "deny": "x"}]},
        {"rules": [{"id": "r", "if": {"learner.age_under": True}, "deny": "x"}]},
        {"rules": [{"id": "r", "if": {"purpose_under": 3}, "deny": "x"}]},
        {"rules": [{"id": "r", "if": {"scope.category": True}, "deny": "x"}]},
        {"rules": [{"id": "r", "require": ["learner.age"]}]},
        {"rules": [{"id": "r", "require": ["consent.unheard_of"]}]},
        {"rules": [{"id": "r", "limit": {"copies": 1}}]},
        {"rules": [{"id": "r", "limit": {"retention_days": -1}}]},
    ],
)
def test_a_pack_with_anything_unknown_cannot_be_read(change):
    with pytest.raises(MalformedValueError):
        Pack.parse({**EXAMPLE, **change})


def test_the_packs_that_come_with_the_node_can_be_read():
    assert {(pack.end, pack.id.partition("/")[0]) for pack in PACKS} == {
        ("sender", "JP-APPI"),
        ("recipient", "JP-APPI-RECEIVING"),
        ("sender", "EU-GDPR"),
        ("recipient", "EU-GDPR-RECEIVING"),
    }
    assert all(pack.law and pack.reviewed is None for pack in PACKS)
    assert all(rule.source and rule.text for pack in PACKS for rule in pack.rules)


def missing(source, recipient, **facts):
    known = {
        "source.country": source,
        "recipient.country": recipient,
        "learner.age": 22,
        "scope.category": frozenset(),
        "terms.retention_days": 180,
        "terms.automated_decision": False,
        "terms.onward": False,
        "record.provision": True,
        **facts,
    }
    return set(evaluate(PACKS, "sender", known).missing)


CONSENT = {"consent.given", "consent.names_recipient"}
NOTICE = {
    "consent.names_country",
    "consent.describes_protection_system",
    "consent.describes_recipient_measures",
}


@pytest.mark.parametrize(
    ("source", "recipient", "facts", "expected"),
    [
        ("JP", "JP", {}, CONSENT),
        ("JP", "NL", {}, CONSENT),
        ("JP", "GB", {}, CONSENT),
        ("JP", "US", {}, CONSENT | NOTICE),
        ("JP", "KR", {}, CONSENT | NOTICE),
        ("JP", "JP", {"record.provision": False}, CONSENT | {"record.provision"}),
        ("JP", "JP", {"learner.age": 15}, CONSENT | {"consent.by_guardian"}),
        ("NL", "DE", {}, CONSENT),
        ("NL", "JP", {}, CONSENT),
        ("NL", "US", {}, CONSENT | {"consent.names_country", "consent.risk_explained"}),
        (
            "NL",
            "DE",
            {"terms.automated_decision": True, "terms.onward": True},
            CONSENT | {"consent.explains_automated_decision", "consent.covers_onward"},
        ),
        ("US", "JP", {}, set()),
    ],
)
def test_what_a_learner_must_be_told_depends_on_both_ends(
    source, recipient, facts, expected
):
    assert missing(source, recipient, **facts) == expected


def test_an_individual_number_is_never_sent():
    facts = {
        "source.country": "JP",
        "recipient.country": "JP",
        "learner.age": 22,
        "scope.category": frozenset({"individual-number"}),
        **dict.fromkeys((*CONSENT_STATEMENTS, "record.provision"), True),
    }

    ruling = evaluate(PACKS, "sender", facts)

    assert [one.rule for one in ruling.objections] == ["individual-number"]


def test_a_recipient_in_japan_confirms_and_records():
    facts = {"recipient.country": "JP", "terms.notice": True}

    assert set(evaluate(PACKS, "recipient", facts).missing) == {
        "provider.identified",
        "provider.origin_stated",
        "record.receipt",
    }


countries = st.sampled_from(["JP", "NL", "US"])
booleans = sorted(name for name, kind in FACTS.items() if kind is bool)
transfers = st.fixed_dictionaries(
    {},
    optional={
        "source.country": countries,
        "recipient.country": countries,
        "learner.age": st.integers(10, 30),
        "scope.category": st.frozensets(st.sampled_from(["health", "grades"])),
        "terms.retention_days": st.integers(0, 1000),
        **{name: st.booleans() for name in booleans},
    },
)
conditions = st.dictionaries(st.sampled_from(booleans), st.booleans(), max_size=2)
rules = st.builds(
    lambda when, then, number: {"id": f"r{number}", "if": when, **then},
    conditions,
    st.sampled_from(
        [
            {"deny": "no"},
            {"require": ["consent.given"]},
            {"limit": {"retention_days": 100}},
        ]
    ),
    st.integers(0, 10**6),
)
packs = st.builds(
    lambda end, jurisdictions, rules: Pack.parse(
        {"id": "P/1", "end": end, "jurisdictions": jurisdictions, "rules": rules}
    ),
    st.sampled_from(["sender", "recipient", "institution"]),
    st.lists(countries, max_size=2),
    st.lists(rules, max_size=3, unique_by=lambda rule: rule["id"]),
)


@given(st.lists(packs, max_size=3), packs, transfers)
def test_one_more_pack_never_permits_more(some, more, facts):
    for end in ("sender", "recipient", "institution"):
        before = evaluate(some, end, facts)
        after = evaluate([*some, more], end, facts)

        assert set(before.objections) <= set(after.objections)
        for name, value in before.limits.items():
            assert after.limits[name] <= value


@given(st.lists(packs, max_size=3), transfers, st.sampled_from(booleans))
def test_knowing_less_never_permits_more(some, facts, name):
    less = {other: value for other, value in facts.items() if other != name}

    for end in ("sender", "recipient", "institution"):
        if evaluate(some, end, less).permitted:
            assert evaluate(some, end, facts).permitted


def right(answer_within="P1M"):
    return Right.model_validate(
        {
            "id": "access",
            "source": {"en": "art. 15", "ja": "15条"},
            "answer_within": answer_within,
            "text": {"en": "You may ask.", "ja": "請求できます。"},
        }
    )


@pytest.mark.parametrize(
    ("within", "received", "due"),
    [
        ("P14D", "2026-12-20", "2027-01-03"),
        ("P1M", "2026-11-25", "2026-12-25"),
        ("P1M", "2026-12-25", "2027-01-25"),
        ("P1M", "2027-01-31", "2027-02-28"),
        ("P3M", "2027-11-30", "2028-02-29"),
        ("P12M", "2027-12-01", "2028-12-01"),
    ],
)
def test_an_answer_is_due_after_days_or_calendar_months(within, received, due):
    assert right(within).due(date.fromisoformat(received)) == date.fromisoformat(due)


@given(st.dates(date(1970, 1, 1), date(9000, 1, 1)), st.integers(1, 120))
def test_a_month_never_runs_into_the_one_after(received, months):
    due = right(f"P{months}M").due(received)

    passed = 12 * (due.year - received.year) + due.month - received.month
    assert passed == months
    assert due.day == received.day or (due + timedelta(days=1)).day == 1


@pytest.mark.parametrize("within", ["", "P0D", "P1W", "P1Y", "soon", "P1M "])
def test_a_time_that_is_no_number_of_days_or_months_is_no_pack(within):
    pack = EXAMPLE | {"rights": [right().model_dump() | {"answer_within": within}]}

    with pytest.raises(MalformedValueError):
        Pack.parse(pack)


def test_a_right_stands_once_in_a_pack():
    pack = EXAMPLE | {"rights": [right().model_dump(), right().model_dump()]}

    with pytest.raises(MalformedValueError, match="right stands twice"):
        Pack.parse(pack)


def test_every_law_for_senders_tells_of_every_right():
    for pack in PACKS:
        ids = {one.id for one in pack.rights}
        expected = {"access", "correction", "erasure", "cessation"}
        assert ids == (expected if pack.end == "sender" else set()), pack.id
