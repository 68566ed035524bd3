import hashlib
from base64 import b64encode

import pytest

from protocol.credentials.form import (
    credential_faults,
    is_url,
    presentation_faults,
    undefined_members,
)
from protocol.credentials.related_resources import judge
from protocol.identity.multibase import as_base58btc, as_base64url

V1, V2 = (
    "https://www.w3.org/2018/credentials/v1",
    "https://www.w3.org/ns/credentials/v2",
)
EXAMPLES = "https://www.w3.org/ns/credentials/examples/v2"
GOOD = {
    "@context": [V2],
    "type": ["VerifiableCredential"],
    "issuer": "did:example:issuer",
    "credentialSubject": {"id": "did:example:subject"},
}
FORMER = GOOD | {"@context": [V1], "issuanceDate": "2020-01-01T00:00:00Z"}
RESOURCE = {"id": "https://a.example/r", "digestSRI": "sha256-AAAA"}
DOG = [{"@value": "Dog", "@language": "en"}, {"@value": "犬", "@language": "ja-JP"}]
BAD_URL = "https ://not-a-url/x"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"@context": [V2, EXAMPLES, {"Term": "https://a.example/#Term"}]},
        {"@context": V2},
        {"type": "VerifiableCredential"},
        {"type": ["https://a.example/#T", "VerifiableCredential"]},
        {"id": "urn:uuid:3978344f-8596-4c3a-a978-8fcaba3903c5"},
        {"issuer": {"id": "did:example:i", "name": DOG, "description": "An issuer"}},
        {"name": "A"},
        {"name": {"@value": "A", "@language": "en", "@direction": "ltr"}},
        {"description": DOG},
        {"credentialSubject": [{"name": "A"}, {"id": "did:example:b"}]},
        {
            "validFrom": "2023-02-26T01:21:51.123Z",
            "validUntil": "2099-01-01T00:00:00-05:00",
        },
        {"validFrom": "2023-02-26T01:21:51Z", "validUntil": "2023-02-26T01:21:51Z"},
        {"credentialStatus": {"type": "https://a.example/#S"}},
        {"credentialStatus": [{"type": "S", "id": "urn:s"}, {"type": "S"}]},
        {"credentialSchema": {"id": "https://a.example/s", "type": "JsonSchema"}},
        {"credentialSchema": [{"id": "https://a.example/s", "type": "JsonSchema"}] * 2},
        {"evidence": [{"type": "E"}, {"type": ["E", "F"], "id": "urn:e"}]},
        {"termsOfUse": {"type": "IssuerPolicy", "id": "https://a.example/t"}},
        {"refreshService": [{"type": "R"}, {"type": "R", "id": "urn:r"}]},
        {"relatedResource": RESOURCE},
        {"relatedResource": [RESOURCE, RESOURCE | {"id": "urn:b"}]},
        {"jti": "urn:x", "sub": "did:example:subject"},
    ],
)
def test_what_the_data_model_allows_is_allowed(more):
    assert list(credential_faults(GOOD | more)) == []


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"@context": None}, "first context"),
        ({"@context": [EXAMPLES, V2]}, "first context"),
        ({"@context": [{"a": "b:c"}, V2]}, "first context"),
        ({"@context": [V2, BAD_URL]}, "neither a URL"),
        ({"@context": [V2, 17]}, "neither a URL"),
        ({"@context": [V2, {"VerifiableCredential": "x:y"}]}, "redefines"),
        ({"type": None}, "type"),
        ({"type": ["Other"]}, "type"),
        ({"type": ["VerifiableCredential", "a b"]}, "type"),
        ({"id": None}, "id"),
        ({"id": ["urn:a", "urn:b"]}, "id"),
        ({"id": BAD_URL}, "id"),
        ({"issuer": None}, "issuer"),
        ({"issuer": "fake-issuer"}, "issuer"),
        ({"issuer": {"id": None}}, "issuer"),
        ({"issuer": {"id": "did:example:i", "name": 1}}, "issuer"),
        ({"name": {"@value": "A", "url": "urn:x"}}, "name"),
        ({"name": []}, "name"),
        ({"description": {"@value": "A", "@direction": "up"}}, "description"),
        ({"description": {"@value": "A", "@language": "e n"}}, "description"),
        ({"credentialSubject": {}}, "credentialSubject"),
        ({"credentialSubject": [{"id": "did:example:s"}, {}]}, "credentialSubject"),
        ({"credentialSubject": {"id": ["did:a:b", "did:a:c"]}}, "credentialSubject"),
        ({"validFrom": "Sat 25 Feb 2023"}, "validFrom"),
        ({"validUntil": "2023-02-26"}, "validUntil"),
        (
            {"validFrom": "2024-01-01T00:00:00Z", "validUntil": "2023-01-01T00:00:00Z"},
            "after",
        ),
        ({"credentialStatus": {"id": "urn:s"}}, "credentialStatus"),
        ({"credentialStatus": {"type": 2}}, "credentialStatus"),
        ({"credentialStatus": {"type": "S", "id": ["urn:a"]}}, "credentialStatus"),
        ({"credentialSchema": {"id": "urn:s"}}, "credentialSchema"),
        ({"credentialSchema": {"type": "S"}}, "credentialSchema"),
        ({"credentialSchema": {"type": "S", "id": BAD_URL}}, "credentialSchema"),
        ({"evidence": {}}, "evidence"),
        ({"termsOfUse": {"id": "urn:t"}}, "termsOfUse"),
        ({"refreshService": {"id": "urn:r"}}, "refreshService"),
        ({"relatedResource": ["https://a.example/r"]}, "relatedResource"),
        ({"relatedResource": {"digestSRI": "sha256-AAAA"}}, "relatedResource"),
        ({"relatedResource": [RESOURCE, RESOURCE]}, "twice"),
        ({"relatedResource": {"id": "urn:r"}}, "digest"),
        ({"relatedResource": RESOURCE | {"digestSRI": "md5-AAAA"}}, "digestSRI"),
        ({"id": "urn:a", "jti": "urn:b"}, "jti"),
        ({"sub": "did:example:other"}, "sub"),
    ],
)
def test_what_the_data_model_forbids_is_a_fault(more, word):
    (fault, *_) = credential_faults(GOOD | more)
    assert word in fault


