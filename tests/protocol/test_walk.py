import json
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.bench.documents import documents
from node.contexts import vocabulary
from protocol.errors import LinkedDataError
from protocol.linked_data import general, walk
from protocol.linked_data.canonical import canonicalize
from protocol.linked_data.rdf import quads_of
from protocol.linked_data.terms import OutsideSubsetError

V1 = "https://www.w3.org/2018/credentials/v1"
V2 = "https://www.w3.org/ns/credentials/v2"
OB = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
CLR = "https://purl.imsglobal.org/spec/clr/v2p0/context-2.0.1.json"
EXAMPLES = "https://www.w3.org/ns/credentials/examples/v2"
ED25519 = "https://w3id.org/security/suites/ed25519-2020/v1"
JWS = "https://w3id.org/security/suites/jws-2020/v1"
DOCUMENTS = documents("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK")


def form(quads):
    return canonicalize(quads).text


def by_pyld(document):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return form(general.quads_of(document, vocabulary().contexts))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_credential_has_the_same_graph_either_way(name):
    document = DOCUMENTS[name]

    assert form(walk.quads_of(document, vocabulary())) == by_pyld(document)


def test_a_presentation_with_secured_credentials_has_the_same_graph_either_way():
    proof = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-rdfc-2022",
        "created": "2026-11-24T12:00:00Z",
        "verificationMethod": "did:web:uni-a.example#1",
        "proofPurpose": "assertionMethod",
        "proofValue": "z2",
    }
    document = {
        "@context": [V2, EXAMPLES],
        "type": "VerifiablePresentation",
        "verifiableCredential": [
            {**document, "proof": [proof, proof | {"proofValue": "z3"}]}
            for document in DOCUMENTS.values()
        ],
        "anything": {"deep": [1, 2.5, True, None, "text", {"id": "urn:x"}]},
        "proof": proof | {"proofPurpose": "authentication"},
    }

    walked = form(walk.quads_of(document, vocabulary()))

    assert walked == by_pyld(document)
    assert walked.count("security#authenticationMethod> _:") == 1


@pytest.mark.parametrize(
    "value",
    [0, 1, -1, 5.0, 2.5, -0.0, 1e21, 1e-7, 123456789012345680000.0, True, False],
)
def test_a_number_has_the_same_literal_either_way(value):
    document = {"@context": {"@vocab": "urn:v:"}, "@id": "urn:s", "p": value}
    typed = document | {"p": {"@value": value, "@type": "urn:t"}}

    for one in (document, typed):
        assert form(walk.quads_of(one, vocabulary())) == by_pyld(one)


@pytest.mark.parametrize(
    "document",
    [
        {"@id": "urn:s", "urn:p": {"@list": [1]}},
        {"@id": "urn:s", "@graph": [{"@id": "urn:a", "urn:p": 1}]},
        {
            "@context": {"p": {"@reverse": "urn:q"}},
            "@id": "urn:s",
            "p": {"@id": "urn:o"},
        },
    ],
)
def test_what_is_outside_the_subset_is_left_to_the_general_processor(document):
    with pytest.raises(OutsideSubsetError):
        walk.quads_of(document, vocabulary())

    assert general.quads_of(document, vocabulary().contexts)


NAMES = st.sampled_from(
    [
        *("id", "type", "name", "description", "issuer", "credentialSubject"),
        *("achievement", "criteria", "narrative", "result", "value", "allowedValue"),
        *("resultDescription", "credentialStatus", "statusPurpose", "evidence"),
        *("alignment", "targetName", "validFrom", "undefinedTerm", "@id", "@type"),
        *("@value", "@language", "tag", "proof", "proofPurpose", "proofValue", "jws"),
        *("verifiableCredential", "holder", "verificationMethod", "credentialSchema"),
        *("creditsAvailable", "image", "hashed", "identityHash", "urn:p", "schema:x"),
    ]
)
TEXTS = st.sampled_from(
    [
        *("urn:a", "urn:b", "did:example:1", "A", "日本", 'a"\\\n\x7f', "", "_:x"),
        *("relative", "assertionMethod", "authentication", "en", "ja-JP"),
        *("2026-01-01T00:00:00Z", "https://a.example/b?c#d", "https://a b", "a:b"),
        "http://www.w3.org/2001/XMLSchema#string",
    ]
)
TYPES = st.sampled_from(
    [
        *("VerifiableCredential", "OpenBadgeCredential", "AchievementSubject"),
        *("Achievement", "Result", "ResultDescription", "Profile", "Evidence"),
        *("BitstringStatusListEntry", "DataIntegrityProof", "VerifiablePresentation"),
        *("Ed25519Signature2020", "JsonWebSignature2020", "JsonSchema", "Nonsense"),
        *("ClrCredential", "ClrSubject", "urn:Type", "Alignment", "Criteria"),
    ]
)
SCALARS = TEXTS | st.sampled_from([0, 1, 2.5, 3.0, True, False, None])


