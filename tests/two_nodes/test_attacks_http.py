"""Attack cases on the door for peers, against a running node, over TLS.

Each name says which row of LRX 1.0, section "Attack cases", it is.
"""

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import secrets
from datetime import timedelta

import pytest
from exchange_net import MESSAGE, PURPOSE, A, B, Call, R, raw, running

from protocol.exchange import envelope, http_signatures
from protocol.exchange import messages as wire
from protocol.exchange.http_signatures import RequestParts
from protocol.identity.dids import DidUrl
from protocol.identity.keys import DecryptionKey, LocalSigningKey
from protocol.identity.multibase import as_base64url, from_base64url

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]
SIGNATURE, REPLAY = "e.m.trust.signature", "e.m.trust.replay"
STATUS = {"state": "closed", "outcome": "unavailable"}
COMPONENTS = (
    "@method",
    "@authority",
    "@path",
    "@query",
    "content-type",
    "content-digest",
)


def a_message(net, sender=R, to=A, **more):
    """A message that does nothing: the status of a query that never was."""
    return net.message(sender, to, "record/status", STATUS, thid="a" * 32, **more)


def a_body(net, sender=R, to=A):
    return net.sealed(to, net.signed(sender, a_message(net, sender, to)))


async def untouched(net, key=A):
    """Count what was taken in of the kind that is sent here; others come and go."""
    rows = await net.rows(key, "inbox", "type")
    return sum(row.type == "record/status" for row in rows)


def signed_by(net, lines, parameters, sender=R):
    """Sign any components and parameters with the real message key."""
    names = " ".join(name for name, _ in lines)
    line = f"({names}){parameters}"
    text = "".join(f"{name}: {value}\n" for name, value in lines)
    base = f'{text}"@signature-params": {line}'.encode()
    value = net.context(sender).identity.message_key.sign(base)
    return line, base64.b64encode(value).decode()


