import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest

from node import verifying
from node.contexts import vocabulary
from node.linked_data import LinkedData, LinkedDataError
from node.linked_data_guard import LARGEST, RefusedError, check
from node.registry import Live
from protocol.credentials.findings import Result
from protocol.credentials.proofs import LINKED_DATA_SUITES
from protocol.credentials.vcdm11 import FORMER_CONTEXT, PROOF_CONTEXT, as_former
from protocol.identity.dids import DidUrl
from protocol.identity.keys import LocalSigningKey
from protocol.linked_data.contexts import JWS_2020_V1
from protocol.securing import legacy, linked_data_signatures
from tests.protocol import test_vcdm11 as ours

pytestmark = pytest.mark.slow
KEY = ours.KEY.private_jwk()
DID = ours.DID
METHOD = str(ours.KID)
AT = datetime(2026, 5, 1, tzinfo=UTC)
WORKER = Path(sys.modules["node.linked_data"].__file__).with_name(
    "linked_data_worker.py"
)
needs_didkit = pytest.mark.skipif(
    importlib.util.find_spec("didkit") is None, reason="no DIDKit for this Python"
)


def plain(**changes):
    """A small credential of VC Data Model 1.1."""
    return {
        "@context": [FORMER_CONTEXT, PROOF_CONTEXT],
        "id": "urn:uuid:0198d3a4-0000-7000-8000-000000000002",
        "type": ["VerifiableCredential"],
        "issuer": DID,
        "issuanceDate": "2026-04-10T03:00:00Z",
        "credentialSubject": {"id": "did:example:a"},
    } | changes


def proven(**changes):
    """One with a proof that nobody made."""
    proof = {
        "type": "Ed25519Signature2020",
        "created": "2026-04-10T03:00:00Z",
        "verificationMethod": METHOD,
        "proofPurpose": "assertionMethod",
        "proofValue": "z" + "2" * 88,
    }
    return plain(**({"proof": proof} | changes))


def octets(document):
    return json.dumps(document).encode()


@pytest.fixture
async def linked_data():
    async with LinkedData() as linked_data:
        yield linked_data


@pytest.fixture
def canary():
    """A server on loopback, and how what reached it began."""
    asked = []

    class Canary(BaseRequestHandler):
        def handle(self):
            asked.append(self.request.recv(4))

    with ThreadingTCPServer(("127.0.0.1", 0), Canary) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


async def issued(linked_data, document=None, suite="Ed25519Signature2020"):
    return await linked_data.issue(
        document or plain(), key=KEY, verification_method=METHOD, suite=suite
    )


async def verified(linked_data, document, at=AT):
    octets_ = document.encode() if isinstance(document, str) else octets(document)
    verification, _ = await verifying.verify(
        octets_,
        media_type=None,
        source=Live(None, lambda: at),
        linked_data=linked_data,
        accreditations=(),
        anchors=(),
        at=at,
    )
    return verification


# --- what DIDKit is for


@needs_didkit
@pytest.mark.parametrize("suite", sorted(LINKED_DATA_SUITES))
async def test_a_proof_holds_until_something_is_altered(linked_data, suite):
    document = await issued(linked_data, suite=suite)
    altered = document | {"credentialSubject": {"id": "did:example:b"}}

    assert document["proof"]["type"] == suite
    good = await linked_data.verify(octets(document))
    bad = await linked_data.verify(octets(altered))

    assert (good.result, good.by) == (Result.VALID, "didkit 0.3.3")
    assert bad.result == Result.INVALID


@needs_didkit
@pytest.mark.parametrize("kind", ours.KINDS)
async def test_each_record_we_restate_is_covered_whole(linked_data, kind):
    document = await issued(linked_data, ours.former(kind))

    verification = await verified(linked_data, document)

    findings = verification.findings
    # DIDKit names nodes that look alike in an order of its own, so that a signature it
    # makes over many of them holds nowhere else, and none of theirs with it.
    alike = kind != "micro-credential"
    assert findings["integrity"].result == (Result.UNKNOWN if alike else Result.VALID)
    assert ("two judges disagree" in findings["integrity"].reason) == alike
    assert findings["integrity"].evidence["judged_by"] == "didkit 0.3.3"
    assert findings["key_at_signing"].result == Result.VALID
    assert findings["schema"].result == Result.VALID, findings["schema"].reason
    for name, value in (("family_name", "ALTERED"), ("student_number", "1")):
        text = json.dumps(document)
        assert name in text or kind == "micro-credential"
        bent = json.loads(text)
        bent["credentialSubject"].setdefault("holder", {})[name] = value
        assert (await linked_data.verify(octets(bent))).result == Result.INVALID


