import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.credentials.diploma_supplement import ITEMS, award_of, diploma_supplement
from protocol.credentials.learner_record import Award, Course, Name, Text
from protocol.credentials.record_model import UNITS, unknown_units
from tests.records import (
    CATALOGUE,
    KEY,
    ON,
    ORIGIN,
    PROGRAMME,
    both,
    learner,
    result,
    results_of_any_kind,
)

TEMPLATE = (
    Path(__file__).parents[2]
    / "../shared/standards/reference/diploma_supplement_template.json"
)

# What a programme may lack, the item that is then named, and the unit it would fill.
LACKS = [
    ("degree", "2.1", ("qualification", "title")),
    ("field", "2.2", ("qualification", "field")),
    ("languages", "2.5", ("qualification", "languages")),
    ("level", "3.1", ("qualification", "level")),
    ("length_years", "3.2", ("programme", "length")),
    ("credits_required", "3.2", ("programme", "credits")),
    ("access_requirements", "3.3", ("programme", "access_requirements")),
    ("mode", "4.1", ("programme", "mode")),
    ("learning_outcomes", "4.2", ("programme", "learning_outcomes")),
    ("further_study", "5.1", ("function", "further_study")),
    ("professional_status", "5.2", ("function", "professional_status")),
]


def build(record=None, programme=PROGRAMME, catalogue=CATALOGUE):
    return diploma_supplement(record or learner(), programme, catalogue, on=ON)


def stated_items(record):
    """The items of the supplement a record has a value for."""
    return {
        unit.item
        for unit in UNITS
        if unit.item
        and (
            unit.path[-1] in record.get(unit.path[0], {})
            if unit.path[0] != "results"
            else record.get("results")
        )
    }


def test_the_supplement_of_a_graduate_is_complete():
    built = build()

    assert built.complete
    assert built.record["holder"] == {
        "family_name": "MIHON",
        "given_name": "AIKO",
        "name_native": "見本 愛子",
        "name_kana": "ミホン アイコ",
        "birth_date": "2003-05-14",
        "student_number": "0022001",
    }
    assert built.record["qualification"]["title"] == "Bachelor of Engineering"
    assert built.record["qualification"]["awarded_on"] == "2026-03-24"
    assert built.record["certification"]["date"] == "2026-04-10"


@pytest.mark.parametrize("item", ITEMS)
def test_every_item_has_a_value_or_a_reason(item):
    record = build().record

    assert (item in stated_items(record)) != (item in record["reasons"])


@pytest.mark.samples
def test_the_items_are_those_of_the_template():
    if not TEMPLATE.exists():
        pytest.skip("no sample documents here")
    items = [item["number"] for item in json.loads(TEMPLATE.read_text())["items"]]

    assert [n for n in items if "." in n or n == "8"] == list(ITEMS)


@pytest.mark.parametrize(("field", "item", "path"), LACKS)
def test_what_the_programme_lacks_is_named_and_not_made_up(field, item, path):
    empty = () if field == "languages" else None
    built = build(programme=PROGRAMME.model_copy(update={field: empty}))

    assert not built.complete
    assert [(m.item, m.path) for m in built.missing] == [(item, path)]
    assert path[1] not in built.record.get(path[0], {})
    assert KEY in built.missing[0].why


@given(st.sets(st.sampled_from([field for field, _, _ in LACKS])))
def test_all_that_is_missing_is_named_at_once(fields):
    bare = {field: () if field == "languages" else None for field in fields}
    built = build(programme=PROGRAMME.model_copy(update=bare))

    expected = {(item, path) for field, item, path in LACKS if field in fields}
    assert {(m.item, m.path) for m in built.missing} == expected


def test_1_a_single_name_is_a_given_name_with_a_reason():
    single = (Name(script="latin", family="", given="SAMPLEDI"),)
    built = build(learner(person={"names": single}))

    assert built.complete
    assert "family_name" not in built.record["holder"]
    assert "1.1" in built.record["reasons"]


def test_1_3_an_impossible_birth_date_is_missing():
    built = build(learner(person={"birth_date": None}))

    assert [m.item for m in built.missing] == ["1.3"]


def test_2_1_the_degree_keeps_its_original_name():
    assert build().record["qualification"]["title_original"] == "学士(工学)"


def test_2_1_without_the_original_name_of_the_degree_it_is_missing():
    english = PROGRAMME.model_copy(update={"degree": Text(en="Bachelor")})
    built = build(programme=english)

    assert [m.path for m in built.missing] == [("qualification", "title_original")]


def test_2_1_without_a_degree_awarded_there_is_no_supplement():
    built = build(learner(awards=()))

    assert ("2.1", ("qualification", "awarded_on")) in {
        (m.item, m.path) for m in built.missing
    }


def test_2_1_the_latest_award_in_the_programme_counts():
    awards = tuple(
        Award(programme=key, awarded_on=date(year, 3, 24), origin=ORIGIN)
        for key, year in ((KEY, 2020), (KEY, 2026), ("other", 2030))
    )

    assert award_of(learner(awards=awards), PROGRAMME) == awards[1]


def test_2_2_the_field_names_its_scheme():
    assert build().record["qualification"]["field"]["scheme"] == "ISCED-F 2013"


def test_2_4_the_same_institution_taught_and_the_reason_says_so():
    assert "2.3" in build().record["reasons"]["2.4"]


def test_3_1_no_framework_level_is_made_up():
    text = json.dumps(build().record, ensure_ascii=False)

    assert "EQF" not in text


def test_4_3_a_result_has_credits_with_unit_and_grade_with_scale():
    row = build().record["results"][0]

    assert row["credits"] == {"value": 2, "unit": "JP-UNIV"}
    assert row["grade"] == {"label": "A", "scale": "JP5", "passed": True}
    assert row["taken"] == {"year": 2022, "term": "first"}