def parts_of(net, body, sender=R, to=A, **more):
    """Return what an honest request would cover, and its parameters."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    values = {
        "@method": "POST",
        "@authority": net.world.settings[to].authority,
        "@path": "/lrx/1/inbox",
        "@query": "?",
        "content-type": MESSAGE,
        "content-digest": f"sha-256=:{digest}:",
    }
    now = int(net.clock().timestamp())
    known = {
        "created": now,
        "keyid": net.context(sender).identity.message_kid,
        "expires": now + 60,
        "nonce": secrets.token_urlsafe(16),
        "tag": "lrx-1",
    } | more
    parameters = "".join(
        f";{name}={value}" if isinstance(value, int) else f';{name}="{value}"'
        for name, value in known.items()
    )
    return [(f'"{n}"', v) for n, v in values.items()], parameters, values


def by_hand(net, body, line, value, values, *, label="lrx", more=()):
    headers = [
        ("Host", values["@authority"]),
        ("Content-Type", MESSAGE),
        ("Content-Digest", values["content-digest"]),
        ("Signature-Input", f"{label}={line}"),
        ("Signature", f"{label}=:{value}:"),
        *more,
    ]
    parts = RequestParts(
        "POST", values["@authority"], "/lrx/1/inbox", "?", MESSAGE, body
    )
    return Call(parts, "", headers)


async def test_the_harness_signs_what_is_accepted(net):
    """Without this, every refusal below would prove nothing."""
    body = a_body(net)
    lines, parameters, values = parts_of(net, body)
    line, value = signed_by(net, lines, parameters)
    answer = await raw(net, A, by_hand(net, body, line, value, values).octets())
    assert answer.status == 202, answer


@pytest.mark.parametrize("left_out", COMPONENTS)
async def test_a22_a_component_is_left_out(net, left_out):
    before = await untouched(net)
    body = a_body(net)
    lines, parameters, values = parts_of(net, body)
    lines = [one for one in lines if one[0] != f'"{left_out}"']
    line, value = signed_by(net, lines, parameters)
    answer = await raw(net, A, by_hand(net, body, line, value, values).octets())
    assert (answer.status, answer.code) == (401, SIGNATURE)
    assert await untouched(net) == before


@pytest.mark.parametrize("place", range(5))
async def test_a22_components_in_another_order(net, place):
    body = a_body(net)
    lines, parameters, values = parts_of(net, body)
    lines[place], lines[place + 1] = lines[place + 1], lines[place]
    line, value = signed_by(net, lines, parameters)
    answer = await raw(net, A, by_hand(net, body, line, value, values).octets())
    assert (answer.status, answer.code) == (401, SIGNATURE)


@pytest.mark.parametrize("name", ["created", "keyid", "expires", "nonce", "tag"])
async def test_a22_a_parameter_is_left_out(net, name):
    body = a_body(net)
    lines, parameters, values = parts_of(net, body)
    start = parameters.index(f";{name}=")
    end = parameters.find(";", start + 1)
    kept = parameters[:start] + (parameters[end:] if end > 0 else "")
    line, value = signed_by(net, lines, kept)
    answer = await raw(net, A, by_hand(net, body, line, value, values).octets())
    assert (answer.status, answer.code) == (401, SIGNATURE)


@pytest.mark.parametrize(
    "changed",
    [
        {"tag": "lrx-2"},
        {"alg": "ed25519"},
        {"foo": "bar"},
        {"keyid": "not a did url"},
        {"nonce": "short"},
        {"expires": 2**40},
    ],
)
async def test_a22_another_parameter(net, changed):
    body = a_body(net)
    lines, parameters, values = parts_of(net, body, **changed)
    line, value = signed_by(net, lines, parameters)
    answer = await raw(net, A, by_hand(net, body, line, value, values).octets())
    assert answer.status == 401
    assert answer.code in {SIGNATURE, "e.m.trust.clock"}


async def test_a22_two_signatures_relabelled_and_doubled(net):
    body = a_body(net)
    lines, parameters, values = parts_of(net, body)
    line, value = signed_by(net, lines, parameters)
    calls = [
        by_hand(net, body, line, value, values, label="sig1"),
        by_hand(net, body, line, value, values).with_header(
            "Signature-Input", f"lrx={line}, lrx={line}"
        ),
        by_hand(net, body, line, value, values).with_header(
            "Signature-Input", f"lrx={line}, two={line}"
        ),
        by_hand(net, body, line, value, values).with_header("Signature-Input", None),
        by_hand(net, body, line, value, values).with_header("Signature", None),
        by_hand(net, body, line, value, values).with_header("Signature", "lrx=:AAAA:"),
        by_hand(net, body, line, value, values).with_header("Signature-Input", "{[("),
    ]
    for call in calls:
        answer = await raw(net, A, call.octets())
        assert (answer.status, answer.code) == (401, SIGNATURE), call.headers
    # A second signature of somebody else is ignored, and never trusted.
    other = ("Signature-Input", 'proxy=("@method");created=1;tag="proxy"')
    call = by_hand(net, body, line, value, values, more=[other])
    assert (await raw(net, A, call.octets())).status == 202


async def test_a22_the_digest_does_not_fit_or_has_a_second_member(net):
    body = a_body(net)
    lines, parameters, values = parts_of(net, body)
    line, value = signed_by(net, lines, parameters)
    good = by_hand(net, body, line, value, values)
    altered = Call(good.parts, "", good.headers)
    altered.parts = RequestParts(
        "POST", values["@authority"], "/lrx/1/inbox", "?", MESSAGE, body[:-1] + b" }"
    )
    two = f"{values['content-digest']}, sha-512=:AAAA:"
    for call in (
        altered,
        good.with_header("Content-Digest", two),
        good.with_header("Content-Digest", None),
    ):
        answer = await raw(net, A, call.octets())
        assert (answer.status, answer.code) == (401, SIGNATURE)


async def test_a22_an_answer_signed_by_another_did_is_no_answer(net, monkeypatch):
    """A man in the middle that has a key, but not A's, is treated like a timeout."""
    node = net.nodes[R]
    jws = net.signed(R, a_message(net))
    other = LocalSigningKey.generate("EdDSA")
    monkeypatch.setattr(
        "node.web.peer_api.http_signatures.sign_response",
        _signing_with(other, net.context(B).identity.message_kid),
    )
    outcome = await node.worker.sender.send(net.did(A), jws, sent="")
    assert (outcome.status, outcome.code) == (0, "unsigned")


