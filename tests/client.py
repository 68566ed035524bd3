"""A peer in 200 lines, written from protocol/SPECIFICATION.md; it imports none of ours.
What is not right raises: the caller gets an unsigned 500, which is no answer. Left out:
the later entries of DID logs, and the verification of what is delivered."""

import asyncio
import json
import secrets
import time
from base64 import b64decode, b64encode
from hashlib import sha256
from string import Template

import base58
import rfc8785
from aiohttp import ClientSession, web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc import jwe, jws
from joserfc.jwk import OKPKey
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode

PLAIN = "application/didcomm-plain+json"
SIGNED, SEALED = (PLAIN.replace("plain", name) for name in ("signed", "encrypted"))
JWE = jwe.JWERegistry(algorithms=["ECDH-ES+A256KW", "A256GCM"])
JWE.max_ciphertext_length = 256 * 1024
ENTRY = Template("""{"versionId": "{SCID}", "versionTime": "$at", "parameters": {
 "scid": "{SCID}", "method": "did:webvh:1.0", "updateKeys": ["$update"],
 "nextKeyHashes": ["$next"]}, "state": {"@context": ["https://www.w3.org/ns/did/v1"],
 "id": "$me", "authentication": ["$me#s"], "keyAgreement": ["$me#e"],
 "verificationMethod": [{"id": "$me#s", "type": "Multikey", "controller": "$me",
 "publicKeyMultibase": "$sig"}, {"id": "$me#e", "type": "Multikey", "controller": "$me",
 "publicKeyMultibase": "$enc"}], "service": [{"id": "$me#lrx", "serviceEndpoint": {
 "uri": "$url/lrx/1", "profile": "$url/.well-known/lrx", "accept": ["lrx/1.0"]},
 "type": "LearnerRecordExchange"}]}}""")
PROOF = Template("""{"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022",
 "created": "$at", "proofPurpose": "assertionMethod",
 "verificationMethod": "did:key:$update#$update"}""")


def multihash(value):
    return base58.b58encode(b"\x12\x20" + sha256(value).digest()).decode()


def multikey(key, prefix=b"\xed\x01"):
    return "z" + base58.b58encode(prefix + key.public_key.public_bytes_raw()).decode()


def raw_key(document, kid, relationship="authentication"):
    assert kid in document[relationship]
    (key,) = (m for m in document["verificationMethod"] if m["id"] == kid)
    return base58.b58decode(key["publicKeyMultibase"][1:])[2:]


def content(media_type, body):
    encoded = b64encode(sha256(body).digest()).decode()
    return {"content-type": media_type, "content-digest": f"sha-256=:{encoded}:"}


def request_of(authority, path, headers):  # section 4.1: what is covered, in order
    start = {"@method": "POST", "@authority": authority, "@path": path, "@query": "?"}
    return {f'"{name}"': value for name, value in (start | headers).items()}


def answer_of(status, headers, request, left_out=('"@query"', '"content-type"')):
    own = {f'"{n}"': value for n, value in ({"@status": status} | headers).items()}
    return own | {f"{n};req": v for n, v in request.items() if n not in left_out}


def base_of(covered, parameters):  # section 4.2
    text = "".join(f"{name}: {value}\n" for name, value in covered.items())
    return f'{text}"@signature-params": {parameters}'.encode()


