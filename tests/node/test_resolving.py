"""DID resolution as the node answers it, and `lrx did`."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from node.cli.parser import invoke
from node.conformance import made
from node.registry import read_history
from node.services.resolving import resolve
from node.services.vc_checking import Checker
from node.web.vc_api import VcApi, build_vc_api
from protocol.errors import DidError
from protocol.exchange import did_log
from protocol.identity.dids import Did, DidHistory, resolve_offline
from protocol.identity.keys import LocalSigningKey

NOW = datetime(2027, 3, 20, 9, 0, tzinfo=UTC)
FIRST = NOW - timedelta(days=20)
KEY = str(made("EdDSA").kid.did)
WEB = "did:web:uni.example"


def logged(*, ended=False):
    """Make a did:webvh with two versions, perhaps ended by the second."""
    keys = [LocalSigningKey.generate("EdDSA") for _ in range(3)]
    hashes = [did_log.next_key_hash(k.verification_key.multikey()) for k in keys]
    template = "did:webvh:{SCID}:uni.example"
    did, log = did_log.create(
        {"@context": ["https://www.w3.org/ns/did/v1"], "id": template},
        update_key=keys[0],
        next_key_hashes=[hashes[1]],
        at=FIRST,
    )
    service = {"id": "#a", "type": "X", "serviceEndpoint": "https://a.example"}
    log = did_log.append(
        log,
        document={
            "@context": ["https://www.w3.org/ns/did/v1"],
            "id": str(did),
            "service": [service],
        },
        update_key=keys[1],
        next_key_hashes=[] if ended else [hashes[2]],
        at=FIRST + timedelta(days=10),
        deactivated=ended,
    )
    return str(did), log


LOGGED, LOG = logged()
ENDED, END = logged(ended=True)
FOUND = {LOGGED: LOG, ENDED: END, WEB: json.dumps({"id": WEB}).encode()}


class Web:
    """Everything there is on the web of these tests."""

    async def history(self, did, *, fresh=False):
        document = resolve_offline(did)
        if document:
            return DidHistory.of_document(document, NOW)
        if did not in FOUND:
            raise DidError(f"{did} cannot be reached")
        return read_history(Did(did), FOUND[did], NOW)


async def resolved(text, **more):
    return (await resolve(text, source=Web(), **more)).as_dict()


@pytest.mark.parametrize("did", [KEY, LOGGED, WEB])
async def test_a_did_resolves_to_its_document(did):
    told = await resolved(did)
    assert told["didDocument"]["id"] == did
    assert told["didResolutionMetadata"] == {"contentType": "application/did+ld+json"}


async def test_a_log_tells_when_its_document_was_written():
    told = (await resolved(LOGGED))["didDocumentMetadata"]
    assert told.pop("versionId").startswith("2-")
    assert told == {
        "created": "2027-02-28T09:00:00Z",
        "updated": "2027-03-10T09:00:00Z",
        "deactivated": False,
    }


async def test_a_version_can_be_asked_for():
    newest = await resolved(LOGGED)
    first = await resolved(f"{LOGGED}?versionTime=2027-03-01T00:00:00Z")
    assert "service" not in first["content"]
    metadata = first["contentMetadata"]
    assert metadata["nextVersionId"] == newest["didDocumentMetadata"]["versionId"]
    assert metadata["nextUpdate"] == "2027-03-10T09:00:00Z"
    same = await resolved(f"{LOGGED}?versionId={metadata['versionId']}")
    assert same["content"] == first["content"]


async def test_a_did_that_ended_has_no_document():
    told = await resolved(ENDED)
    assert told["didDocument"] is None
    assert told["didDocumentMetadata"]["deactivated"] is True
    assert "error" not in told["didResolutionMetadata"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("notDid:key:z6Mk", "invalidDid"),
        ("did:key:@", "invalidDid"),
        ("did:jwk:A", "invalidDid"),
        ("did:peer:0z6Mk", "invalidDid"),
        ("did:example:1", "methodNotSupported"),
        ("did:web:gone.example", "notFound"),
        ("", "invalidDid"),
    ],
)
async def test_a_did_that_leads_nowhere_says_why(text, word):
    told = await resolved(text)
    assert told["didDocument"] is None
    assert told["didDocumentMetadata"] == {}
    assert told["didResolutionMetadata"]["error"] == word
    assert told["didResolutionMetadata"]["reason"]


@pytest.mark.parametrize(
    ("rest", "word"),
    [
        ("?versionId=9-z", "notFound"),
        ("?versionTime=2020-01-01T00:00:00Z", "notFound"),
        ("?versionTime=yesterday", "invalidDidUrl"),
        ("#nothing", "notFound"),
    ],
)
async def test_a_did_url_that_leads_nowhere_says_why(rest, word):
    told = await resolved(LOGGED + rest)
    assert told["content"] is None
    assert told["dereferencingMetadata"]["error"] == word


@pytest.fixture
async def client(aiohttp_client):
    api = VcApi(issuers={}, checker=Checker(Web()), clock=lambda: NOW, token=None)
    return await aiohttp_client(build_vc_api(api))


async def get(client, text, **more):
    path = f"/1.0/identifiers/{quote(text, safe='')}"
    response = await client.get(path, **more)
    same = await client.get("/vc-api" + path, **more)
    told = await response.json(content_type=None)
    assert await same.json(content_type=None) == told
    return response.status, response.content_type, told


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (KEY, 200),
        (LOGGED, 200),
        (f"{LOGGED}#a", 200),
        (f"{LOGGED}?service=a", 200),
        (ENDED, 410),
        ("did:web:gone.example", 404),
        (f"{LOGGED}#b", 404),
        ("did:key:@", 400),
        (f"{KEY}/^", 400),
        ("did:example:1", 501),
    ],
)
async def test_over_http_each_answer_has_its_status(client, text, status):
    found, media_type, told = await get(client, text)
    assert (found, media_type) == (status, "application/json")
    assert told["@context"] == "https://w3id.org/did-resolution/v1"


async def test_who_accepts_a_document_only_is_given_it(client):
    headers = {"Accept": "application/did+ld+json"}
    status, media_type, told = await get(client, KEY, headers=headers)
    assert (status, media_type) == (200, "application/did+ld+json")
    assert told["id"] == KEY
    status, _, told = await get(client, "did:key:@", headers=headers)
    assert (status, told["didDocument"]) == (400, None)


async def test_a_format_of_the_key_can_be_asked_for(client):
    parameters = {"publicKeyFormat": "JsonWebKey2020"}
    _, _, told = await get(client, KEY, params=parameters)
    (method,) = told["didDocument"]["verificationMethod"]
    assert method["publicKeyJwk"]["crv"] == "Ed25519"
    parameters = {"publicKeyFormat": "unknown"}
    status, _, told = await get(client, KEY, params=parameters)
    assert status == 400
    assert told["didResolutionMetadata"]["error"] == "unsupportedPublicKeyType"


@pytest.mark.parametrize("method", ["key", "jwk", "peer2", "peer4"])
@pytest.mark.parametrize("kind", ["ed25519", "p256", "p384"])
async def test_a_did_that_was_created_resolves(tmp_path, capsys, method, kind):
    folder = tmp_path / "did"
    assert await invoke(["did", "create", method, str(folder), "--kind", kind]) == 0
    did = capsys.readouterr().out.strip()
    document = json.loads((folder / "did.json").read_text())
    assert (folder / "signing.json").stat().st_mode & 0o777 == 0o600
    key = LocalSigningKey.from_jwk(json.loads((folder / "signing.json").read_text()))

    assert await invoke(["did", "resolve", did]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["didDocument"] == document
    name = document["assertionMethod"][0].partition("#")[2]
    assert await invoke(["did", "dereference", f"{did}#{name}"]) == 0
    json.loads(capsys.readouterr().out)
    found = resolve_offline(Did(did)).key_for(f"{did}#{name}", "assertionMethod")
    assert found == key.verification_key

    assert await invoke(["did", "create", method, str(folder)]) == 2
    assert "never overwritten" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["web", "webvh"])
async def test_a_did_on_the_web_is_made_to_be_served(tmp_path, capsys, method):
    folder = tmp_path / "did"
    domain = "uni.example:people"
    command = ["did", "create", method, str(folder), "--domain", domain]
    assert await invoke([*command, "--service", "https://uni.example/"]) == 0
    did = Did(capsys.readouterr().out.strip())
    assert did.domain == "uni.example"
    name = "did.json" if method == "web" else "did.jsonl"
    moment = datetime.now(UTC) + timedelta(minutes=1)
    document = read_history(did, (folder / name).read_bytes(), moment).current()
    key = LocalSigningKey.from_jwk(json.loads((folder / "signing.json").read_text()))
    assert document.key_for(f"{did}#key-1", "assertionMethod") == key.verification_key
    assert len(document.encryption_keys()) == 1
    assert document.services[0]["serviceEndpoint"] == "https://uni.example/"


@pytest.mark.parametrize(
    "arguments",
    [
        ["web"],
        ["key", "--domain", "uni.example"],
        ["key", "--service", "https://uni.example/"],
        ["web", "--domain", "localhost"],
        ["webvh", "--domain", "127.0.0.1"],
    ],
)
async def test_what_makes_no_did_leaves_no_keys(tmp_path, capsys, arguments):
    method, *more = arguments
    folder = tmp_path / "did"
    assert await invoke(["did", "create", method, str(folder), *more]) == 2
    assert capsys.readouterr().err.startswith("lrx: ")
    assert not folder.exists() or not any(folder.iterdir())


async def test_the_command_says_what_could_not_be_found(capsys):
    assert await invoke(["did", "resolve", "did:example:1"]) == 3
    printed = capsys.readouterr()
    error = json.loads(printed.out)["didResolutionMetadata"]["error"]
    assert error == "methodNotSupported"
    assert "did:example" in printed.err