@pytest.mark.parametrize(
    ("more", "good"),
    [
        ({}, True),
        ({"issuanceDate": "soon"}, False),
        ({"expirationDate": "2019-01-01T00:00:00Z"}, False),
        ({"credentialStatus": {"type": "S"}}, False),
        ({"refreshService": {"type": "R"}}, False),
        ({"evidence": {"type": "E"}}, True),
    ],
)
def test_the_former_data_model_has_rules_of_its_own(more, good):
    assert (not list(credential_faults(FORMER | more))) == good


def test_a_credential_of_the_former_model_has_a_date():
    faults = list(credential_faults(GOOD | {"@context": [V1]}))
    assert any("issuanceDate" in fault for fault in faults)


PRESENTATION = {"@context": [V2], "type": "VerifiablePresentation"}
ENVELOPED = {
    "@context": V2,
    "type": "EnvelopedVerifiableCredential",
    "id": "data:application/vc+jwt,e.e.e",
}


@pytest.mark.parametrize(
    ("more", "media_type", "good"),
    [
        ({}, "application/vp", True),
        ({"id": "urn:p", "holder": "did:example:h"}, "application/vp", True),
        ({"holder": {"id": "did:example:h"}}, "application/vp", True),
        ({"verifiableCredential": [GOOD, ENVELOPED]}, "application/vp", True),
        ({"verifiableCredential": ENVELOPED}, "application/vp+jwt", True),
        ({"@context": [V1], "verifiableCredential": ["e.e.e"]}, "application/vp", True),
        ({"verifiableCredential": ["e.e.e"]}, "application/jwt", True),
        ({"@context": [EXAMPLES]}, "application/vp", False),
        ({"@context": None}, "application/vp", False),
        ({"type": ["Other"]}, "application/vp", False),
        ({"id": 1}, "application/vp", False),
        ({"holder": "z6Mk"}, "application/vp", False),
        ({"holder": {"name": "Acme"}}, "application/vp", False),
        ({"holder": None}, "application/vp", False),
        ({"termsOfUse": {}}, "application/vp", False),
        ({"verifiableCredential": ["e.e.e"]}, "application/vp", False),
        ({"verifiableCredential": [17]}, "application/vp", False),
        ({"verifiableCredential": [GOOD]}, "application/vp+jwt", False),
        (
            {"verifiableCredential": ENVELOPED | {"id": "not-a-credential"}},
            "application/vp+cose",
            False,
        ),
        (
            {"verifiableCredential": ENVELOPED | {"@context": []}},
            "application/vp",
            False,
        ),
    ],
)
def test_a_presentation_has_a_form_too(more, media_type, good):
    assert (not list(presentation_faults(PRESENTATION | more, media_type))) == good