def _signing_with(key, keyid):
    honest = http_signatures.sign_response

    def sign(parts, **values):
        return honest(parts, **values | {"key": key, "keyid": keyid})

    return sign


async def test_a22_an_unsigned_answer_is_no_answer(net, monkeypatch):
    """400, 410 and 202 that a proxy may have said change nothing."""
    node = net.nodes[R]
    jws = net.signed(R, a_message(net))
    monkeypatch.setattr(
        "node.web.peer_api.http_signatures.sign_response", lambda *_, **__: {}
    )
    outcome = await node.worker.sender.send(net.did(A), jws, sent="")
    assert (outcome.status, outcome.code) == (0, "unsigned")


async def test_a23_the_same_request_twice(net):
    call = net.call(R, A, a_body(net))
    first = await net.exchange(A, call)
    before = await untouched(net)
    second = await net.exchange(A, call)
    assert first.status == 202
    assert (second.status, second.code, second.signed) == (409, REPLAY, True)
    assert await untouched(net) == before


async def test_a23_after_a_restart(fresh):
    net = fresh
    call = net.call(R, A, a_body(net))
    assert (await net.exchange(A, call)).status == 202
    await net.stop(A)
    await net.start(A)
    answer = await net.exchange(A, call)
    assert (answer.status, answer.code) == (409, REPLAY)


async def test_a23_too_old_and_from_the_future(net):
    for ahead in (-91, -3600, 31, 3600):
        at = net.clock() + timedelta(seconds=ahead)
        answer = await net.post(R, A, a_body(net), at=at)
        assert (answer.status, answer.code) == (401, "e.m.trust.clock"), ahead
        assert "it is 2" in json.loads(answer.body)["detail"]


async def test_a23_to_another_node_path_and_host(net):
    body = a_body(net)
    call = net.call(R, A, body)
    # Captured on the way to A, sent to B as it is, and with B's own name.
    answer = await raw(net, B, call.octets())
    assert (answer.status, answer.code) == (421, "e.m.xfer.misdirected")
    renamed = call.with_header("Host", net.world.settings[B].authority)
    answer = await raw(net, B, renamed.octets())
    assert (answer.status, answer.code) == (401, SIGNATURE)
    # To another path of A.
    moved = Call(call.parts, call.nonce, call.headers, target="/lrx/1/introduce")
    answer = await raw(net, A, moved.octets())
    assert (answer.status, answer.code) == (401, SIGNATURE)
    # With another Host.
    answer = await raw(net, A, call.with_header("Host", "elsewhere.test").octets())
    assert (answer.status, answer.code) == (421, "e.m.xfer.misdirected")
    # Untouched, it is still good: nothing of the above used its nonce up.
    assert (await net.exchange(A, call)).status == 202


