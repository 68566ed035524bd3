import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.credentials.learner_record import Credits, Text
from protocol.credentials.micro_credential import (
    ANNEX_I,
    as_open_badge,
    from_open_badge,
    micro_credential,
    missing_elements,
)
from protocol.credentials.record_model import OPEN_BADGE, units_of, unknown_units
from tests.records import CATALOGUE, MICRO, ON, learner, result, results_of_any_kind

DID = "did:webvh:QmSample:uni.example"
STANDARDS = Path(__file__).parents[2] / "../shared/standards"


def build(record=None, micro=MICRO, catalogue=CATALOGUE):
    return micro_credential(record or learner(), micro, catalogue, on=ON)


def badge(record=None):
    return as_open_badge(record or build().record, issuer=DID)


def test_all_eleven_elements_of_annex_i_are_stated():
    built = build()

    assert built.complete
    assert len(ANNEX_I) == 11
    assert missing_elements(built.record) == ()


@pytest.mark.samples
def test_the_elements_are_those_of_the_recommendation():
    source = STANDARDS / "reference/eu_microcredential_annex1.json"
    if not source.exists():
        pytest.skip("no sample documents here")
    mandatory = json.loads(source.read_text())["mandatory"]

    assert [any(m.startswith(ours) for ours in ANNEX_I) for m in mandatory] == (
        [True] * 11
    )


@pytest.mark.parametrize(
    ("field", "element"),
    [
        ("title", "Title of the micro-credential"),
        ("learning_outcomes", "Learning outcomes"),
        ("level", "Level (and cycle) of the learning experience"),
        ("assessment", "Type of assessment"),
        ("participation", "Form of participation in the learning activity"),
        (
            "quality_assurance",
            "Type of quality assurance used to underpin the micro-credential",
        ),
    ],
)
def test_an_element_the_catalogue_lacks_is_named(field, element):
    built = build(micro=MICRO.model_copy(update={field: Text()}))

    assert [m.item for m in built.missing] == [element]


def test_a_workload_of_nothing_is_missing():
    none = MICRO.model_copy(update={"workload": Credits(value=0, unit="ECTS")})

    assert [m.path for m in build(micro=none).missing] == [("achievement", "workload")]


@pytest.mark.parametrize(
    "results",
    [
        (result("INF1"),),
        (result("INF1"), result("INF2", "D")),
        (result("INF1"), result("INF2", recognised_from="外国大学")),
    ],
)
def test_every_course_must_be_passed_at_this_institution(results):
    built = build(learner(results))

    assert [m.path for m in built.missing] == [("achievement", "courses")]
    assert "INF2" in built.missing[0].why


def test_a_course_passed_at_the_second_attempt_counts():
    results = (
        result("INF1"),
        result("INF2", "D"),
        result("INF2", "B", year=2023, attempt=2),
    )

    assert build(learner(results)).complete


def test_an_open_badge_has_every_required_member():
    stated = badge()
    subject, achievement = (
        stated["credentialSubject"],
        stated["credentialSubject"]["achievement"],
    )

    assert {"id", "type", "name", "address"} <= stated["issuer"].keys()
    assert {"type", "identifier", "achievement"} <= subject.keys()
    assert {"id", "type", "name", "description", "criteria"} <= achievement.keys()
    assert achievement["id"] == f"{DID}/achievements/DATA"
    assert achievement["achievementType"] == "MicroCredential"


def test_an_open_badge_keeps_the_unit_of_the_workload():
    achievement = badge()["credentialSubject"]["achievement"]

    assert achievement["creditsAvailable"] == 4
    assert achievement["microCredential"]["workload"] == {"value": 4, "unit": "JP-UNIV"}
    assert "4 JP-UNIV" in achievement["criteria"]["narrative"]


def test_an_open_badge_names_the_learner_without_hashing():
    identifiers = badge()["credentialSubject"]["identifier"]

    assert identifiers[0]["identityHash"] == "AIKO MIHON"
    assert all(one["hashed"] is False for one in identifiers)


def test_a_badge_read_back_is_the_record():
    record = build().record

    assert from_open_badge(badge(record)) == record


@pytest.mark.parametrize("credential", [{}, {"issuer": DID}, {"credentialSubject": {}}])
def test_a_badge_of_somebody_else_gives_what_it_has(credential):
    assert from_open_badge(credential) == {}


@pytest.mark.samples
def test_the_sample_badge_is_read_as_far_as_it_goes():
    source = STANDARDS / "oneedtech/ob3/examples/simple.json"
    if not source.exists():
        pytest.skip("no sample documents here")
    record = from_open_badge(json.loads(source.read_text()))

    assert record["achievement"]["title"]
    assert missing_elements(record)


@pytest.mark.parametrize(
    "credential",
    [
        {"credentialSubject": "x"},
        {"credentialSubject": [{}]},
        {"credentialSubject": {"achievement": 3}},
        {"credentialSubject": {"identifier": ["x", {"identityType": []}]}},
        {"credentialSubject": {"identifier": 5}},
        {"credentialSubject": {"achievement": {"microCredential": "x"}}},
        {"issuer": {"address": 1}, "awardedDate": 7},
    ],
)
def test_a_badge_of_any_shape_is_read_without_falling_over(credential):
    assert isinstance(from_open_badge(credential), dict)


def test_every_unit_has_a_place_in_an_open_badge():
    assert {unit.path for unit in units_of("micro-credential")} == set(OPEN_BADGE)


@given(results_of_any_kind, st.sampled_from(["JP", "NL"]))
def test_every_part_of_it_is_in_the_record_model(results, country):
    catalogue = CATALOGUE.model_copy(update={"country": country})
    built = build(learner(results), catalogue=catalogue)

    assert unknown_units("micro-credential", built.record) == ()