def test_members_that_nothing_defines_are_named():
    assert undefined_members(GOOD) == []
    assert undefined_members(GOOD | {"iss": "x", "b": 1, "a": 2}) == ["a", "b"]
    assert (
        undefined_members(GOOD | {"@context": [V2, "https://o.example"], "a": 1}) == []
    )


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("https://a.example/ü", True),
        ("did:example:a", True),
        ("urn:x", True),
        ("a", False),
        (":a", False),
        ("a:", False),
        ("https://a b", False),
        (7, False),
    ],
)
def test_a_url_is_absolute_and_has_no_blanks(text, good):
    assert is_url(text) == good


OCTETS = b'{"@context": {}}\n'
SHA384 = "sha384-" + b64encode(hashlib.sha384(OCTETS).digest()).decode()
SHA256 = hashlib.sha256(OCTETS).digest()


@pytest.mark.parametrize(
    "digests",
    [
        {"digestSRI": SHA384},
        {"digestSRI": SHA384.replace("+", "-").replace("/", "_")},
        {"digestSRI": f"sha256-AAAA {SHA384}"},
        {"digestMultibase": "u" + as_base64url(SHA256)},
        {"digestMultibase": "z" + as_base58btc(b"\x12\x20" + SHA256)},
        {"digestSRI": SHA384, "digestMultibase": "u" + as_base64url(SHA256)},
    ],
)
def test_the_digest_of_a_related_resource_is_compared(digests):
    claims = {"relatedResource": {"id": "urn:r"} | digests}

    assert judge(claims, {"urn:r": [OCTETS]}) == {}
    assert judge(claims, {"urn:r": [b"older", OCTETS]}) == {}
    assert list(judge(claims, {"urn:r": [OCTETS + b" "]}).values()) == [True]
    assert list(judge(claims, {}).values()) == [False]


@pytest.mark.parametrize(
    "digests",
    [
        {"digestSRI": "sha256-A"},
        {"digestMultibase": 17},
        {"digestMultibase": "x"},
        {"digestMultibase": "uAAAA"},
        {"digestSRI": SHA384, "digestMultibase": "u" + as_base64url(bytes(32))},
    ],
)
def test_a_digest_that_does_not_fit_or_is_none_is_wrong(digests):
    claims = {"relatedResource": {"id": "urn:r"} | digests}
    assert list(judge(claims, {"urn:r": [OCTETS]}).values()) == [True]


def test_the_digests_of_the_published_suite_are_read():
    # vc-data-model-2.0-test-suite, `tests/fixtures.js`, `relatedResource`: of the
    # context as of 2024-07-20, of which only the digests are known here.
    url = "https://www.w3.org/ns/credentials/v2"
    stated = {
        "id": url,
        "digestSRI": "sha384-"
        "NSOcNpmdIVUxIJGvGUoe22FjTWrXiaXlsZ8q6912LdnR3KraQO2n75Ica4wK4Qeg",
        "digestMultibase": "uJKGMkOmFbVJhEfKTduMC2XCyvRAYLjOVmZWwIH1wQ7k",
    }
    claims = GOOD | {"relatedResource": stated}

    assert list(credential_faults(claims)) == []
    assert list(judge(claims, {}).values()) == [False]
    assert judge(claims, {url: [OCTETS]}) == {}
    for name in ("digestSRI", "digestMultibase"):
        other = stated | {name: stated[name].replace("N", "M").replace("J", "I")}
        changed = claims | {"relatedResource": other}
        assert list(judge(changed, {url: [OCTETS]}).values()) == [True]
