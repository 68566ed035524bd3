"""SD-JWT: the examples of the specification, laws of disclosure, and attacks (A16)."""

import base64
import itertools
import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.credentials.claims_paths import leaves, select
from protocol.errors import SecuringError
from protocol.identity.keys import LocalSigningKey, VerificationKey
from protocol.identity.multibase import as_base64url, from_base64url
from protocol.securing import jose, key_binding, sd_jwt
from protocol.securing.disclosures import (
    Contents,
    Disclosure,
    digest_of,
    process,
)
from protocol.securing.key_binding import Binding
from protocol.securing.sd_jwt import MAXIMUM_DISCLOSURES
from tests.protocol.parties import AT, RECORD, Party, salts

VECTORS = json.loads(
    Path(__file__).parent.parent.joinpath("vectors/sd-jwt/examples.json").read_text()
)
UNI = Party("uni-a.example")
HOLDER = LocalSigningKey.generate("ES256")
KID = UNI.url("#cred-2")
BINDING = Binding("https://verifier.example", "kUpOs1d2Rj8nX0mYb3cT4Q")


def issue(claims, **more):
    more = {"vct": "urn:test", "salts": salts(), "kid": KID} | more
    return sd_jwt.issue(claims, key=UNI.keys["#cred-2"], **more)


def signed(payload):
    """Sign a payload as it is, digests and all."""
    claims = {"iss": str(UNI.did), "vct": "urn:test"} | payload
    return jose.secure(claims, key=UNI.keys["#cred-2"], kid=KID, typ="dc+sd-jwt")


def disclosure(*content):
    return as_base64url(json.dumps(content, ensure_ascii=False).encode())


# --- published examples


@pytest.mark.parametrize("example", VECTORS["examples"], ids=lambda e: e["name"])
def test_published_examples_lead_to_the_published_claims(example):
    token, *texts, _ = example["sd_jwt"].split("~")
    first, second, third = token.split(".")
    key = VerificationKey.from_jwk(VECTORS["issuer_key"])
    disclosures = [Disclosure.read(text) for text in texts]

    assert key.verify(from_base64url(third), f"{first}.{second}".encode())
    payload = json.loads(from_base64url(second))
    assert process(payload, disclosures) == example["processed"]


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        # RFC 9901, "Hashing Disclosures".
        (
            "WyI2cU1RdlJMNWhhaiIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0",
            "uutlBuYeMDyjLLTpf6Jxi7yNkEF35jdyWMn9U7b_RYY",
        ),
        (
            "WyIyR0xDNDJzS1F2ZUNmR2ZyeU5STjl3IiwgImdpdmVuX25hbWUiLCAiSm9obiJd",
            "jsu9yVulwQQlhFlM_3JlzMaSFzglhQG0DpfayQwLUK4",
        ),
        ("WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIlVTIl0", None),
    ],
)
def test_digests_are_those_of_the_specification(text, digest):
    assert digest is None or digest_of(text) == digest
    assert Disclosure.read(text).digest == digest_of(text)


# --- laws

names = st.sampled_from(["a", "b", "c", "名前"])
scalars = st.text("xyz語", min_size=1, max_size=4).map(
    lambda t: f"«{t}»"
) | st.integers(-5, 5)
units = scalars | st.dictionaries(names, scalars, min_size=1, max_size=2)
groups = st.dictionaries(names, units, min_size=1, max_size=3)
records = st.dictionaries(
    st.sampled_from(["holder", "qualification", "results", "reasons"]),
    groups | st.lists(groups | scalars, min_size=1, max_size=3) | scalars,
    min_size=1,
    max_size=3,
)


@given(records)
def test_what_is_issued_can_be_read_whole(record):
    parsed = sd_jwt.parse(issue({"iss": str(UNI.did), "iat": 1} | record))

    assert parsed.record() == record
    assert parsed.claims() == record | {
        "iss": str(UNI.did),
        "iat": 1,
        "vct": "urn:test",
    }
    assert parsed.paths() == set(leaves(record))
    assert sd_jwt.verify(parsed, UNI.keys["#cred-2"].verification_key)


@given(records, st.data())
def test_exactly_what_was_chosen_is_presented(record, data):
    whole = sd_jwt.parse(issue(record))
    chosen = data.draw(st.sets(st.sampled_from(sorted(leaves(record), key=str))))

    shown = sd_jwt.parse(whole.present(chosen))

    assert shown.record() == select(record, chosen)
    assert sd_jwt.verify(shown, UNI.keys["#cred-2"].verification_key)


