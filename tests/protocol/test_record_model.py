from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.credentials.certificates import FORMS, certificate
from protocol.credentials.claims_paths import is_unit_path, leaves
from protocol.credentials.diploma_supplement import ITEMS, diploma_supplement
from protocol.credentials.micro_credential import micro_credential
from protocol.credentials.record_model import (
    FORMATS,
    KINDS,
    OPEN_BADGE,
    TYPES,
    UNITS,
    is_known,
    kind_of,
    place,
    units_of,
    unknown_units,
    vct,
)
from protocol.credentials.transcript import transcript
from protocol.credentials.vcdm import (
    as_claims,
    as_credential,
    as_text,
    record_of,
)
from protocol.identity.dids import Did
from protocol.securing.disclosures import REGISTERED
from tests.records import CATALOGUE, MICRO, ON, PROGRAMME, learner

AT = datetime(2026, 4, 10, 9, 30, 15, 250_000, tzinfo=UTC)
END = datetime(2026, 7, 10, 14, 59, 59, tzinfo=UTC)
ISSUER = Did("did:web:uni.example")
STATUS = {
    "type": "BitstringStatusListEntry",
    "statusPurpose": "revocation",
    "statusListIndex": "94567",
    "statusListCredential": "https://uni.example/status/1",
}


def records():
    """One record of every kind, complete."""
    yield (
        "diploma-supplement",
        diploma_supplement(learner(), PROGRAMME, CATALOGUE, on=ON).record,
    )
    yield "transcript", transcript(learner(), PROGRAMME, CATALOGUE).record
    yield (
        "micro-credential",
        micro_credential(learner(), MICRO, CATALOGUE, on=ON).record,
    )
    for kind, form in FORMS.items():
        record = learner(status=min(form.statuses))
        built = certificate(kind, record, PROGRAMME, CATALOGUE, on=ON, number="1")
        yield kind, built.record


RECORDS = dict(records())


def credential(kind):
    return as_credential(
        RECORDS[kind],
        kind,
        id_="urn:uuid:1",
        issuer=ISSUER,
        name="Sample University",
        valid_from=AT,
        valid_until=END if kind == "enrolment-certificate" else None,
        status=STATUS,
    )


def test_there_is_a_record_of_every_kind():
    assert set(RECORDS) == set(KINDS) == set(TYPES)


def test_every_path_of_the_table_is_a_unit_and_stands_once():
    assert all(is_unit_path(unit.path) for unit in UNITS)
    assert len({unit.path for unit in UNITS}) == len(UNITS)