@needs_didkit
async def test_dates_are_ours_to_judge(linked_data):
    document = await issued(linked_data, plain(expirationDate="2026-04-30T00:00:00Z"))

    verification = await verified(linked_data, document)

    assert (await linked_data.verify(octets(document))).result == Result.VALID
    assert verification.findings["integrity"].result == Result.VALID
    assert verification.findings["validity_period"].result == Result.INVALID
    assert verification.overall("authenticity") == "invalid"


@needs_didkit
async def test_a_current_credential_is_authentic_and_an_altered_one_is_not(linked_data):
    document = await issued(linked_data)
    altered = document | {"issuanceDate": "2026-04-11T03:00:00Z"}

    assert (await verified(linked_data, document)).overall("authenticity") == "valid"
    assert (await verified(linked_data, altered)).overall("authenticity") == "invalid"


@needs_didkit
@pytest.mark.parametrize("kind", ours.KINDS)
async def test_our_vc_jwt_holds_in_didkit_and_didkits_in_ours(linked_data, kind):
    # Of a JWT it judges the end itself, by the clock on the wall: so without one.
    document = as_former(ours.current(kind, until=None))
    by_us = legacy.secure(document, key=ours.KEY, kid=ours.KID)
    by_didkit = await linked_data.issue_jwt(
        document, key=KEY, verification_method=METHOD
    )

    assert (await linked_data.verify(by_us.encode())).result == Result.VALID
    altered = f"{by_us[:-8]}AAAAAAAA"
    assert (await linked_data.verify(altered.encode())).result == Result.INVALID
    verification = await verified(linked_data, by_didkit)
    assert verification.findings["integrity"].result == Result.VALID
    assert verification.document.claims == document


@needs_didkit
async def test_of_several_proofs_each_is_judged_alone(linked_data):
    document = await issued(linked_data)
    good = document["proof"]
    both = document | {"proof": [good, good | {"created": "2020-01-01T00:00:00Z"}]}

    findings = (await verified(linked_data, both)).findings

    assert findings["integrity"].result == Result.INVALID


# --- what is not given to it


def refused(document):
    with pytest.raises(RefusedError) as caught:
        check(octets(document))
    return str(caught.value)


@pytest.mark.parametrize(
    "method", ["web:a.test", f"webvh:Qm{'a' * 44}:a.test", "pkh:tz:a"]
)
def test_a_did_that_would_be_fetched_is_refused(method):
    did = f"did:{method}"
    key = proven()["proof"] | {"verificationMethod": f"{did}#1"}

    for document in (
        proven(issuer=did),
        proven(issuer={"id": did}),
        proven(proof=key),
    ):
        assert "fetch" in refused(document)


@pytest.mark.parametrize(
    "issuer", [None, 7, "https://a.example/", {"name": "A"}, "did"]
)
def test_an_issuer_without_a_did_is_refused(issuer):
    assert "DID" in refused(proven(issuer=issuer))


@pytest.mark.parametrize(
    "context",
    [
        "https://contexts.example/1",
        {"@import": "https://contexts.example/1"},
        {"@vocab": "https://a.example/"} | {"name": "https://contexts.example/1#n"},
        {"@vocab": "_:"},
        {"@vocab": "relative#"},
        {"@vocab": "https://a.example/#half"},
        {"@vocab": None},
        {"credentialSubject": None},
        None,
        7,
        ["https://contexts.example/1"],
    ],
)
def test_a_context_it_does_not_hold_or_that_redefines_is_refused(context):
    assert "context" in refused(proven(**{"@context": [FORMER_CONTEXT, context]}))
    proof = proven()["proof"] | {"@context": [context]}
    assert "context" in refused(proven(proof=proof))
    subject = {"id": "did:example:a", "@context": context}
    assert "@context" in refused(proven(credentialSubject=subject))