@given(records, st.data())
def test_contents_kept_apart_present_the_same(record, data):
    text = issue(record)
    whole = sd_jwt.parse(text)
    chosen = data.draw(st.sets(st.sampled_from(sorted(leaves(record), key=str))))

    kept = Contents.unpacked(json.loads(json.dumps(whole.contents.packed())))

    assert kept == whole.contents
    assert sd_jwt.present(text, kept, chosen) == whole.present(chosen)


def marked(record):
    """Give each unit a value that can be found again."""
    marks = (f"secret-{number:04d}-value" for number in itertools.count())
    return {
        name: [{member: next(marks) for member in one} for one in group]
        if isinstance(group, list)
        else {member: next(marks) for member in group}
        for name, group in record.items()
    }


def spellings(value):
    """How a value might stand in a text: plain, or inside base64 at any offset."""
    yield value
    for before in range(3):
        padded = bytes(before) + value.encode() + bytes(-(before + len(value)) % 3)
        encoded = base64.urlsafe_b64encode(padded).decode()
        # Its ends depend on what stands around it.
        yield encoded[4:-4]


@given(st.data())
@settings(max_examples=40)
def test_a_withheld_value_stands_nowhere(data):
    record = marked(RECORD)
    whole = sd_jwt.parse(issue(record))
    chosen = data.draw(st.sets(st.sampled_from(sorted(leaves(record), key=str))))

    text = whole.present(chosen)

    for path in leaves(record):
        value = record[path[0]]
        for component in path[1:]:
            value = value[component]
        found = [one for one in spellings(value) if one in text]
        assert bool(found) == (path in chosen)


def test_salts_are_used_once_and_digests_in_their_own_order():
    parsed = sd_jwt.parse(issue(RECORD))
    used = [json.loads(from_base64url(d.text))[0] for d in parsed.disclosures]
    digests = parsed.payload["holder"]["_sd"]

    assert len(set(used)) == len(used)
    assert digests == sorted(digests)


def test_registered_and_plain_claims_stay_open():
    claims = {"iss": str(UNI.did), "exp": 2, "status": {"type": "x"}, "jti": "1"}
    plain = [("holder", "family_name"), ("results", None, "code"), ("certificate",)]
    record = RECORD | {"certificate": {"title": "t"}}
    parsed = sd_jwt.parse(issue(claims | record, plain=plain))

    shown = sd_jwt.parse(parsed.present([]))

    assert shown.record() == {
        "holder": {"family_name": "Tanaka"},
        "results": [{"code": "M0"}, {"code": "M1"}, {"code": "M2"}],
        "certificate": {"title": "t"},
    }
    assert shown.claims() == shown.record() | claims | {"vct": "urn:test"}
    element = sd_jwt.parse(parsed.present([("results", 1, "grade")]))
    assert element.record()["results"][1] == {
        "code": "M1",
        "grade": {"label": "A", "passed": True},
    }


def test_a_path_from_above_presents_all_below():
    parsed = sd_jwt.parse(issue(RECORD))
    shown = sd_jwt.parse(parsed.present([("holder",), ("results", 2)])).record()
    assert shown == {"holder": RECORD["holder"], "results": [RECORD["results"][2]]}


def test_elements_of_a_list_may_be_open_too():
    claims = {"tags": ["a", "b"], "more": [{"x": 1}]}
    plain = [("tags", None), ("more", None)]
    assert sd_jwt.parse(issue(claims, plain=plain)).disclosures == ()
    assert len(sd_jwt.parse(issue(claims)).disclosures) == 4


def test_what_was_signed_can_be_verified_by_its_parts():
    parsed = sd_jwt.parse(issue(RECORD))
    key = UNI.keys["#cred-2"].verification_key
    assert parsed.kid == KID
    assert key.verify(parsed.signature, parsed.signing_input)


@pytest.mark.parametrize(
    "path",
    [
        ("holder", "birth_date"),
        ("nothing",),
        ("results", 3, "grade"),
        ("results", None, "grade"),
        ("results", 0, "grade", "label"),
        (),
    ],
)
def test_a_path_to_nothing_that_can_be_shown_alone_is_refused(path):
    with pytest.raises(SecuringError):
        sd_jwt.parse(issue(RECORD)).present([path])