TARGETS = (
    *("//lrx/1/inbox", "/lrx//1/inbox", "/lrx/1//inbox", "/lrx/1/inbox/"),
    *("/lrx/1/./inbox", "/lrx/1/../1/inbox", "/lrx/1/inbox/.", "/./lrx/1/inbox"),
    *("/%6crx/1/inbox", "/lrx%2f1/inbox", "/lrx/1%2finbox", "/lrx/1/%69nbox"),
    *("/lrx/1/inbox%00", "/lrx/1/inbox%20", "/lrx/1/..;/1/inbox", "/lrx;a=b/1/inbox"),
    *("/lrx/1/inbox;", "/lrx/1/inbox?a=1", "/LRX/1/inbox"),
    *("/lrx/1/INBOX", "/lrx/2/inbox", "/lrx/1/inbox#x", "/lrx/1/%252e%252e/inbox"),
    *("\\lrx\\1\\inbox", "/lrx\\1\\inbox", "/lrx/1/inbox%2f", "/lrx/1/in%62ox"),
    *("https://uni-a.test/lrx/1/inbox", "http://elsewhere.test/lrx/1/inbox", "*"),
    *("/lrx/1/inbox%c0%af", "/lrx/1/inbox/../inbox", "/lrx/1/inbox%0d%0aX: y"),
)
HOSTS = (
    *("uni-a.test:443", "UNI-A.TEST", "uni-a.test.", "127.0.0.1", "localhost"),
    *("uni-b.test", "uni-a.test@evil.test", "uni-a.test, evil.test", ""),
)


@pytest.mark.parametrize("target", TARGETS)
async def test_a24_a_target_that_is_not_canonical(net, target):
    before = await untouched(net)
    call = net.call(R, A, a_body(net))
    call.target = target
    answer = await raw(net, A, call.octets())
    assert answer.status in {400, 401, 404, 405, 421}, answer
    assert await untouched(net) == before


@pytest.mark.parametrize("host", HOSTS)
async def test_a24_another_host_whatever_proxies_say(net, host):
    call = net.call(R, A, a_body(net)).with_header("Host", host)
    for name in ("Forwarded", "X-Forwarded-Host", "X-Original-URL"):
        call = call.with_header(name, "host=uni-a.test")
    answer = await raw(net, A, call.octets())
    assert answer.status in {400, 421}
    assert answer.code in {"e.m.xfer.misdirected", ""} or answer.status == 400


async def test_a24_forwarding_headers_change_nothing(net):
    call = net.call(R, A, a_body(net))
    for name, value in (
        ("X-Forwarded-Host", "elsewhere.test"),
        ("Forwarded", "host=elsewhere.test;proto=http"),
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Original-URL", "/lrx/1/introduce"),
    ):
        call = call.with_header(name, value)
    assert (await net.exchange(A, call)).status == 202


async def test_a24_two_hosts(net):
    call = net.call(R, A, a_body(net))
    call.headers.append(("Host", "elsewhere.test"))
    answer = await raw(net, A, call.octets())
    assert answer.status in {400, 421}


async def test_a25_the_same_message_again_has_no_second_effect(net):
    jws = net.signed(R, a_message(net))
    first = json.loads((await net.post(R, A, net.sealed(A, jws))).body)
    before = await net.count(A, "inbox", "audit_event")
    second = json.loads((await net.post(R, A, net.sealed(A, jws))).body)
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert second["accepted"] == first["accepted"]
    assert second["last"] == first["last"]
    assert await net.count(A, "inbox", "audit_event") == before


async def test_a25_a_message_resigned_with_another_signature_is_the_same(net):
    payload = a_message(net)
    jws = json.loads(net.signed(R, payload))
    header = json.loads(from_base64url(jws["protected"]))
    protected = as_base64url(json.dumps(header | {"alg": "Ed25519"}).encode())
    value = net.context(R).identity.message_key.sign(
        f"{protected}.{jws['payload']}".encode()
    )
    again = {
        "payload": jws["payload"],
        "protected": protected,
        "signature": as_base64url(value),
    }
    await net.post(R, A, net.sealed(A, json.dumps(jws).encode()))
    answer = await net.post(R, A, net.sealed(A, json.dumps(again).encode()))
    assert json.loads(answer.body)["duplicate"]


async def test_a25_a_message_for_another_node_is_worth_nothing_here(net):
    """R's message to A, encrypted anew to B by A."""
    jws = net.signed(R, a_message(net, R, A))
    answer = await net.post(A, B, net.sealed(B, jws))
    assert (answer.status, answer.code) == (422, "e.m.trust.crypto")
    # And by R itself: `to` is not B.
    if not await net.is_in(B, R, "trusted"):
        await net.introduce(R, B, PURPOSE)
    answer = await net.post(R, B, net.sealed(B, jws))
    assert (answer.status, answer.code) == (400, "e.m.msg.schema")