def test_4_3_a_course_links_to_what_was_published_about_it_that_year():
    stated = Course(
        code="A1", year=2022, syllabus="https://a/s", assessment="https://a/c"
    )
    catalogue = CATALOGUE.model_copy(update={"courses": (stated,)})
    own, later, elsewhere = (
        result(code="A1"),
        result(code="A1", year=2023),
        result(code="A1", recognised_from="Elsewhere"),
    )

    rows = [
        build(learner((one,)), catalogue=catalogue).record["results"][0]["taken"]
        for one in (own, later, elsewhere)
    ]

    assert rows == [
        {
            "year": 2022,
            "term": "first",
            "syllabus": "https://a/s",
            "assessment": "https://a/c",
        },
        {"year": 2023, "term": "first"},
        {"year": 2022, "term": "first"},
    ]


def test_4_3_without_results_there_is_no_supplement():
    assert "4.3" in {m.item for m in build(learner(())).missing}


def test_4_4_a_grade_its_scale_does_not_explain_is_missing():
    built = build(learner((*learner().results, result("INF99", "優"))))

    assert [m.item for m in built.missing] == ["4.4"]
    assert "優" in built.missing[0].why


def test_4_4_an_unknown_scale_is_missing():
    built = build(programme=PROGRAMME.model_copy(update={"grading_scale": "X"}))

    assert [m.item for m in built.missing] == ["4.4"]


def test_4_4_a_programme_without_results_and_scale_is_missing_both():
    built = build(learner(()), PROGRAMME.model_copy(update={"grading_scale": None}))

    assert {m.item for m in built.missing} == {"4.3", "4.4"}


def test_4_4_the_scale_states_its_direction_and_distribution():
    grading = build().record["grading"]

    assert grading["direction"] == "higher-is-better"
    assert grading["bands"][0] == {
        "scale": "JP5",
        "label": "S",
        "passed": True,
        "minimum": 90,
        "maximum": 100,
        "points": 4,
        "share": 0.12,
    }


def test_4_4_a_scale_on_which_low_is_good_says_so():
    low = CATALOGUE.grading_scales[0].model_copy(update={"higher_is_better": False})
    catalogue = CATALOGUE.model_copy(update={"grading_scales": (low,)})

    assert build(catalogue=catalogue).record["grading"]["direction"] == (
        "lower-is-better"
    )


def test_4_5_a_classification_is_stated_where_there_is_one():
    award = learner().awards[0].model_copy(update={"classification": "優等"})
    record = build(learner(awards=(award,))).record

    assert record["qualification"]["classification"] == "優等"
    assert "4.5" not in record["reasons"]


@pytest.mark.parametrize(
    ("field", "value", "item"), [("additional", None, "6.1"), ("sources", (), "6.2")]
)
def test_6_what_there_is_not_carries_its_reason(field, value, item):
    built = build(programme=PROGRAMME.model_copy(update={field: value}))

    assert built.complete
    assert item in built.record["reasons"]


def test_7_name_and_capacity_are_told_apart():
    certification = build().record["certification"]

    assert certification["signatory"] == "Ichirei REIJI"
    assert certification["capacity"] == "Registrar"


def test_7_a_name_without_capacity_carries_the_reason():
    catalogue = CATALOGUE.model_copy(update={"signatory": Text(en="The Registrar")})

    assert "7.3" in build(catalogue=catalogue).record["reasons"]


@pytest.mark.parametrize(
    ("field", "item"),
    [
        ("institution", "2.3"),
        ("institution_status", "2.3"),
        ("signatory", "7.2"),
        ("education_system", "8"),
    ],
)
def test_what_the_catalogue_lacks_is_named(field, item):
    built = build(catalogue=CATALOGUE.model_copy(update={field: Text()}))

    assert item in {m.item for m in built.missing}


def test_an_institution_elsewhere_keeps_its_own_language():
    catalogue = CATALOGUE.model_copy(update={"country": "NL"})
    degree = Text(en="Master of Science", original="Meester", original_language="nl")
    record = build(
        programme=PROGRAMME.model_copy(update={"degree": degree}), catalogue=catalogue
    ).record

    assert record["qualification"]["title_original"] == "Meester"
    assert "awarding_institution_original" not in record["qualification"]


def test_a_learner_who_was_never_enrolled_is_missing_the_enrolment():
    assert "enrolment" in {m.item for m in build(learner(enrolments=())).missing}


def test_nothing_is_said_about_what_the_degree_is_worth():
    text = json.dumps(build().record).lower()

    for word in ("equivalent", "comparable", "recognised as", "equal to a"):
        assert word not in text


@given(results_of_any_kind)
def test_every_part_of_a_supplement_is_in_the_record_model(results):
    built = build(learner(results))

    assert unknown_units("diploma-supplement", built.record) == ()


@given(st.sampled_from(["latin", "kanji", "kana"]), st.text(), st.text(min_size=1))
def test_a_name_is_stated_as_the_register_spells_it(script, family, given_name):
    names = (Name(script=script, family=family, given=given_name),)
    holder = build(learner(person={"names": names})).record["holder"]

    assert holder["given_name"] == given_name
    assert holder.get("family_name", "") == family


def test_a_half_credit_stays_exact():
    half = result("INF1", credits={"value": "0.5", "unit": "JP-UNIV"})

    assert build(learner((half,))).record["results"][0]["credits"]["value"] == 0.5


def test_a_title_in_one_language_is_not_said_twice():
    row = result("INF1", title=both("数学", "数学").model_copy(update={"en": None}))
    stated = build(learner((row,))).record["results"][0]

    assert stated["title"] == "数学"
    assert "title_original" not in stated
