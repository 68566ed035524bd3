"""The VC API, each route with good and with broken input."""

import base64
import copy
import json
from datetime import UTC, datetime
from io import BytesIO

import pytest

from node.conformance import made, made_for_bbs
from node.services.vc_checking import Checker
from node.services.vc_issuing import issuers
from node.services.vc_statuses import StatusLists
from node.web.vc_api import MAXIMUM_BODY, VcApi, build_vc_api
from protocol.errors import DidError
from protocol.identity.dids import DidHistory, resolve_offline
from protocol.securing import data_integrity, selective

V1 = "https://www.w3.org/2018/credentials/v1"
V2 = "https://www.w3.org/ns/credentials/v2"
EXAMPLES = "https://www.w3.org/ns/credentials/examples/v2"
NOW = datetime(2027, 3, 20, 9, 0, tzinfo=UTC)
TOKEN = "0f" * 32
SIGNERS = {
    "ed25519": made("EdDSA"),
    "p256": made("ES256"),
    "p384": made("ES384"),
    "bls": made_for_bbs(),
}
DIDS = {kind: str(signer.kid.did) for kind, signer in SIGNERS.items()}


class Nearby:
    """Finds what needs no network, and the status lists of this API."""

    def __init__(self, lists):
        self.lists = lists

    async def history(self, did, *, fresh=False):
        document = resolve_offline(did)
        if document is None:
            raise DidError(f"{did} cannot be reached")
        return DidHistory.of_document(document, NOW)

    async def status_list(self, url, *, fresh=False):
        raise DidError(f"{url} cannot be reached")

    def remembered_history(self, did):
        return None

    def remembered_list(self, url):
        if not url.startswith(self.lists.base + "/"):
            return None
        return json.dumps(self.lists.credential(url.rpartition("/")[2], NOW)).encode()


def api(**changes):
    lists = StatusLists(SIGNERS["ed25519"], "http://127.0.0.1:1/vc-api/status")
    parts = {
        "issuers": issuers(SIGNERS),
        "checker": Checker(Nearby(lists)),
        "clock": lambda: NOW,
        "token": None,
        "statuses": lists,
    }
    return VcApi(**(parts | changes))


@pytest.fixture
async def client(aiohttp_client):
    return await aiohttp_client(build_vc_api(api()))


def credential(key="ed25519", **changes):
    return {
        "@context": [V2],
        "id": "urn:uuid:2f0a6f4e-6a5c-4a4d-9c0e-3b6b6b1f1d11",
        "type": ["VerifiableCredential"],
        "issuer": DIDS[key],
        "validFrom": "2027-03-01T00:00:00Z",
        "credentialSubject": {"id": "did:example:alice", "name": "Alice"},
    } | changes


async def post(client, path, body, **more):
    response = await client.post(f"/vc-api{path}", json=body, **more)
    assert response.content_type == "application/json"
    return response.status, await response.json()


async def issued(client, name="eddsa-jcs-2022", key="ed25519", **changes):
    path = f"/issuers/{name}/credentials/issue"
    status, answer = await post(
        client, path, {"credential": credential(key, **changes)}
    )
    assert status == 201, answer
    return answer["verifiableCredential"]


async def verify(client, value):
    return await post(client, "/credentials/verify", {"verifiableCredential": value})


NAMES = [
    (name, key)
    for name, key in (one.split("/") for one in issuers(SIGNERS) if "/" in one)
    if name not in selective.SUITES
]


@pytest.mark.parametrize(("name", "key"), NAMES)
async def test_what_an_issuer_secures_is_verified(client, name, key):
    value = await issued(client, f"{name}/{key}", key)
    status, answer = await verify(client, value)
    assert (status, answer["verified"], answer["errors"]) == (200, True, [])
    assert answer["findings"]["integrity"]["result"] == "valid"
    assert answer["findings"]["integrity"]["evidence"]["verification_method"] == str(
        SIGNERS[key].kid
    )