async def test_a25_an_expired_message(net):
    past = net.clock() - timedelta(days=3)
    payload = a_message(net, at=past, expires=past + timedelta(days=1))
    answer = await net.post(R, A, net.sealed(A, net.signed(R, payload)))
    assert (answer.status, answer.code) == (410, "e.m.msg.expired")


async def test_a26_the_id_again_with_other_content(net):
    id_ = wire.new_id(net.clock(), secrets.token_bytes(10))
    first = a_message(net, id=id_)
    second = net.message(R, A, "record/status", STATUS, thid="b" * 32, id=id_)
    one, other = await asyncio.gather(
        net.post(R, A, net.sealed(A, net.signed(R, first))),
        net.post(R, A, net.sealed(A, net.signed(R, second))),
    )
    assert sorted([one.status, other.status]) == [202, 409]
    refused = one if one.status == 409 else other
    assert (refused.code, refused.signed) == ("e.m.msg.id-reuse", True)
    rows = [
        row.thread
        for row in await net.rows(A, "inbox", "id", "thread")
        if row.id == id_
    ]
    assert rows == ["a" * 32 if one.status == 202 else "b" * 32]


async def test_last_is_the_newest_before_this_one(tmp_path):
    async with running(tmp_path, A, R) as net:
        await net.introduce(R, A, PURPOSE)
        (introduction,) = [row.id for row in await net.rows(A, "inbox", "id", "type")]
        ids = sorted(wire.new_id(net.clock(), secrets.token_bytes(10)) for _ in "abc")
        signed = {id_: net.signed(R, a_message(net, id=id_)) for id_ in ids}
        said = []
        for id_ in (ids[0], ids[2], ids[1], ids[2]):
            answer = await net.post(R, A, net.sealed(A, signed[id_]))
            said.append(json.loads(answer.body))
        assert [one["last"] for one in said] == [
            introduction,
            ids[0],
            ids[2],  # out of order: the greatest held, not the one before
            ids[1],  # again: itself left out
        ]
        assert [one["duplicate"] for one in said] == [False, False, False, True]


async def test_last_is_null_where_nothing_came_before(tmp_path):
    async with running(tmp_path, A, R) as net:
        await net.nodes[A].worker.stop()
        status, said = await net.tell(
            R, A, "peer/introduce", _introduction(), route="/introduce"
        )
        assert (status, said["last"]) == (202, None)


def _introduction():
    return {
        "organisation": {"legal_name": "R", "country": "NL", "roles": ["x"]},
        "requests": {"roles": ["requester"], "purposes": [PURPOSE]},
        "privacy": {
            "jurisdiction": "NL",
            "regimes": ["EU-GDPR"],
            "notice": "https://x.test/",
            "contact": "mailto:x@x.test",
        },
        "contact": {"technical": "mailto:x@x.test"},
        "profile": "https://x.test/.well-known/lrx",
    }


# --- A9, sizes, media types


@pytest.mark.parametrize("coding", ["gzip", "deflate, gzip", "br", "identity", ""])
async def test_a9_a_compressed_body(net, coding):
    bomb = gzip.compress(bytes(2_000_000)) if coding else a_body(net)
    call = net.call(R, A, bomb).with_header("Content-Encoding", coding)
    answer = await raw(net, A, call.octets())
    assert (answer.status, answer.code) == (415, "e.m.xfer.type")


@pytest.mark.parametrize(
    "media_type",
    ["application/json", MESSAGE + "; charset=utf-8", MESSAGE.upper(), "text/plain"],
)
async def test_another_media_type(net, media_type):
    call = net.call(R, A, a_body(net)).with_header("Content-Type", media_type)
    answer = await raw(net, A, call.octets())
    assert (answer.status, answer.code) == (415, "e.m.xfer.type")