def test_a_presentation_can_be_narrowed_further():
    first = sd_jwt.parse(issue(RECORD)).present([("holder",), ("results", 2)])
    second = sd_jwt.parse(first).present([("results", 0, "code")])
    assert sd_jwt.parse(second).record() == {"results": [{"code": "M2"}]}


def transcript(courses, members=7):
    return {
        "holder": {f"m{number}": "x" for number in range(6)},
        "results": [
            {f"m{number}": f"{course}-{number}" for number in range(members)}
            for course in range(courses)
        ],
    }


@pytest.mark.parametrize("courses", [60, 70, 72, 73, 200, 500])
def test_a_record_of_any_size_stays_within_the_limit(courses):
    record = transcript(courses)
    parsed = sd_jwt.parse(issue(record))

    assert len(parsed.disclosures) <= MAXIMUM_DISCLOSURES
    assert parsed.record() == record
    chosen = {("holder", "m1"), *((("results", 5, f"m{n}")) for n in range(7))}
    shown = sd_jwt.parse(parsed.present(chosen))
    assert shown.record() == select(record, chosen)


def test_a_coarse_record_shows_an_element_whole_or_not_at_all():
    record = transcript(200)
    parsed = sd_jwt.parse(issue(record))
    with pytest.raises(SecuringError):
        parsed.present([("results", 5, "m0")])
    shown = sd_jwt.parse(parsed.present([("results", 5)])).record()
    assert shown == {"results": [record["results"][5]]}


def test_a_record_beyond_all_measure_is_refused():
    with pytest.raises(SecuringError):
        issue(transcript(600))


def test_a_diploma_of_sixty_courses_has_fewer_disclosures_than_the_limit():
    record = transcript(60, members=6)
    assert len(sd_jwt.parse(issue(record)).disclosures) == 60 * 7 + 6


@pytest.mark.parametrize("name", ["_sd", "..."])
def test_claims_with_reserved_names_are_not_issued(name):
    for claims in ({name: 1}, {"a": {name: 1}}, {"a": [{"b": {name: []}}]}):
        with pytest.raises(ValueError, match="SD-JWT keeps"):
            issue(claims)


# --- attacks


def test_the_former_name_of_the_type_is_read_and_others_are_not():
    token = issue(RECORD).partition("~")[0]
    claims = jose.read(token, "dc+sd-jwt").claims
    key = UNI.keys["#cred-2"]
    former = jose.secure(claims, key=key, kid=KID, typ="vc+sd-jwt") + "~"
    assert sd_jwt.parse(former).typ == "vc+sd-jwt"
    with pytest.raises(SecuringError):
        sd_jwt.parse(jose.secure(claims, key=key, kid=KID, typ="vc+jwt") + "~")


def refused(payload, *texts):
    text = "~".join([signed(payload), *texts, ""])
    with pytest.raises(SecuringError):
        sd_jwt.parse(text)


CLAIM = disclosure("salt", "name", "value")
ELEMENT = disclosure("salt", "value")
IN_GROUP = {"group": {"_sd": [digest_of(CLAIM)]}}
IN_LIST = {"list": [{"...": digest_of(ELEMENT)}]}


def test_the_plain_forms_of_what_is_attacked_below_are_read():
    one = sd_jwt.parse("~".join([signed(IN_GROUP), CLAIM, ""]))
    other = sd_jwt.parse("~".join([signed(IN_LIST), ELEMENT, ""]))
    assert one.record() == {"group": {"name": "value"}}
    assert other.record() == {"list": ["value"]}