@pytest.mark.parametrize(("name", "key"), NAMES)
async def test_what_was_changed_afterwards_is_not(client, name, key):
    value = await issued(client, f"{name}/{key}", key)
    if "proof" in value:
        value["credentialSubject"]["name"] = "Mallory"
    else:
        head, claims, signature = value["id"].split(".")
        padded = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
        forged = padded.replace(b"Alice", b"Carol")
        assert forged != padded
        claims = base64.urlsafe_b64encode(forged).decode().rstrip("=")
        value["id"] = f"{head}.{claims}.{signature}"
    status, answer = await verify(client, value)
    assert (status, answer["verified"]) == (400, False)
    assert answer["findings"]["integrity"]["result"] == "invalid"
    assert any("integrity" in error for error in answer["errors"])


async def test_without_a_name_there_is_an_issuer_too(client):
    body = {"credential": credential()}
    status, answer = await post(client, "/credentials/issue", body)
    assert status == 201
    assert answer["verifiableCredential"]["proof"]["type"] == "DataIntegrityProof"


async def test_a_credential_of_vcdm_1_gets_the_terms_of_its_proof(client):
    former = credential(**{"@context": [V1], "issuanceDate": "2027-03-01T00:00:00Z"})
    del former["validFrom"], former["credentialSubject"]["name"]
    path = "/issuers/eddsa-jcs-2022/credentials/issue"
    status, answer = await post(client, path, {"credential": former})
    assert status == 201
    value = answer["verifiableCredential"]
    assert value["@context"] == [V1, "https://w3id.org/security/data-integrity/v2"]
    assert (await verify(client, value))[0] == 200


def without(name):
    return lambda value: value.pop(name)


def put(name, stated):
    return lambda value: value.update({name: stated})