async def test_a_body_over_the_limit_of_the_route(net):
    for route, limit in (("/inbox", 256 * 1024), ("/introduce", 16 * 1024)):
        call = net.call(R, A, bytes(limit + 1), route=route)
        answer = await raw(net, A, call.octets())
        assert (answer.status, answer.code) == (413, "e.m.xfer.size")
        # The same without saying so beforehand.
        chunked = call.with_header("Transfer-Encoding", "chunked")
        head, _, body = chunked.octets().partition(b"\r\n\r\n")
        octets = head + b"\r\n\r\n" + f"{len(body):x}\r\n".encode() + body
        answer = await raw(net, A, octets + b"\r\n0\r\n\r\n")
        assert (answer.status, answer.code) == (413, "e.m.xfer.size")


async def test_routes_take_their_own_messages_only(net):
    status, said = await net.tell(
        R, A, "record/status", STATUS, route="/introduce", thid="a" * 32
    )
    assert (status, said["code"]) == (403, "e.m.trust.role")
    status, said = await net.tell(R, A, "peer/introduce", _introduction())
    assert (status, said["code"]) == (403, "e.m.trust.role")


async def test_a_stranger_gets_one_answer_whatever_it_says(tmp_path):
    """Unknown peer, unknown key and bad signature: the same words, the same size."""
    async with running(tmp_path, A, R, "stranger") as net:
        await net.introduce(R, A, PURPOSE)
        unknown = await net.exchange(A, net.call("stranger", A, bytes(100)))
        good = net.call(R, A, bytes(100))
        bad = good.with_header(
            "Signature", f"lrx=:{base64.b64encode(bytes(64)).decode()}:"
        )
        no_key = good.with_header(
            "Signature-Input",
            good.header("Signature-Input").replace("#sig-1", "#sig-9"),
        )
        answers = [unknown, *[await raw(net, A, c.octets()) for c in (bad, no_key)]]
        seen = set()
        for answer in answers:
            said = json.loads(answer.body)
            assert said.pop("trace")
            seen.add((answer.status, json.dumps(said), len(answer.body), answer.signed))
        assert len(seen) == 1
        ((status, said, _, signed),) = seen
        assert (status, signed) == (401, True)
        assert "detail" not in json.loads(said)
        # No other route resolved the unknown DID.
        known = [row.did for row in await net.rows(A, "did_archive", "did")]
        assert str(net.did("stranger")) not in known


async def test_echo_tells_what_was_understood(net):
    call = net.call(R, A, b"{}", route="/echo", media_type="application/json")
    answer = await net.exchange(A, call)
    said = json.loads(answer.body)
    assert answer.status == 200
    assert said["did"] == str(net.did(R))
    assert said["signature_base"].startswith(
        '"@method": POST\n"@authority": uni-a.test'
    )
    again = await net.exchange(A, call)
    assert (again.status, again.code) == (409, REPLAY)


# --- A13, A20, A21: what is inside


def jws_of(payload, header, key):
    protected = as_base64url(json.dumps(header).encode())
    encoded = as_base64url(payload)
    signature = key.sign(f"{protected}.{encoded}".encode()) if key else b""
    return json.dumps(
        {
            "payload": encoded,
            "protected": protected,
            "signature": as_base64url(signature),
        }
    ).encode()


def header_of(net, **changes):
    header = {
        "typ": "application/didcomm-signed+json",
        "alg": "EdDSA",
        "kid": str(net.context(R).identity.message_kid),
    }
    return {n: v for n, v in (header | changes).items() if v is not None}


async def crypto_refused(net, jws):
    before = await untouched(net)
    answer = await net.post(R, A, net.sealed(A, jws))
    assert (answer.status, answer.code) == (422, "e.m.trust.crypto"), answer.body
    assert "detail" not in json.loads(answer.body)
    assert await untouched(net) == before


async def test_the_harness_makes_a_jws_that_is_accepted(net):
    key = net.context(R).identity.message_key
    jws = jws_of(a_message(net), header_of(net), key)
    assert (await net.post(R, A, net.sealed(A, jws))).status == 202