@pytest.mark.parametrize(
    ("payload", "texts"),
    [
        ({}, [CLAIM]),
        (IN_GROUP, [CLAIM, CLAIM]),
        (IN_GROUP, [CLAIM, ELEMENT]),
        ({"a": IN_GROUP, "b": IN_GROUP}, [CLAIM]),
        ({"a": IN_GROUP, "b": IN_GROUP}, []),
        ({"a": {"_sd": ["x", "x"]}}, []),
        (IN_LIST | {"more": IN_LIST["list"]}, []),
        ({"group": {"_sd": [digest_of(ELEMENT)]}}, [ELEMENT]),
        ({"list": [{"...": digest_of(CLAIM)}]}, [CLAIM]),
        ({"list": [{"...": digest_of(ELEMENT), "more": 1}]}, [ELEMENT]),
        ({"list": [{"...": 1}]}, []),
        ({"group": {"...": digest_of(ELEMENT)}}, [ELEMENT]),
        ({"group": {"_sd": digest_of(CLAIM)}}, [CLAIM]),
        ({"group": {"_sd": [1]}}, []),
        ({"group": {"_sd": [digest_of(CLAIM)], "name": "open"}}, [CLAIM]),
        (IN_GROUP | {"_sd_alg": "sha-512"}, [CLAIM]),
        (IN_GROUP | {"_sd_alg": None}, [CLAIM]),
    ],
    ids=[
        *("unreferenced", "twice", "one too many", "digest twice", "decoy twice"),
        *("digest twice in one", "element twice", "element as claim"),
        *("claim as element", "beside ...", "... no text", "... in object"),
        *("_sd no list", "_sd no text", "again", "sha-512", "no alg"),
    ],
)
def test_disclosures_that_do_not_fit_are_refused(payload, texts):
    refused(payload, *texts)


@pytest.mark.parametrize(
    "text",
    [
        disclosure("salt", "_sd", ["x"]),
        disclosure("salt", "...", "x"),
        disclosure("salt", 1, "x"),
        disclosure(1, "name", "x"),
        disclosure("salt"),
        disclosure(),
        disclosure("salt", "name", "x", "y"),
        as_base64url(b'{"salt": "name"}'),
        as_base64url(b'["salt", "name", {"a": 1, "a": 2}]'),
        as_base64url(b'["salt", "name", NaN]'),
        as_base64url(b'["salt", "name", "x"'),
        as_base64url(b"\xff"),
        disclosure("salt", "name", "value") + "=",
        "",
    ],
)
def test_disclosures_that_cannot_be_read_are_refused(text):
    refused({"_sd": [digest_of(text)]}, text)


@pytest.mark.parametrize("name", ["iss", "exp", "nbf", "vct", "cnf", "status"])
def test_what_must_be_open_cannot_be_disclosed(name):
    text = disclosure("salt", name, 1)
    payload = {n: v for n, v in {"vct": "x", "iss": "y"}.items() if n != name}
    token = jose.secure(
        payload | {"_sd": [digest_of(text)]},
        key=UNI.keys["#cred-2"],
        kid=KID,
        typ="dc+sd-jwt",
    )
    with pytest.raises(SecuringError):
        sd_jwt.parse(f"{token}~{text}~")


def test_disclosures_nested_beyond_any_json_are_refused():
    text, texts = CLAIM, [CLAIM]
    for _ in range(60):
        text = disclosure("salt", "name", {"_sd": [digest_of(text)]})
        texts.append(text)
    refused({"_sd": [digest_of(text)]}, *texts)


def test_a_disclosure_needs_those_around_it():
    inner = disclosure("salt", "inner", "x")
    outer = disclosure("salt", "outer", {"_sd": [digest_of(inner)]})
    payload = {"group": {"_sd": [digest_of(outer)]}}
    whole = sd_jwt.parse("~".join([signed(payload), inner, outer, ""]))

    assert whole.record() == {"group": {"outer": {"inner": "x"}}}
    assert whole.paths() == {("group", "outer", "inner")}
    assert whole.present([("group", "outer", "inner")]).count("~") == 3
    refused(payload, inner)


def test_what_is_open_inside_a_disclosure_is_not_given_away_with_another():
    inner = disclosure("salt", "hidden", "x")
    outer = disclosure("salt", {"open": "y", "_sd": [digest_of(inner)]})
    payload = {"list": [{"...": digest_of(outer)}]}
    whole = sd_jwt.parse("~".join([signed(payload), inner, outer, ""]))

    with pytest.raises(SecuringError, match="alone"):
        whole.present([("list", 0, "hidden")])
    assert whole.present([("list", 0, "open")]).count("~") == 2
    assert whole.present([("list", 0)]).count("~") == 3


def test_more_disclosures_than_the_limit_are_refused():
    texts = [disclosure("salt", str(number)) for number in range(513)]
    elements = [{"...": digest_of(text)} for text in texts]
    sd_jwt.parse("~".join([signed({"list": elements}), *texts[:512], ""]))
    refused({"list": elements}, *texts)


@pytest.mark.parametrize("text", ["", "~", "a~b~", "a.b.c~", "a.b.c"])
def test_what_is_no_sd_jwt_is_refused(text):
    with pytest.raises(SecuringError):
        sd_jwt.parse(text)