BROKEN = {
    "no context": without("@context"),
    "another first context": put("@context", [EXAMPLES, V2]),
    "a number for a context": put("@context", [V2, 7]),
    "no type": without("type"),
    "another type": put("type", ["Diploma"]),
    "no issuer": without("issuer"),
    "another issuer": put("issuer", DIDS["p256"]),
    "an issuer that is a list": put("issuer", [DIDS["ed25519"]]),
    "an issuer that is null": put("issuer", None),
    "no subject": without("credentialSubject"),
    "a subject that says nothing": put("credentialSubject", {}),
    "a subject that is a text": put("credentialSubject", "Alice"),
    "an id that is a number": put("id", 7),
    "a status without type": put("credentialStatus", {"id": "https://a.example/1"}),
    "evidence without type": put("evidence", {"id": "https://a.example/1"}),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_credential_is_not_secured(client, name):
    value = credential()
    BROKEN[name](value)
    path = "/issuers/eddsa-jcs-2022/credentials/issue"
    status, answer = await post(client, path, {"credential": value})
    assert status == 400
    assert answer["errors"]


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_credential_is_not_verified(client, name):
    value = await issued(client)
    BROKEN[name](value)
    status, answer = await verify(client, value)
    assert (status, answer["verified"]) == (400, False)
    assert answer["errors"]


PROOFS = {
    "no proof": without("proof"),
    "an empty list of proofs": put("proof", []),
    "a text for a proof": put("proof", "yes"),
    **{
        f"no {name} in the proof": lambda value, name=name: value["proof"].pop(name)
        for name in ("type", "cryptosuite", "verificationMethod", "proofValue")
    },
    "another purpose": lambda value: value["proof"].update(
        proofPurpose="authentication"
    ),
    "an unknown suite": lambda value: value["proof"].update(cryptosuite="yes-2030"),
    "an earlier proof that is not there": lambda value: value["proof"].update(
        previousProof="urn:uuid:26329423-bec9-4b2e-88cb-a7c7d9dc4544"
    ),
}


@pytest.mark.parametrize("name", PROOFS)
async def test_a_broken_proof_is_not_verified(client, name):
    value = await issued(client)
    PROOFS[name](value)
    status, answer = await verify(client, value)
    assert (status, answer["verified"]) == (400, False)


@pytest.mark.parametrize("value", [None, 7, [], "", "x.y.z", {}, {"type": []}])
async def test_what_cannot_be_read_is_not_verified(client, value):
    status, answer = await verify(client, value)
    assert (status, answer["verified"]) == (400, False)


async def test_a_jwt_as_a_text_is_verified_too(client):
    value = await issued(client, "vc-jwt")
    status, answer = await verify(client, value["id"].partition(",")[2])
    assert (status, answer["verified"]) == (200, True)


ENVELOPES = {
    "no context": without("@context"),
    "an empty context": put("@context", []),
    "another context": put("@context", EXAMPLES),
    "no type": without("type"),
    "another type": put("type", "VerifiableCredential"),
    "no data: URL": lambda value: value.update(id=value["id"].partition(",")[2]),
    "another media type": lambda value: value.update(
        id=value["id"].replace("application/vc+jwt", "application/vc")
    ),
    "an unknown media type": lambda value: value.update(
        id=value["id"].replace("application/vc+jwt", "text/plain")
    ),
}


@pytest.mark.parametrize("name", ENVELOPES)
async def test_a_broken_envelope_is_not_verified(client, name):
    value = await issued(client, "vc-jwt")
    ENVELOPES[name](value)
    status, answer = await verify(client, value)
    assert (status, answer["verified"]) == (400, False)


async def test_an_envelope_in_base64_is_the_same(client):
    value = await issued(client, "vc-jwt")
    head, _, token = value["id"].partition(",")
    value["id"] = f"{head};base64,{base64.b64encode(token.encode()).decode()}"
    assert (await verify(client, value))[0] == 200
    value["id"] += "*"
    assert (await verify(client, value))[0] == 400


async def test_what_is_out_of_date_is_not_verified(client):
    ended = await issued(client, validUntil="2027-03-19T00:00:00Z")
    status, answer = await verify(client, ended)
    assert (status, answer["findings"]["validity_period"]["result"]) == (400, "invalid")


async def test_a_type_without_rules_is_a_warning(client):
    value = await issued(
        client, type=["VerifiableCredential", "Unheard"], **{"@context": [V2, EXAMPLES]}
    )
    status, answer = await verify(client, value)
    assert (status, answer["verified"]) == (200, True)
    assert "schema" in answer["warnings"][0]


async def test_a_status_that_is_set_ends_the_credential(client):
    value = await issued(client, "status")
    entry = value["credentialStatus"]
    assert "statusSize" not in entry
    assert (await verify(client, value))[0] == 200

    listed = await client.get("/vc-api/status/revocation")
    assert listed.content_type == "application/json"
    assert (await listed.json())["id"] == entry["statusListCredential"]

    change = {
        "credentialId": value["id"],
        "credentialStatus": {
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
        },
        "status": True,
    }
    assert (await post(client, "/credentials/status", change))[0] == 200
    status, answer = await verify(client, value)
    assert (status, answer["findings"]["status_now"]["result"]) == (400, "invalid")

    assert (await post(client, "/credentials/status", change | {"status": False}))[
        0
    ] == 200
    assert (await verify(client, value))[0] == 200


async def test_each_credential_has_a_place_of_its_own(client):
    one = await issued(client, "status")
    other = await issued(client, "status", id="urn:uuid:1")
    index = {value["credentialStatus"]["statusListIndex"] for value in (one, other)}
    assert len(index) == 2
    change = {"credentialId": "urn:uuid:1", "credentialStatus": {}}
    change["credentialStatus"]["statusPurpose"] = "revocation"
    assert (await post(client, "/credentials/status", change))[0] == 200
    assert (await verify(client, one))[0] == 200
    assert (await verify(client, other))[0] == 400


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"credentialId": "urn:uuid:1"},
        {"credentialId": 7, "credentialStatus": {"statusPurpose": "revocation"}},
        {"credentialId": "urn:x", "credentialStatus": {"statusPurpose": "revocation"}},
        {
            "credentialId": "urn:x",
            "credentialStatus": {"statusPurpose": "revocation"},
            "status": "yes",
        },
    ],
)
async def test_a_status_nobody_has_is_not_set(client, change):
    status, answer = await post(client, "/credentials/status", change)
    assert status in (400, 404)
    assert answer["errors"]