@pytest.mark.parametrize("alg", ["none", "HS256", "ES256", "RS256", "PS256", "", 1])
async def test_a20_another_algorithm_in_the_header(net, alg):
    key = net.context(R).identity.message_key
    await crypto_refused(net, jws_of(a_message(net), header_of(net, alg=alg), key))


async def test_a20_none_and_the_public_key_as_a_secret(net):
    payload = a_message(net)
    public = net.context(R).identity.message_key.verification_key
    await crypto_refused(net, jws_of(payload, header_of(net, alg="none"), None))
    header = as_base64url(json.dumps(header_of(net, alg="HS256")).encode())
    encoded = as_base64url(payload)
    mac = hmac.digest(
        public.multikey().encode(), f"{header}.{encoded}".encode(), "sha256"
    )
    jws = {"payload": encoded, "protected": header, "signature": as_base64url(mac)}
    await crypto_refused(net, json.dumps(jws).encode())


@pytest.mark.parametrize(
    "extra",
    [
        {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AA"}},
        {"jku": "https://evil.test/jwks"},
        {"x5u": "https://evil.test/cert"},
        {"x5c": ["MIIB"]},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"cty": "JWT"},
        {"zip": "DEF"},
    ],
)
async def test_a21_a_member_in_the_header(net, extra):
    key = net.context(R).identity.message_key
    await crypto_refused(net, jws_of(a_message(net), header_of(net) | extra, key))


KIDS = (
    *("../../etc/passwd", "' or 1=1 --", "https://evil.test/key", "#sig-1", ""),
    "did:web:evil.test#sig-1",
)


@pytest.mark.parametrize("kid", KIDS)
async def test_a21_a_kid_that_is_no_key_of_the_sender(net, kid):
    key = net.context(R).identity.message_key
    await crypto_refused(net, jws_of(a_message(net), header_of(net, kid=kid), key))


async def test_a21_a_key_of_another_relationship(net):
    """The credential key and the encryption key sign nothing between nodes."""
    keys = net.context(R).identity
    for kid, key in (
        (keys.eddsa_kid, keys.eddsa),
        (DidUrl.of(keys.did, "#enc-1"), keys.message_key),
        (net.context(B).identity.message_kid, net.context(B).identity.message_key),
    ):
        header = header_of(net, kid=str(kid))
        await crypto_refused(net, jws_of(a_message(net), header, key))


async def test_a13_a_plaintext_message_inside(net):
    await crypto_refused(net, a_message(net))


async def test_a13_a_signature_stripped(net):
    jws = json.loads(net.signed(R, a_message(net)))
    for left_out in ("signature", "protected", "payload"):
        kept = {n: v for n, v in jws.items() if n != left_out}
        await crypto_refused(net, json.dumps(kept).encode())


async def test_a20_the_envelope_in_other_forms(net):
    """Encrypted to nobody here, compressed, with another key, a second recipient."""
    honest = json.loads(net.sealed(A, net.signed(R, a_message(net))))
    header = json.loads(from_base64url(honest["protected"]))

    def with_header(**changes):
        changed = {n: v for n, v in (header | changes).items() if v is not None}
        return honest | {"protected": as_base64url(json.dumps(changed).encode())}

    stranger = DecryptionKey.generate()
    kid = DidUrl.of(net.did(A), "#enc-1")
    foreign = json.loads(envelope.encrypt(b"{}", to=stranger.encryption_key, kid=kid))
    forms = [
        with_header(zip="DEF"),
        with_header(alg="RSA1_5"),
        with_header(alg="PBES2-HS256+A128KW"),
        with_header(alg="dir"),
        with_header(enc="A128CBC-HS256"),
        with_header(apu="AA"),
        with_header(apv="AA"),
        with_header(apv=None),
        foreign,
        honest | {"unprotected": {"zip": "DEF"}},
        honest | {"recipients": honest["recipients"] * 2},
        honest | {"recipients": []},
        honest | {"tag": as_base64url(bytes(16))},
        honest | {"iv": as_base64url(bytes(8))},
        {},
    ]
    for form in forms:
        answer = await net.post(R, A, json.dumps(form).encode())
        assert (answer.status, answer.code) == (422, "e.m.trust.crypto"), form.keys()
    for octets in (b"", b"{", b"[]" * 10, b'{"a":1,"a":2}', b"[" * 50 + b"]" * 50):
        answer = await net.post(R, A, octets)
        assert answer.status in {400, 422}, octets