# --- the holder's proof


def bound(**changes):
    whole = issue(RECORD | {"cnf": {"jwk": HOLDER.verification_key.jwk()}} | changes)
    return sd_jwt.parse(whole).present([("holder",)])


def prove(presented, *, key=HOLDER, to=BINDING, at=AT):
    return sd_jwt.parse(key_binding.bind(presented, key=key, to=to, at=at))


def test_a_holders_proof_holds_for_whom_it_was_made():
    proven = prove(bound())
    assert key_binding.fault(proven, to=BINDING, at=AT) is None
    assert key_binding.fault(proven, to=None, at=AT) is None
    assert proven.record() == {"holder": RECORD["holder"]}


def test_the_published_holders_proof_is_over_the_published_presentation():
    text = VECTORS["examples"][0]["sd_jwt"]
    presented, _, proof = text.rpartition("~")
    claims = json.loads(from_base64url(proof.split(".")[1]))
    assert claims["sd_hash"] == digest_of(presented + "~")


def test_a_proof_over_another_presentation_is_a_fault():
    proof = prove(bound()).key_binding
    other = sd_jwt.parse(
        issue(RECORD | {"cnf": {"jwk": HOLDER.verification_key.jwk()}})
    )
    moved = sd_jwt.parse(other.present([("holder", "family_name")]) + proof)
    assert "another presentation" in key_binding.fault(moved, to=BINDING, at=AT)


@pytest.mark.parametrize(
    ("to", "at", "word"),
    [
        (Binding("https://other.example", BINDING.nonce), AT, "audience"),
        (Binding(BINDING.audience, "another"), AT, "nonce"),
        (BINDING, AT - timedelta(seconds=1), "before"),
        (BINDING, AT + timedelta(minutes=6), "before"),
    ],
)
def test_a_proof_for_others_or_from_another_time_is_a_fault(to, at, word):
    assert word in key_binding.fault(prove(bound()), to=to, at=at)


def test_a_proof_by_somebody_else_is_a_fault():
    stranger = LocalSigningKey.generate("ES256")
    proven = prove(bound(), key=stranger)
    assert "holder's key" in key_binding.fault(proven, to=BINDING, at=AT)


def test_a_missing_proof_or_holders_key_is_a_fault():
    bare = sd_jwt.parse(bound())
    assert "no key binding" in key_binding.fault(bare, to=BINDING, at=AT)
    for cnf in (
        None,
        {},
        {"jwk": "x"},
        {"kid": "x"},
        {"jwk": {"kty": "oct", "k": "x"}},
    ):
        proven = prove(bound(cnf=cnf))
        assert key_binding.fault(proven, to=BINDING, at=AT)


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"alg": "none", "typ": "kb+jwt"}, {}),
        ({"alg": "EdDSA", "typ": "kb+jwt"}, {}),
        ({"alg": "ES256", "typ": "JWT"}, {}),
        ({"alg": "ES256"}, {}),
        ({"alg": "ES256", "typ": "kb+jwt", "jwk": {}}, {}),
        ({"alg": ["ES256"], "typ": "kb+jwt"}, {}),
        ([], {}),
        ({"alg": "ES256", "typ": "kb+jwt"}, []),
        ({"alg": "ES256", "typ": "kb+jwt"}, {"iat": True}),
        ({"alg": "ES256", "typ": "kb+jwt"}, {"iat": None}),
    ],
)
def test_a_proof_of_another_form_is_a_fault(header, claims):
    presented = bound()
    if isinstance(claims, dict):
        claims = {
            "iat": int(AT.timestamp()),
            "aud": BINDING.audience,
            "nonce": BINDING.nonce,
            "sd_hash": digest_of(presented),
        } | claims
    parts = [as_base64url(json.dumps(part).encode()) for part in (header, claims)]
    signature = as_base64url(HOLDER.sign(".".join(parts).encode()))
    proven = sd_jwt.parse(presented + ".".join([*parts, signature]))
    assert key_binding.fault(proven, to=BINDING, at=AT)


@pytest.mark.parametrize("proof", ["x", "a.b", "a.b.c", "..", "a.b.c.d"])
def test_a_proof_that_is_no_jwt_is_a_fault(proof):
    assert key_binding.fault(sd_jwt.parse(bound() + proof), to=BINDING, at=AT)