def members(inner):
    made = st.dictionaries(NAMES, inner, max_size=5)
    kinds = TYPES | st.lists(TYPES, min_size=1, max_size=3)
    return made | st.builds(lambda one, kind: one | {"type": kind}, made, kinds)


VALUES = st.recursive(
    SCALARS, lambda inner: members(inner) | st.lists(inner, max_size=3), max_leaves=12
)
CONTEXTS = st.sampled_from(
    [
        [V2],
        [V2, OB],
        [V2, OB, EXAMPLES],
        [V2, OB, CLR],
        [V1],
        [V1, OB, ED25519],
        [V1, JWS],
        [V2, {"tag": {"@id": "urn:tag", "@type": "@id"}, "schema": "https://s.org/"}],
        [V1, {"@language": "de", "hashed": {"@id": "urn:h", "@container": "@list"}}],
    ]
)


@pytest.mark.slow
@settings(max_examples=300)
@given(members(VALUES), CONTEXTS)
def test_whatever_is_walked_is_what_pyld_says(document, contexts):
    document = {"@context": contexts, **document}
    try:
        walked = form(walk.quads_of(document, vocabulary()))
    except OutsideSubsetError:
        return
    except LinkedDataError:
        assert states_nothing(document)
        return

    assert walked == by_pyld(document)


@pytest.mark.parametrize("more", [{"name": {}}, {"issuer": {}, "type": []}])
def test_a_value_that_is_an_array_is_refused_either_way(more):
    document = {"@context": [V2], "@value": []} | more

    with pytest.raises(LinkedDataError):
        quads_of(document, vocabulary())
    with pytest.raises(LinkedDataError):
        by_pyld(document)


def states_nothing(document):
    """Refused, or dropped as a whole."""
    try:
        return by_pyld(document) == ""
    except LinkedDataError:
        return True


def test_a_document_that_states_nothing_is_refused():
    for empty in ({"@context": V2}, {"@context": V2, "id": "urn:x"}, {"@value": 1}):
        with pytest.raises(LinkedDataError):
            quads_of(empty, vocabulary())


EXPIRED = "2020-01-01T00:00:00Z"
ENDS = "https://www.w3.org/2018/credentials#validUntil"


@pytest.mark.parametrize(
    ("context", "change"),
    [
        ([V2], {"@nest": {"validUntil": EXPIRED}}),
        (
            [V2],
            {
                ENDS: {
                    "@value": EXPIRED,
                    "@type": "http://www.w3.org/2001/XMLSchema#dateTime",
                }
            },
        ),
        ([V2, {"ends": {"@id": ENDS}}], {"ends": EXPIRED}),
        (
            [V2, {"vc": "https://www.w3.org/2018/credentials#"}],
            {"vc:validUntil": EXPIRED},
        ),
        ([V2, {"@vocab": ENDS[:-5]}], {"Until": EXPIRED}),
        ([V2, {"kind": "@type"}], {"kind": "VerifiableCredential"}),
        ([V2, {"sameAs": "@id"}], {"sameAs": "urn:x"}),
        ([V2, {"hide": "@nest"}], {"hide": {"validUntil": EXPIRED}}),
        (
            [V2, {"VC": {"@id": ENDS[: -len("validUntil")] + "VerifiableCredential"}}],
            {"type": "VC"},
        ),
        ([V2], {"@included": [{"id": "urn:s", "validUntil": EXPIRED}]}),
        ([V2], {"name": {"@value": "x", "@direction": "rtl"}, ENDS: EXPIRED}),
        (
            [
                V2,
                {
                    "p": {"@id": "urn:p", "@context": {"q": "urn:q"}},
                    "ends": {"@id": ENDS},
                },
            ],
            {"ends": EXPIRED},
        ),
    ],
)
def test_nothing_can_be_hidden_behind_another_name(context, change):
    document = {
        "@context": context,
        "id": "urn:s",
        "type": "VerifiableCredential",
        "issuer": "urn:i",
    } | change

    with pytest.raises(LinkedDataError):
        quads_of(document, vocabulary())


def test_what_a_document_brings_does_not_stay():
    own = {"@context": [V2, {"mine": "urn:mine"}], "id": "urn:s", "mine": 1}
    assert quads_of(own, vocabulary())

    with pytest.raises(LinkedDataError, match="mine"):
        quads_of({"@context": [V2], "id": "urn:s", "mine": 1}, vocabulary())


def test_thousands_of_contexts_do_not_fill_the_memory():
    for number in range(1200):
        quads_of(
            {"@context": {"p": f"urn:{number}"}, "@id": "urn:s", "p": 1}, vocabulary()
        )

    assert vocabulary().kept <= 512


def test_members_in_another_order_make_the_same_graph():
    document = DOCUMENTS["badge"]
    again = json.loads(json.dumps(document, sort_keys=True))

    assert form(quads_of(again, vocabulary())) == form(quads_of(document, vocabulary()))