@pytest.mark.parametrize(
    "context", ["https://www.w3.org/ns/credentials/v2", [PROOF_CONTEXT], [], None]
)
def test_a_document_of_another_data_model_is_refused(context):
    assert refused(proven(**{"@context": context}))


VOCABULARY = [FORMER_CONTEXT, PROOF_CONTEXT, {"@vocab": "https://a.example/terms#"}]


@pytest.mark.parametrize(
    "more",
    [
        {"https://www.w3.org/2018/credentials#expirationDate": "2020-01-01T00:00:00Z"},
        {"cred:expirationDate": "2020-01-01T00:00:00Z"},
        {"@nest": {"expirationDate": "2020-01-01T00:00:00Z"}},
        {"@foo": "left out"},
        {"a b": "left out"},
        {"": "left out"},
        {"grade": None},
        {"grade": []},
        {"grade": [None]},
        {"grade": [["A"]]},
        {"grade": {"id": "relative", "label": "left out"}},
        {"grade": {"id": "_:b0"}},
        {"grade": {"id": "http://a b/"}},
        {"grade": {"id": "urn:a:%zz"}},
        {"grade": {"id": ["urn:a:b"]}},
        {"grade": {"type": "a b"}},
        {"evidence": "relative"},
        {"evidence": ["urn:a:b", 7]},
        {"type": ["VerifiableCredential", "https://a.example/T"]},
        {"type": [7]},
    ],
)
def test_what_might_be_left_unsigned_or_unread_is_refused(more):
    assert refused(proven(**({"@context": VOCABULARY} | more)))


def test_a_type_must_be_defined():
    types = ["VerifiableCredential", "DiplomaSupplement"]

    assert "type" in refused(proven(type=types))
    assert check(octets(proven(type=types, **{"@context": VOCABULARY})))


def test_an_object_must_not_be_said_in_two_places():
    twice = {"issuer": {"id": DID, "name": "A"}, "credentialSubject": {"id": DID}}
    moved = {"issuer": DID, "credentialSubject": {"id": DID, "name": "A"}}
    same = {"issuer": {"id": DID, "name": "A"}}
    same["credentialSubject"] = {"body": same["issuer"]}

    assert refused(proven(**{"@context": VOCABULARY}, **twice))
    assert refused(proven(**{"@context": VOCABULARY}, **moved))
    assert check(octets(proven(**{"@context": VOCABULARY}, **same)))


@pytest.mark.parametrize(
    "proof",
    [
        None,
        [],
        {"type": "EthereumEip712Signature2021"},
        {"eip712Domain": {"types": "https://a.example/"}},
        {"proofValue": 7},
        {"verificationMethod": "https://a.example/#key"},
        {"verificationMethod": None},
    ],
)
def test_a_strange_proof_is_refused(proof):
    bent = {**proven()["proof"], **proof} if isinstance(proof, dict) else proof

    assert refused(proven(proof=bent))


@pytest.mark.parametrize(
    "document",
    [
        b" " * (LARGEST + 1),
        b"\xff",
        b"{",
        b'{"a": 1, "a": 2}',
        b"a.b.c",
        b"text",
        b"{" + b'"a":{' * 40 + b"}" * 41,
    ],
)
def test_what_cannot_be_read_is_refused(document):
    with pytest.raises(RefusedError):
        check(document)


def test_a_jwt_of_a_did_that_would_be_fetched_is_refused():
    vc = plain(issuer="did:web:a.test")
    token = legacy.secure(vc, key=ours.KEY, kid=ours.KID)

    with pytest.raises(RefusedError, match="fetch"):
        check(token.encode())


async def test_what_is_refused_is_unknown_and_starts_no_process(linked_data):
    found = await linked_data.verify(octets(proven(issuer="did:web:a.test")))

    assert found.result == Result.UNKNOWN
    assert "fetch" in found.reason or "no DIDKit" in found.reason
    assert linked_data.process is None


@needs_didkit
async def test_a_hidden_expiry_would_have_held(linked_data):
    """The reason for the strictness: DIDKit finds nothing wrong with these."""
    document = await issued(linked_data, plain(expirationDate="2020-01-01T00:00:00Z"))
    hidden = {n: v for n, v in document.items() if n != "expirationDate"}
    hidden |= {"@nest": {"expirationDate": "2020-01-01T00:00:00Z"}}
    typed = document | {"type": ["VerifiableCredential", "DiplomaSupplement"]}

    for bent in (hidden, typed):
        said = await linked_data._ask(  # noqa: SLF001 - past the guard
            "verify", json.dumps(bent), {"checks": ["proof"]}
        )
        assert json.loads(said)["errors"] == []
        assert (await linked_data.verify(octets(bent))).result == Result.UNKNOWN
        assert (await verified(linked_data, bent)).overall("authenticity") != "valid"