async def test_a38_a_message_that_is_no_message(net):
    key = net.context(R).identity.message_key
    good = a_message(net)
    header = header_of(net)
    for payload, status, code in (
        (good[:-1], 400, "e.m.msg.schema"),
        (b"[" * 512 + b"]" * 512, 400, "e.m.msg.malformed"),
        (good.replace(b'"state"', b'"state":"closed","state"', 1), 400, None),
        (good.replace(b"record/1.0/status", b"record/1.0/statux"), 400, None),
        (b"\xff" * 1024, 400, "e.m.msg.malformed"),
    ):
        padded = (
            payload + b" " * (-len(payload) % 1024)
            if status == 400 and code is None
            else payload
        )
        answer = await net.post(R, A, net.sealed(A, jws_of(padded, header, key)))
        assert answer.status == status
        assert code is None or answer.code == code
        assert answer.code.startswith("e.m.msg.")


async def test_a39_slow_and_idle_connections_hold_nobody_back(net):
    """Fifty connections that say nothing or half a request; the door stays open."""
    host, _, port = net.world.settings[A].listen.rpartition(":")
    held = []
    for number in range(50):
        reader, writer = await asyncio.open_connection(
            host, int(port), ssl=net.tls(), server_hostname="uni-a.test"
        )
        if number % 2:
            writer.write(b"POST /lrx/1/inbox HTTP/1.1\r\nHost: uni-a.test\r\n")
        held.append((reader, writer))
    try:
        answer = await net.post(R, A, a_body(net))
        assert answer.status == 202
    finally:
        for _, writer in held:
            writer.close()


async def test_a39_a_body_that_never_ends(net, monkeypatch):
    monkeypatch.setattr("node.web.authentication.BODY_SECONDS", 0.3)
    call = net.call(R, A, a_body(net)).with_header("Content-Length", "1000")
    head, _, body = call.octets().partition(b"\r\n\r\n")
    host, _, port = net.world.settings[A].listen.rpartition(":")
    reader, writer = await asyncio.open_connection(
        host, int(port), ssl=net.tls(), server_hostname="uni-a.test"
    )
    try:
        writer.write(head + b"\r\n\r\n" + body[:10])
        async with asyncio.timeout(5):
            first = await reader.readline()
    finally:
        writer.close()
    assert b" 408 " in first


async def test_a39_header_floods(net):
    call = net.call(R, A, a_body(net))
    for extra in ([("X-A", "a" * 20_000)], [(f"X-{n}", "a") for n in range(20_000)]):
        flooded = Call(call.parts, call.nonce, [*call.headers, *extra])
        answer = await raw(net, A, flooded.octets())
        assert answer.status in {400, 431}


async def test_a39_introductions_are_limited(tmp_path):
    """Strangers cost a few resolutions a minute, then nothing at all."""
    async with running(tmp_path, A, R) as net:
        answers = []
        await net.nodes[A].worker.stop()  # R stays a stranger
        for _ in range(8):
            jws = net.signed(R, net.message(R, A, "peer/introduce", _introduction()))
            call = net.call(R, A, net.sealed(A, jws), route="/introduce")
            answers.append(await raw(net, A, call.octets()))
        assert [a.status for a in answers] == [202] * 5 + [429] * 3
        assert answers[-1].code == "w.m.me.busy"
        assert 0 < int(answers[-1].headers["retry-after"]) <= 60