def test_every_item_of_the_diploma_supplement_is_in_the_table():
    items = {unit.item for unit in units_of("diploma-supplement")} - {None}

    assert items == set(ITEMS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_told_by_its_vct_and_its_type(kind):
    assert kind_of(vct(kind)) == kind
    assert kind_of(TYPES[kind]) == kind


@pytest.mark.parametrize(
    "name", ["", "VerifiableCredential", "https://x.example/vct/1"]
)
def test_a_foreign_vct_names_no_kind(name):
    assert kind_of(name) is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_of_a_record_is_in_the_table(kind):
    assert unknown_units(kind, RECORDS[kind]) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_every_concrete_path_of_a_record_is_known(kind):
    assert all(is_known(kind, path) for path in leaves(RECORDS[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_in_no_table_is_unknown(kind):
    strange = {**RECORDS[kind], "holder": {"shoe_size": 38}, "secrets": {"a": 1}}

    assert set(unknown_units(kind, strange)) == {
        ("holder", "shoe_size"),
        ("secrets", "a"),
    }


@pytest.mark.parametrize(
    ("kind", "path", "known"),
    [
        ("diploma-supplement", ("results",), True),
        ("diploma-supplement", ("results", None), True),
        ("diploma-supplement", ("results", 3), True),
        ("diploma-supplement", ("results", 3, "grade"), True),
        ("diploma-supplement", ("results", None, "grade"), True),
        ("diploma-supplement", ("results", 3, "grade", "label"), False),
        ("diploma-supplement", ("results", "grade"), False),
        ("diploma-supplement", ("reasons", "4.5"), True),
        ("diploma-supplement", ("reasons",), True),
        ("diploma-supplement", ("reasons", "4.5", "x"), False),
        ("diploma-supplement", ("achievement", "level"), False),
        ("micro-credential", ("achievement", "level"), True),
        ("micro-credential", ("reasons", "1.1"), True),
        ("credit-certificate", ("results", None, "grade"), False),
        ("transcript", (None,), False),
        ("unheard-of", ("holder", "given_name"), False),
        ("unheard-of", ("reasons", "1.1"), False),
    ],
)
def test_a_path_selects_units_or_is_unknown(kind, path, known):
    assert is_known(kind, path) is known


@given(
    st.sampled_from(KINDS),
    st.lists(st.text() | st.integers(0) | st.none(), min_size=1, max_size=5),
)
def test_any_path_at_all_gets_an_answer(kind, path):
    assert is_known(kind, tuple(path)) in (True, False)


@pytest.mark.parametrize("kind", KINDS)
def test_the_places_in_a_vc_are_where_the_values_are(kind):
    if kind == "micro-credential":
        return
    secured = credential(kind)
    for path in leaves(RECORDS[kind]):
        value, claim = secured, RECORDS[kind]
        for step in place(kind, path, "ldp_vc"):
            value = value[step]
        for step in path:
            claim = claim[step]
        assert value == claim


def test_the_places_in_an_open_badge_exist():
    secured = credential("micro-credential")
    for path in leaves(RECORDS["micro-credential"]):
        value = secured
        for step in OPEN_BADGE[path]:
            value = value[step]
        assert value


def test_a_path_has_a_place_in_each_format_or_none():
    path = ("results", 3, "grade")

    assert place("transcript", path, "dc+sd-jwt") == path
    assert place("transcript", path, "ldp_vc") == ("credentialSubject", *path)
    assert place("transcript", path, "application/elmo+xml").endswith("/resultLabel")
    assert place("transcript", ("results", 3), "application/elmo+xml") is None
    assert all(place("transcript", ("x", "y"), form) is None for form in FORMATS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_credential_is_of_vc_data_model_2_0(kind):
    secured = credential(kind)

    assert secured["@context"][0] == "https://www.w3.org/ns/credentials/v2"
    assert secured["type"] == ["VerifiableCredential", TYPES[kind]]
    assert secured["validFrom"] == "2026-04-10T09:30:15Z"
    assert ("validUntil" in secured) == (kind == "enrolment-certificate")
    assert secured["credentialStatus"] == STATUS
    assert secured["issuer"]["id"] == str(ISSUER)
    assert secured["name"]


def test_a_badge_has_the_contexts_in_the_order_open_badges_asks_for():
    assert credential("micro-credential")["@context"] == [
        "https://www.w3.org/ns/credentials/v2",
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
        "https://lrx.example/ns/records/1",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_credential_read_back_is_the_record(kind):
    assert record_of(credential(kind), kind) == RECORDS[kind]


def test_a_subject_that_is_no_object_states_nothing():
    assert record_of({"credentialSubject": "did:example:1"}, None) == {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("until", [None, END])
def test_claims_are_the_record_and_the_registered_ones(kind, until):
    claims = as_claims(
        RECORDS[kind],
        id_="urn:uuid:1",
        issuer=ISSUER,
        valid_from=AT,
        valid_until=until,
        status=STATUS,
    )

    assert {k: v for k, v in claims.items() if k not in REGISTERED} == RECORDS[kind]
    assert claims["iat"] == claims["nbf"] == int(AT.timestamp())
    assert claims.get("exp") == (until and int(until.timestamp()))


def test_no_group_of_a_record_is_a_registered_claim():
    assert REGISTERED.isdisjoint({str(unit.path[0]) for unit in UNITS})


def test_a_moment_is_written_in_utc():
    assert as_text(AT) == "2026-04-10T09:30:15Z"
