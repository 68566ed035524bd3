"""The VC API, each route with good and with broken input."""

import base64
import copy
import json
from datetime import UTC, datetime
from io import BytesIO

import pytest

from node.conformance import made
from node.services.vc_checking import Checker
from node.services.vc_issuing import issuers
from node.services.vc_statuses import StatusLists
from node.web.vc_api import MAXIMUM_BODY, VcApi, build_vc_api
from protocol.errors import DidError
from protocol.identity.dids import DidHistory, resolve_offline

V1 = "https://www.w3.org/2018/credentials/v1"
V2 = "https://www.w3.org/ns/credentials/v2"
EXAMPLES = "https://www.w3.org/ns/credentials/examples/v2"
NOW = datetime(2027, 3, 20, 9, 0, tzinfo=UTC)
TOKEN = "0f" * 32
SIGNERS = {"ed25519": made("EdDSA"), "p256": made("ES256"), "p384": made("ES384")}
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
