"""What is produced holds what was consented to, and nothing else (attack case A30)."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.credentials.claims_paths import expand, leaves, select
from protocol.exchange.dcql import Dcql, choices, requested
from protocol.identity.dids import DidUrl
from protocol.identity.keys import LocalSigningKey
from protocol.securing import sd_jwt

KEY = LocalSigningKey.generate("EdDSA")
KID = DidUrl.parse("did:web:registry.uni-a.example#cred-1")
VCT = "https://lrx.example/vct/transcript/1"

groups = st.sampled_from(["holder", "qualification", "programme"])
members = st.sampled_from(["title", "level", "credits", "code"])
values = st.sampled_from(["x", 3, True, {"value": 2, "unit": "ECTS"}, ["ja", "en"]])
elements = st.dictionaries(members, values, max_size=4)
records = st.dictionaries(
    groups, st.dictionaries(members, values, max_size=4), max_size=3
).flatmap(
    lambda record: st.lists(elements, max_size=4).map(
        lambda results: {**record, "results": results}
    )
)
paths = st.one_of(
    st.tuples(groups),
    st.tuples(groups, members),
    st.tuples(st.just("results"), st.none() | st.integers(0, 5)),
    st.tuples(st.just("results"), st.none() | st.integers(0, 5), members),
)


def produced(record, fields):
    salts = map("{:022}".format, itertools.count())
    token = sd_jwt.issue(record, vct=VCT, key=KEY, kid=KID, salts=lambda: next(salts))
    return sd_jwt.parse(sd_jwt.parse(token).present(fields)).record()


def without_empty(record):
    """Which groups and elements there are may show; nothing of their content does."""
    kept = {}
    for name, group in record.items():
        if isinstance(group, list):
            group = [element for element in group if element != {}]  # noqa: PLW2901
        if group not in ({}, []):
            kept[name] = group
    return kept


@settings(max_examples=60)
@given(records, st.lists(paths, min_size=1, max_size=4, unique=True), st.data())
def test_a_query_cannot_reach_beyond_the_frozen_scope(record, asked, data):
    later = {**record, "results": [*record["results"], {"code": "added later"}]}
    query = Dcql.parse(
        {
            "credentials": [
                {
                    "id": "one",
                    "format": "dc+sd-jwt",
                    "meta": {"vct_values": [VCT]},
                    "claims": [{"path": list(path)} for path in asked],
                }
            ]
        }
    ).credentials[0]
    units = leaves(record)
    scope = frozenset(data.draw(st.lists(st.sampled_from(units))) if units else ())

    released = requested(choices(query, later), scope)

    if released is not None:
        assert set(released) <= scope
        shown = without_empty(produced(later, released))
        assert shown == select(later, released)
        assert shown == select(record, released)
        assert "added later" not in str(shown)


@settings(max_examples=60)
@given(records, st.lists(paths, max_size=4))
def test_the_produced_document_holds_the_released_units_and_no_other(record, asked):
    units = {unit for path in asked for unit in expand(path, record)}

    assert without_empty(produced(record, units)) == select(record, units)