class Client:  # serve `app`; `received` is a queue of the messages that came in
    def __init__(self, domain, connector):
        self.domain, self.session = domain, ClientSession(connector=connector)
        self.key, update, following = map(OKPKey.generate_key, ["Ed25519"] * 3)
        self.opening, self.app = OKPKey.generate_key("X25519"), web.Application()
        self.received, self.nonces, self.ids, self.last = asyncio.Queue(), {}, {}, 0
        self.log = self._create(update, multihash(multikey(following).encode()))
        self.did = json.loads(self.log)["state"]["id"]
        self.app.router.add_route("*", "/{path:.*}", self._serve)

    def _create(self, update, announced):  # section 2.2
        known = {"me": f"did:webvh:{{SCID}}:{self.domain}", "sig": multikey(self.key)}
        known |= {"url": f"https://{self.domain}", "update": multikey(update)}
        known |= {"enc": multikey(self.opening, b"\xec\x01"), "next": announced}
        known |= {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        draft, proof = (json.loads(t.substitute(known)) for t in (ENTRY, PROOF))
        scid = multihash(rfc8785.dumps(draft))
        entry = json.loads(json.dumps(draft).replace("{SCID}", scid))
        entry["versionId"] = "1-" + multihash(rfc8785.dumps(entry))
        hashes = [sha256(rfc8785.dumps(one)).digest() for one in (proof, entry)]
        value = base58.b58encode(update.private_key.sign(b"".join(hashes))).decode()
        proof = [proof | {"proofValue": "z" + value}]
        return rfc8785.dumps(entry | {"proof": proof}) + b"\n"

    async def resolve(self, did):  # the newest DID document
        url = f"https://{did.split(':')[3].replace('%3A', ':')}/.well-known/did.jsonl"
        async with self.session.get(url, allow_redirects=False) as response:
            entries = [json.loads(one) for one in (await response.read()).splitlines()]
        newest, first, scid = entries[-1]["state"], dict(entries[0]), did.split(":")[2]
        del first["proof"]
        draft = json.dumps(first | {"versionId": scid}).replace(scid, "{SCID}")
        draft = rfc8785.dumps(json.loads(draft))
        assert (multihash(draft), newest["id"]) == (scid, did)
        return newest

    async def send(self, did, type_, body, route="/inbox", **header):
        peer, now = await self.resolve(did), time.time()
        self.last = max(self.last + 1, int(now * 1000) << 80 | 7 << 76 | 2 << 62)
        header |= {"id": f"{self.last:032x}", "type": f"https://lrx.example/{type_}"}
        header |= {"from": self.did, "to": [did], "created_time": int(now)}
        header |= {"typ": PLAIN, "expires_time": int(now) + 86_400}
        unpadded = len(json.dumps(header | {"body": body | {"pad": ""}}))
        message = header | {"body": body | {"pad": "0" * (-unpadded % 1024)}}
        sealed, nonce = self._seal(json.dumps(message), peer), secrets.token_urlsafe(16)
        url = peer["service"][0]["serviceEndpoint"]["uri"] + route
        authority, _, path = url.removeprefix("https://").partition("/")
        request = request_of(authority, "/" + path, content(SEALED, sealed))
        headers = self._signed(request, content(SEALED, sealed), nonce)
        async with self.session.post(url, data=sealed, headers=headers) as got:
            octets, media_type = await got.read(), got.headers["Content-Type"]
        covered = answer_of(got.status, content(media_type, octets), request)
        assert await self._check(got.headers, covered) == (peer, nonce)
        return json.loads(octets) | {"status": got.status}  # the signed answer

    async def receipt(self, delivery):
        body, names = delivery["body"], ("item_id", "digest")
        kept = [{name: one[name] for name in names} for one in body["items"]]
        items = [one | {"result": "accepted"} for one in kept]
        said = {"delivery_id": body["delivery_id"], "items": items}
        said["received_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        said["message_digest"], thread = delivery["digest"], {"thid": delivery["thid"]}
        return await self.send(delivery["from"], "record/1.0/receipt", said, **thread)

    def _seal(self, text, peer):  # section 5
        head = {"typ": SIGNED, "alg": "Ed25519", "kid": self.did + "#s"}
        signed = jws.serialize_json({"protected": head}, text, self.key, ["Ed25519"])
        kid = peer["keyAgreement"][0]
        raw = urlsafe_b64encode(raw_key(peer, kid, "keyAgreement")).decode()
        key = OKPKey.import_key({"kty": "OKP", "crv": "X25519", "x": raw})
        head = {"typ": SEALED, "alg": "ECDH-ES+A256KW", "enc": "A256GCM"}
        head["apv"] = urlsafe_b64encode(sha256(kid.encode()).digest()).decode()
        sealed = jwe.encrypt_compact(head, json.dumps(signed), key, registry=JWE)
        names = ("protected", "encrypted_key", "iv", "ciphertext", "tag")
        parts = dict(zip(names, sealed.split("."), strict=True))
        one = {"header": {"kid": kid}, "encrypted_key": parts.pop("encrypted_key")}
        return json.dumps(parts | {"recipients": [one]}).encode()

    def _open(self, body, sender):
        opened = jwe.decrypt_json(json.loads(body), self.opening, registry=JWE)
        signed = {n: v.encode() for n, v in json.loads(opened.plaintext).items()}
        kid = json.loads(urlsafe_b64decode(signed["protected"]))["kid"]
        data = signed["protected"] + b"." + signed["payload"]
        key = Ed25519PublicKey.from_public_bytes(raw_key(sender, kid))
        key.verify(urlsafe_b64decode(signed["signature"]), data)
        message = json.loads(octets := urlsafe_b64decode(signed["payload"]))
        assert (message["from"], message["to"]) == (sender["id"], [self.did])
        digest = urlsafe_b64encode(sha256(octets).digest()).decode()
        return message | {"digest": "sha-256:" + digest}

    def _signed(self, covered, headers, nonce):  # section 4
        now = int(time.time())
        parameters = f'({" ".join(covered)});created={now};keyid="{self.did}#s"'
        parameters += f';expires={now + 60};nonce="{nonce}";tag="lrx-1"'
        value = b64encode(self.key.private_key.sign(base_of(covered, parameters)))
        headers["Signature-Input"] = f"lrx={parameters}"
        return headers | {"Signature": f"lrx=:{value.decode()}:"}

    async def _check(self, headers, covered):
        names, *values = headers["Signature-Input"].rsplit(";", 5)
        created, kid, expires, nonce, tag = (v.split("=")[1].strip('"') for v in values)
        assert (names, tag) == (f"lrx=({' '.join(covered)})", "lrx-1")
        assert (
            int(created) - 30 <= time.time() <= int(expires) + 30 <= int(created) + 90
        )
        signer = await self.resolve(kid.split("#")[0])
        base = base_of(covered, headers["Signature-Input"].removeprefix("lrx="))
        key = Ed25519PublicKey.from_public_bytes(raw_key(signer, kid))
        key.verify(b64decode(headers["Signature"].removeprefix("lrx=")), base)
        return signer, nonce

    async def _serve(self, request):
        if request.method == "GET":
            return web.Response(body=self.log)
        body = await request.read()
        covered = request_of(self.domain, request.path, content(SEALED, body))
        sender, nonce = await self._check(request.headers, covered)
        assert self.nonces.setdefault(nonce, body) is body
        message, ids = self._open(body, sender), self.ids.setdefault(sender["id"], [])
        said = {"accepted": message["id"], "duplicate": message["id"] in ids}
        said["last"] = max((i for i in ids if i != message["id"]), default=None)
        if not said["duplicate"]:
            ids.append(message["id"])
            await self.received.put(message)
        octets = json.dumps(said).encode()
        covered = answer_of(202, content("application/json", octets), covered)
        headers = self._signed(covered, content("application/json", octets), nonce)
        return web.Response(status=202, body=octets, headers=headers)