@needs_didkit
async def test_lrx_verify_judges_a_file_with_a_linked_data_proof(linked_data, tmp_path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    document = await issued(linked_data)
    good.write_bytes(octets(document))
    bad.write_bytes(octets(document | {"issuanceDate": "2026-04-11T03:00:00Z"}))

    def lrx_verify(file):
        command = [sys.executable, "-m", "node", "verify", str(file), "--json"]
        return subprocess.run(  # noqa: S603 - it is ours
            [*command, "--policy", "authenticity"],
            capture_output=True,
            check=False,
            cwd=tmp_path,
        )

    said = await asyncio.to_thread(lrx_verify, good)
    assert said.returncode == 0
    integrity = json.loads(said.stdout)["findings"]["integrity"]
    assert integrity["evidence"]["judged_by"] == "didkit 0.3.3"
    assert (await asyncio.to_thread(lrx_verify, bad)).returncode == 1


# --- no network


def following(host):
    """A credential whose status DIDKit would follow if it were asked to."""
    context = "https://w3id.org/vc-revocation-list-2020/v1"
    return plain(
        **{"@context": [FORMER_CONTEXT, PROOF_CONTEXT, context]},
        credentialStatus={
            "id": f"https://{host}/list#1",
            "type": "RevocationList2020Status",
            "revocationListIndex": "1",
            "revocationListCredential": f"https://{host}/list",
        },
    )


@needs_didkit
async def test_a_hostile_document_reaches_nobody(linked_data, canary):
    host, asked = canary
    origin, web = f"http://{host}", f"did:web:{host.replace(':', '%3A')}"
    status = await issued(linked_data, following(host))

    for document in (
        status,
        proven(issuer=web),
        proven(issuer="did:web:a.test"),
        proven(**{"@context": [FORMER_CONTEXT, f"{origin}/context"]}),
        proven(refreshService={"id": f"{origin}/refresh", "type": "X"}),
        proven(termsOfUse={"id": f"{origin}/terms", "type": "X"}),
        proven(credentialSchema={"id": f"{origin}/schema", "type": "X"}),
    ):
        await linked_data.verify(octets(document))
        await verified(linked_data, document)

    assert (await linked_data.verify(octets(status))).result == Result.VALID
    assert asked == []


_UNGUARDED = """
import asyncio, didkit, os, sys
async def main():
    await didkit.verify_credential(sys.stdin.read(), '{"checks":["credentialStatus"]}')
asyncio.run(main())
os._exit(0)  # without the wait it might crash
"""


@needs_didkit
async def test_past_the_guard_the_process_still_reaches_nobody(linked_data, canary):
    host, asked = canary
    document = await issued(linked_data, following(host))
    options = {"checks": ["proof", "credentialStatus"]}

    said = await linked_data._ask(  # noqa: SLF001 - past the guard
        "verify", json.dumps(document), options
    )
    web = await linked_data._ask(  # noqa: SLF001 - past the guard
        "verify", json.dumps(proven(issuer="did:web:a.test")), {}
    )

    assert "Error sending HTTP request" in said
    assert "Error sending HTTP request" in web
    assert asked == []
    # That the canary would have sung: the same request, where nothing is in the way.
    await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _UNGUARDED],
        input=json.dumps(document).encode(),
        check=True,
    )
    assert [first[:1] for first in asked] == [b"\x16"]  # the hello of TLS


@needs_didkit
async def test_no_descriptor_is_left_to_the_process(linked_data):
    await issued(linked_data)
    folder = Path(f"/proc/{linked_data.process}")
    before = sorted(int(fd.name) for fd in (folder / "fd").iterdir())

    await linked_data.verify(octets(await issued(linked_data)))

    limits = (folder / "limits").read_text().splitlines()
    (files,) = [line.split()[3:5] for line in limits if line.startswith("Max open")]
    (core,) = [line.split()[4:6] for line in limits if line.startswith("Max core")]
    limit = int(files[0])
    assert sorted(int(fd.name) for fd in (folder / "fd").iterdir()) == before
    assert set(range(limit)) <= set(before)
    assert files == [str(limit), str(limit)]
    assert core == ["0", "0"]
    names = (folder / "environ").read_bytes().split(b"\0")
    assert all(n.startswith((b"LD_LIBRARY_PATH=", b"LC_CTYPE=")) for n in names if n)