async def test_a_list_that_cannot_be_had_verifies_nothing(client):
    value = await issued(
        client,
        credentialStatus={
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": "7",
            "statusListCredential": "https://elsewhere.example/list",
        },
    )
    status, answer = await verify(client, value)
    assert (status, answer["verified"]) == (400, False)
    assert answer["findings"]["status_now"]["result"] == "unknown"


async def test_who_shows_no_token_has_nothing_signed(aiohttp_client):
    guarded = await aiohttp_client(build_vc_api(api(token=TOKEN)))
    body = {"credential": credential()}
    for path in ("/credentials/issue", "/issuers/vc-jwt/credentials/issue"):
        assert (await post(guarded, path, body))[0] == 401
        for shown in ("", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer "):
            headers = {"Authorization": shown}
            assert (await post(guarded, path, body, headers=headers))[0] == 401
        headers = {"Authorization": f"Bearer {TOKEN}"}
        status, answer = await post(guarded, path, body, headers=headers)
        assert status == 201
    assert (await post(guarded, "/credentials/status", {}))[0] == 401
    # Verification asks nobody who they are.
    value = answer["verifiableCredential"]
    assert (await verify(guarded, value))[0] == 200


async def test_what_is_signed_was_noted_first(aiohttp_client):
    noted = []

    async def note(name, value):
        noted.append((name, value))

    client = await aiohttp_client(build_vc_api(api(note=note)))
    value = await issued(client)
    assert noted == [("eddsa-jcs-2022", value)]


async def test_a_node_that_may_not_sign_has_no_issuer(aiohttp_client):
    client = await aiohttp_client(build_vc_api(api(issuers={}, statuses=None)))
    for path in ("/credentials/issue", "/issuers/status/credentials/issue"):
        status, answer = await post(client, path, {"credential": credential()})
        assert (status, len(answer["errors"])) == (404, 1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"verifiableCredential": 1, "verifiableCredential": 2}', 400),
        (b'{"a": NaN}', 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b" " * (MAXIMUM_BODY + 1), 413),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused_in_json(client, body, status):
    for path in ("/credentials/verify", "/credentials/issue"):
        response = await client.post(f"/vc-api{path}", data=BytesIO(body))
        assert (response.status, response.content_type) == (status, "application/json")
        assert (await response.json())["errors"]


async def test_options_are_an_object(client):
    body = {"credential": credential(), "options": []}
    assert (await post(client, "/credentials/issue", body))[0] == 400


async def test_no_such_route_is_told_in_json(client):
    response = await client.get("/vc-api/elsewhere")
    assert (response.status, response.content_type) == (404, "application/json")
    response = await client.get("/vc-api/credentials/verify")
    assert (response.status, response.content_type) == (405, "application/json")
    response = await client.get("/vc-api/status/friendship")
    assert (response.status, response.content_type) == (404, "application/json")


async def test_what_is_handed_in_is_left_as_it_was(client):
    value = await issued(client)
    before = copy.deepcopy(value)
    await verify(client, value)
    assert value == before


def presentation(**changes):
    return {"@context": [V2], "type": ["VerifiablePresentation"]} | changes


ASKED = {"challenge": "c-1", "domain": "uni.example"}


async def presented(client, value, **options):
    body = {"presentation": value, "options": ASKED | options}
    status, answer = await post(client, "/presentations", body)
    assert status == 201, answer
    return answer["verifiablePresentation"]


async def verify_shown(client, value, **options):
    body = {"verifiablePresentation": value, "options": ASKED | options}
    return await post(client, "/presentations/verify", body)


@pytest.mark.parametrize("name", ["eddsa-rdfc-2022", "vc-jwt"])
async def test_a_presentation_is_verified_with_what_is_in_it(client, name):
    inner = await issued(client, name)
    value = await presented(client, presentation(verifiableCredential=[inner]))
    assert value["proof"]["proofPurpose"] == "authentication"
    status, answer = await verify_shown(client, value)
    assert (status, answer["verified"], answer["errors"]) == (200, True, [])
    assert [one["verified"] for one in answer["credentialResults"]] == [True]


SHOWN = {
    "another type": put("type", ["VerifiableCredential"]),
    "another context first": put("@context", [EXAMPLES, V2]),
    "an unknown context": put("@context", [V2, "https://unheard.example/v1"]),
    "no proof": without("proof"),
    "another holder": put("holder", DIDS["p256"]),
    "a term without meaning": put("unheardOf", 1),
    "a changed credential": lambda value: value["verifiableCredential"][0].update(
        name="Another"
    ),
    "a text for a credential": put("verifiableCredential", ["x.y.z"]),
    "another purpose": lambda value: value["proof"].update(
        proofPurpose="assertionMethod"
    ),
}


@pytest.mark.parametrize("name", SHOWN)
async def test_a_broken_presentation_is_not_verified(client, name):
    inner = await issued(client)
    value = await presented(client, presentation(verifiableCredential=[inner]))
    SHOWN[name](value)
    status, answer = await verify_shown(client, value)
    assert (status, answer["verified"]) == (400, False)
    assert answer["errors"]


@pytest.mark.parametrize("asked", [{"challenge": "c-2"}, {"domain": "other.example"}])
async def test_a_presentation_for_somebody_else_is_not_verified(client, asked):
    value = await presented(client, presentation())
    assert (await verify_shown(client, value))[0] == 200
    status, answer = await verify_shown(client, value, **asked)
    assert (status, answer["findings"]["holder_binding"]["result"]) == (400, "invalid")


@pytest.mark.parametrize(
    "value",
    [None, [], {}, credential(), presentation(holder=DIDS["p384"]), presentation(x=1)],
)
async def test_what_is_no_presentation_of_ours_is_not_proved(client, value):
    body = {"presentation": value, "options": ASKED}
    status, answer = await post(client, "/presentations", body)
    assert status == 400
    assert answer["errors"]


async def test_a_presentation_is_proved_once(client):
    value = await presented(client, presentation())
    assert (await post(client, "/presentations", {"presentation": value}))[0] == 400


@pytest.mark.parametrize("value", [None, 7, [], "", "x.y.z", {}, credential()])
async def test_what_is_no_presentation_is_not_verified(client, value):
    status, answer = await verify_shown(client, value)
    assert (status, answer["verified"]) == (400, False)


async def test_a_challenge_is_a_text(client):
    value = await presented(client, presentation())
    assert (await verify_shown(client, value, challenge=7))[0] == 400


async def test_who_shows_no_token_has_no_presentation_proved(aiohttp_client):
    guarded = await aiohttp_client(build_vc_api(api(token=TOKEN)))
    body = {"presentation": presentation()}
    assert (await post(guarded, "/presentations", body))[0] == 401


async def test_a_former_suite_names_itself_in_the_type_of_its_proof(client):
    value = await issued(client, "Ed25519Signature2020")
    assert value["proof"]["type"] == "Ed25519Signature2020"
    assert "cryptosuite" not in value["proof"]
    assert value["@context"][-1].endswith("ed25519-2020/v1")


@pytest.mark.parametrize(
    "change",
    [
        put("unheardOf", 1),
        put("type", ["VerifiableCredential", "Unheard"]),
        put("@context", [V2, "https://unheard.example/v1"]),
        put("@context", [V2, V2]),
        lambda value: value["credentialSubject"].update(unheardOf=1),
        lambda value: value["credentialSubject"].update(id="alice"),
    ],
)
async def test_what_has_no_meaning_is_neither_secured_nor_verified(client, change):
    value = credential()
    change(value)
    for name in ("eddsa-jcs-2022", "eddsa-rdfc-2022", "vc-jwt"):
        path = f"/issuers/{name}/credentials/issue"
        status, answer = await post(client, path, {"credential": value})
        assert (status, len(answer["errors"])) == (400, 1)
    value = await issued(client, "eddsa-jcs-2022")
    change(value)
    assert (await verify(client, value))[0] == 400


async def test_only_a_throw_away_node_takes_the_key_of_another(aiohttp_client):
    mine = await aiohttp_client(build_vc_api(api()))
    value = await issued(mine)
    value["issuer"] = "https://vc.example/issuers/5678"
    del value["proof"]
    signer = SIGNERS["ed25519"]
    signed = data_integrity.secure(
        value, key=signer.key, verification_method=signer.kid, at=NOW
    )
    status, answer = await verify(mine, signed)
    assert (status, answer["findings"]["issuer_identified"]["result"]) == (
        400,
        "unknown",
    )
    lists = StatusLists(signer, "http://127.0.0.1:1/vc-api/status")
    loose = api(checker=Checker(Nearby(lists), any_controller=True))
    client = await aiohttp_client(build_vc_api(loose))
    assert (await verify(client, signed))[0] == 200
    signed["name"] = "Another"
    assert (await verify(client, signed))[0] == 400


async def derived(client, value, *pointers):
    body = {"verifiableCredential": value, "options": {"selectivePointers": pointers}}
    return await post(client, "/credentials/derive", body)


@pytest.mark.parametrize(
    ("name", "key"), [("ecdsa-sd-2023", "p256"), ("bbs-2023", "bls")]
)
async def test_a_part_of_a_credential_is_shown_and_verified(client, name, key):
    base = await issued(client, f"{name}/{key}", key)
    assert (await verify(client, base))[0] == 400

    status, answer = await derived(client, base, "/credentialSubject/name")
    assert status == 201
    part = answer["verifiableCredential"]
    assert part["credentialSubject"] == {"id": "did:example:alice", "name": "Alice"}
    assert "validFrom" not in part
    assert part["issuer"] == DIDS[key]
    assert (await verify(client, part))[0] == 200

    part["credentialSubject"]["name"] = "Mallory"
    assert (await verify(client, part))[0] == 400


async def test_what_is_mandatory_is_always_shown(client):
    body = {
        "credential": credential("p256"),
        "options": {"mandatoryPointers": ["/issuer", "/validFrom"]},
    }
    path = "/issuers/ecdsa-sd-2023/p256/credentials/issue"
    _, answer = await post(client, path, body)
    base = answer["verifiableCredential"]
    _, answer = await derived(client, base, "/credentialSubject/name")
    assert answer["verifiableCredential"]["validFrom"] == "2027-03-01T00:00:00Z"


async def test_nothing_is_derived_from_what_has_no_parts(client):
    whole = await issued(client)
    base = await issued(client, "ecdsa-sd-2023", "p256")
    for value, pointers in (
        (whole, ["/credentialSubject/name"]),
        (base, ["/nowhere"]),
        (base, [7]),
        (None, []),
    ):
        status, answer = await derived(client, value, *pointers)
        assert (status, len(answer["errors"])) == (400, 1)
    options = {"selectivePointers": ["/id"], "presentationHeader": 7}
    body = {"verifiableCredential": base, "options": options}
    assert (await post(client, "/credentials/derive", body))[0] == 400
