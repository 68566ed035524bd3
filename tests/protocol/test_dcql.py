"""What a query asks of a record, and what goes out once the learner has chosen."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.credentials.claims_paths import covers, leaves
from protocol.errors import MessageSchemaError
from protocol.exchange.dcql import Dcql, choices, requested

VCT = "https://lrx.example/vct/diploma-supplement/1"
QUERY = {
    "credentials": [
        {
            "id": "degree",
            "format": "dc+sd-jwt",
            "meta": {"vct_values": [VCT]},
            "claims": [
                {"id": "t", "path": ["qualification", "title"]},
                {"id": "l", "path": ["qualification", "level"]},
                {"id": "c", "path": ["programme", "credits"]},
                {"id": "g", "path": ["results", None, "grade"]},
            ],
            "claim_sets": [["t", "l", "c", "g"], ["t", "l", "c"]],
        }
    ]
}
RECORD = {
    "holder": {"birth_date": "2001-05-14"},
    "qualification": {"title": "Bachelor of Engineering", "level": 6},
    "programme": {"credits": {"value": 124, "unit": "JP"}},
    "results": [
        {"code": "M1", "grade": {"label": "優"}},
        {"code": "M2"},
        {"code": "M3", "grade": {"label": "秀"}},
    ],
}
GRADES = (("results", 0, "grade"), ("results", 2, "grade"))
REQUIRED = (
    ("qualification", "title"),
    ("qualification", "level"),
    ("programme", "credits"),
)


def the_query(**changes):
    value = copy.deepcopy(QUERY)
    value["credentials"][0].update(changes)
    if changes.get("claim_sets", ...) is None:
        del value["credentials"][0]["claim_sets"]
    return Dcql.parse(value).credentials[0]


def test_a_claim_that_some_combination_leaves_out_can_be_switched_off():
    choice = choices(the_query(), RECORD)

    assert choice.required == REQUIRED
    assert choice.optional == GRADES
    assert [(one.path, one.optional) for one in choice.fields] == [
        (("qualification", "title"), False),
        (("qualification", "level"), False),
        (("programme", "credits"), False),
        (("results", None, "grade"), True),
    ]


def test_the_preferred_combination_goes_out_if_all_of_it_was_chosen():
    choice = choices(the_query(), RECORD)

    assert requested(choice, [*GRADES, *REQUIRED]) == (*REQUIRED, *GRADES)
    assert requested(choice, REQUIRED) == REQUIRED


def test_an_incomplete_combination_is_not_sent_in_part():
    choice = choices(the_query(), RECORD)

    assert requested(choice, [*REQUIRED, GRADES[0]]) == REQUIRED
    assert requested(choice, REQUIRED[1:]) is None


def test_what_nobody_asked_for_stays_even_if_chosen():
    choice = choices(the_query(), RECORD)

    assert requested(choice, leaves(RECORD)) == (*REQUIRED, *GRADES)


def test_a_query_without_claims_asks_for_everything_and_says_so():
    query = Dcql.parse(
        {"credentials": [{"id": "a", "format": "x", "meta": {"vct_values": [VCT]}}]}
    )
    choice = choices(query.credentials[0], RECORD)

    assert query.asks_everything
    assert choice.everything
    assert choice.required == leaves(RECORD)
    assert choice.optional == ()
    assert requested(choice, leaves(RECORD)[1:]) is None
    assert not choices(query.credentials[0], {}).satisfiable
    assert not Dcql.parse(QUERY).asks_everything


def test_a_combination_the_record_cannot_fill_is_not_offered():
    record = {name: RECORD[name] for name in ("qualification", "programme")}

    choice = choices(the_query(), record)

    assert choice.satisfiable
    assert choice.optional == ()
    assert requested(choice, leaves(record)) == REQUIRED


def test_if_no_combination_can_be_filled_there_is_nothing_to_ask():
    choice = choices(the_query(), {"qualification": {"title": "x"}})

    assert not choice.satisfiable
    assert choice.fields == ()
    assert requested(choice, [("qualification", "title")]) is None


@pytest.mark.parametrize(
    ("values", "matches"),
    [([6], True), (["6"], False), ([5, 6], True), ([True], False), ([5], False)],
)
def test_a_value_matches_in_type_and_value(values, matches):
    query = the_query(
        claims=[{"path": ["qualification", "level"], "values": values}],
        claim_sets=None,
    )

    assert choices(query, RECORD).satisfiable is matches


def test_elements_added_later_are_not_covered():
    before = choices(the_query(), RECORD)
    later = copy.deepcopy(RECORD)
    later["results"].append({"code": "M4", "grade": {"label": "可"}})

    assert requested(choices(the_query(), later), before.units) == REQUIRED


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"credentials": []},
        {**QUERY, "credential_sets": [{"options": [["degree"]]}]},
        {"credentials": QUERY["credentials"] * 2},
        {
            "credentials": [
                {**QUERY["credentials"][0], "id": f"c{n}"} for n in range(51)
            ]
        },
    ],
)
def test_a_query_of_another_form_is_refused(value):
    with pytest.raises(MessageSchemaError):
        Dcql.parse(value)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "a b"},
        {"id": "a\n"},
        {"format": ""},
        {"meta": {}},
        {"meta": {"vct_values": []}},
        {"meta": {"vct_values": [VCT], "other": 1}},
        {"meta": {"type_values": [["x"]]}},
        {"multiple": True},
        {"trusted_authorities": []},
        {"require_cryptographic_holder_binding": True},
        {"claims": []},
        {"claims": None},
        {"claims": [{"path": ["a", "b"]}]},
        {"claims": [{"id": "t", "path": []}], "claim_sets": None},
        {"claims": [{"path": ["a", "b", "c"]}], "claim_sets": None},
        {"claims": [{"path": ["a", 0, "c", "d"]}], "claim_sets": None},
        {"claims": [{"path": [None]}], "claim_sets": None},
        {"claims": [{"path": ["a"]}, {"path": ["a"]}], "claim_sets": None},
        {"claims": [{"id": "x", "path": ["a"]}, {"id": "x", "path": ["b"]}]},
        {"claims": [{"path": ["a"], "values": []}], "claim_sets": None},
        {"claims": [{"path": ["a"], "values": [1.5]}], "claim_sets": None},
        {"claims": [{"path": ["a"], "intent_to_retain": True}], "claim_sets": None},
        {"claims": [{"id": None, "path": ["a"]}], "claim_sets": None},
        {"claims": [{"path": ["a"], "values": None}], "claim_sets": None},
        {"claims": None, "claim_sets": None},
        {"claim_sets": []},
        {"claim_sets": [[]]},
        {"claim_sets": [["t", "t"]]},
        {"claim_sets": [["unknown"]]},
    ],
)
def test_a_credential_query_with_anything_unknown_is_refused(changes):
    with pytest.raises(MessageSchemaError):
        the_query(**changes)


def test_an_error_names_the_place_and_not_the_value():
    with pytest.raises(MessageSchemaError) as error:
        the_query(claims=[{"id": "secret name", "path": ["a"]}])

    assert "credentials.0.claims.0.id" in str(error.value)
    assert "secret" not in str(error.value)


names = st.sampled_from(["a", "b"])
scalars = st.integers(0, 2)
records = st.dictionaries(
    names,
    st.dictionaries(names, scalars, max_size=2)
    | st.lists(st.dictionaries(names, scalars, max_size=2), max_size=2),
    max_size=2,
)
paths = st.one_of(
    st.tuples(names),
    st.tuples(names, names),
    st.tuples(names, st.none() | st.integers(0, 2)),
    st.tuples(names, st.none() | st.integers(0, 2), names),
)


@st.composite
def queries(draw):
    asked = draw(st.lists(paths, min_size=1, max_size=4, unique=True))
    claims = [{"id": f"c{n}", "path": list(path)} for n, path in enumerate(asked)]
    ids = [claim["id"] for claim in claims]
    sets = st.lists(st.sampled_from(ids), min_size=1, max_size=4, unique=True)
    credential = {
        "id": "one",
        "format": "dc+sd-jwt",
        "meta": {"vct_values": [VCT]},
        "claims": claims,
    }
    if draw(st.booleans()):
        credential["claim_sets"] = draw(st.lists(sets, min_size=1, max_size=3))
    return Dcql.parse({"credentials": [credential]}).credentials[0]


@given(queries(), records, st.data())
def test_what_goes_out_was_asked_for_chosen_and_exists(query, record, data):
    choice = choices(query, record)
    chosen = data.draw(st.lists(st.sampled_from(leaves(record) or [("a",)])))

    out = requested(choice, chosen)

    if out is not None:
        asked = [claim.path for claim in query.claims]
        assert set(out) in [set(units) for units in choice.sets]
        assert set(choice.required) <= set(out) <= set(chosen)
        assert set(out) <= set(leaves(record))
        assert all(any(covers(path, unit) for path in asked) for unit in out)
    elif choice.satisfiable:
        assert not any(units <= set(chosen) for units in choice.sets)


@given(queries(), records)
def test_the_choice_splits_into_required_and_optional(query, record):
    choice = choices(query, record)

    assert sorted(choice.required + choice.optional, key=str) == sorted(
        choice.units, key=str
    )
    assert set(choice.units) == set().union(*choice.sets)
    assert requested(choice, choice.units) == (
        tuple(unit for unit in choice.units if unit in choice.sets[0])
        if choice.sets
        else None
    )