_NO_NAMESPACE = """
import sys
sys.path.insert(0, sys.argv[1])
import linked_data_worker as worker
worker.leave_network = lambda: None
worker.main()
"""


@needs_didkit
def test_where_no_namespace_is_allowed_there_is_still_no_socket(canary):
    """As on a kernel that refuses one: what is left is the limit on descriptors."""
    host, asked = canary
    request = {
        "id": 1,
        "task": "verify",
        "document": json.dumps(proven(issuer="did:web:a.test")),
        "options": "{}",
    }
    key = {"task": "issue", "document": json.dumps(following(host))}
    key |= {"id": 2, "key": json.dumps(KEY)}
    key |= {"options": json.dumps({"verificationMethod": METHOD})}
    with subprocess.Popen(  # noqa: S603 - it is ours
        [sys.executable, "-c", _NO_NAMESPACE, str(WORKER.parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:

        def ask(asked_for):
            process.stdin.write(json.dumps(asked_for).encode() + b"\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())["value"]

        process.stdout.readline()
        assert "Error sending HTTP request" in ask(request)
        request["document"] = ask(key)
        request["options"] = '{"checks": ["credentialStatus"]}'
        assert "Error sending HTTP request" in ask(request)
        process.stdin.close()
        assert process.wait(10) == 0
    assert asked == []


# --- a process that hangs, dies or is not there


@needs_didkit
async def test_a_process_that_hangs_is_ended_and_replaced():
    async with LinkedData(limit=timedelta(seconds=5)) as linked_data:
        document = octets(await issued(linked_data))
        linked_data.limit = timedelta(milliseconds=100)
        stopped = linked_data.process
        os.kill(stopped, signal.SIGSTOP)

        found = await linked_data.verify(document)
        linked_data.limit = timedelta(seconds=5)
        again = await linked_data.verify(document)

        assert (found.result, found.reason) == (
            Result.UNKNOWN,
            "DIDKit took too long and was ended",
        )
        assert again.result == Result.VALID
        assert linked_data.process != stopped


@needs_didkit
async def test_a_process_that_dies_costs_one_answer_at_most(linked_data):
    document = octets(await issued(linked_data))
    os.kill(linked_data.process, signal.SIGSTOP)
    asked = asyncio.ensure_future(linked_data.verify(document))
    await asyncio.sleep(0)
    os.kill(linked_data.process, signal.SIGKILL)

    found = await asked
    again = await linked_data.verify(document)

    assert found.result == Result.UNKNOWN
    assert found.reason == "DIDKit ended without an answer"
    assert again.result == Result.VALID


@needs_didkit
async def test_an_answer_nobody_waited_for_is_not_the_next_ones(linked_data):
    good = octets(await issued(linked_data))
    os.kill(linked_data.process, signal.SIGSTOP)
    task = asyncio.ensure_future(linked_data.verify(octets(proven())))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await linked_data.verify(good)).result == Result.VALID


@needs_didkit
async def test_many_at_once_each_get_their_own_answer(linked_data):
    good = octets(await issued(linked_data))
    bad = octets(proven())

    found = await asyncio.gather(*map(linked_data.verify, [good, bad] * 5))

    assert [one.result for one in found] == [Result.VALID, Result.INVALID] * 5


@needs_didkit
async def test_the_process_ends_without_a_crash(linked_data):
    await issued(linked_data)
    worker = linked_data._worker  # noqa: SLF001 - its exit status

    await linked_data.close()

    assert worker.returncode == 0
    assert linked_data.process is None
    await linked_data.close()


@needs_didkit
async def test_a_process_that_does_not_end_is_ended(linked_data, monkeypatch):
    monkeypatch.setattr("node.linked_data._END", timedelta(milliseconds=50))
    await issued(linked_data)
    worker = linked_data._worker  # noqa: SLF001 - its exit status
    os.kill(worker.pid, signal.SIGSTOP)

    await linked_data.close()

    assert worker.returncode == -signal.SIGKILL


@needs_didkit
@pytest.mark.parametrize("program", ["raise SystemExit(1)", "print('no JSON')"])
async def test_a_process_that_cannot_start_makes_a_proof_unknown(
    linked_data, monkeypatch, tmp_path, program
):
    (tmp_path / "worker.py").write_text(program)
    monkeypatch.setattr("node.linked_data._WORKER", tmp_path / "worker.py")

    found = await linked_data.verify(octets(proven()))

    assert found.result == Result.UNKNOWN
    assert found.reason == "DIDKit could not be started"
    assert linked_data.process is None


@needs_didkit
async def test_whoever_stops_waiting_for_the_start_leaves_no_process(linked_data):
    task = asyncio.ensure_future(linked_data.verify(octets(proven())))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert linked_data.process is None
    assert (await linked_data.verify(octets(await issued(linked_data)))).result == (
        Result.VALID
    )


@needs_didkit
async def test_an_answer_to_another_request_is_none(linked_data, monkeypatch, tmp_path):
    (tmp_path / "worker.py").write_text(
        "import sys\n"
        'print(\'{"id": 0, "value": "0"}\', flush=True)\n'
        'for _ in sys.stdin: print(\'{"id": 7, "value": "{}"}\', flush=True)\n'
    )
    monkeypatch.setattr("node.linked_data._WORKER", tmp_path / "worker.py")

    assert (await linked_data.verify(octets(proven()))).result == Result.UNKNOWN


@needs_didkit
async def test_what_didkit_refuses_to_issue_is_an_error(linked_data):
    other = plain(issuer="did:key:z6MkqRYqQiSgvZQdnBytw86Qbs2ZWUkGv22od935YF4s8M7V")

    with pytest.raises(LinkedDataError, match="DIDKit"):
        await issued(linked_data, plain(issuanceDate="yesterday"))
    with pytest.raises(LinkedDataError, match="not given"):
        await issued(linked_data, plain(issuer="did:web:a.test"))
    with pytest.raises(LinkedDataError):
        await issued(linked_data, other, suite="NoSuchSuite")


async def test_without_didkit_our_own_code_judges(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    async with LinkedData() as linked_data:
        verification = await verified(linked_data, proven())

        assert not linked_data.available()
        assert verification.findings["integrity"].result == Result.INVALID
        assert "does not fit" in verification.findings["integrity"].reason
        with pytest.raises(LinkedDataError, match="no DIDKit"):
            await issued(linked_data)


async def test_without_another_processor_our_own_code_judges():
    verification = await verified(None, proven())

    assert verification.findings["integrity"].result == Result.INVALID


async def test_what_we_issue_holds_in_didkit_and_without_it(linked_data):
    key = LocalSigningKey.from_jwk(KEY)
    document = linked_data_signatures.secure(
        plain(),
        key=key,
        verification_method=DidUrl(METHOD),
        at=AT,
        vocabulary=vocabulary(),
    )

    if linked_data.available():
        assert (await linked_data.verify(octets(document))).result == Result.VALID
    for judge in (linked_data, None):
        good = await verified(judge, document)
        bad = await verified(judge, document | {"issuanceDate": "2020-01-01T00:00:00Z"})
        assert good.overall("authenticity") == "valid"
        assert bad.findings["integrity"].result == Result.INVALID


@needs_didkit
@pytest.mark.parametrize(
    "suite", ["Ed25519Signature2018", "Ed25519Signature2020", "JsonWebSignature2020"]
)
async def test_what_didkit_issues_holds_without_it(linked_data, suite):
    terms = JWS_2020_V1 if suite == "JsonWebSignature2020" else PROOF_CONTEXT
    stated = plain(**{"@context": [FORMER_CONTEXT, terms]})
    document = await issued(linked_data, stated, suite=suite)

    good = await verified(None, document)
    bad = await verified(None, document | {"issuanceDate": "2020-01-01T00:00:00Z"})

    assert document["proof"]["type"] == suite
    assert good.findings["integrity"].result == Result.VALID
    assert bad.findings["integrity"].result == Result.INVALID


def test_didkit_is_never_in_the_process_of_the_node():
    assert "didkit" not in sys.modules
