import base64
import hashlib
import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ClockError, SignatureError
from protocol.exchange.http_signatures import (
    RequestParts,
    ResponseParts,
    check_time,
    read_request,
    read_response,
    sign_request,
    sign_response,
    verify,
)
from protocol.exchange.structured_fields import LONGEST
from protocol.identity.dids import DidUrl
from protocol.identity.keys import LocalSigningKey, VerificationKey

FILE = Path(__file__).parents[2] / "protocol" / "vectors" / "http_signatures.json"
VECTORS = json.loads(FILE.read_text(encoding="utf-8"))

KEY = LocalSigningKey.from_jwk(VECTORS["keys"]["enic-b"])
OTHER_KEY = LocalSigningKey.generate("EdDSA")
KEYID = DidUrl.parse(VECTORS["vectors"][0]["keyid"])
NONCE = "kUpOs1d2Rj8nX0mYb3cT4Q"
NOW = 1_792_569_600
REQUEST = RequestParts(
    "POST",
    "registry.uni-a.example",
    "/lrx/1/inbox",
    "?",
    "application/didcomm-encrypted+json",
    b'{"ciphertext":"..."}',
)
RESPONSE = ResponseParts(202, "application/json", b'{"accepted":"x"}')


def request_parts(vector):
    return RequestParts(**vector | {"body": vector["body"].encode()})


def response_parts(vector):
    return ResponseParts(**vector | {"body": vector["body"].encode()})


def public(name):
    jwk = {k: v for k, v in VECTORS["keys"][name].items() if k != "d"}
    return VerificationKey.from_jwk(jwk)


def digest_of(body):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def components(parts=REQUEST):
    """Return what a request with a body must cover, in order."""
    return [
        ('"@method"', parts.method),
        ('"@authority"', parts.authority),
        ('"@path"', parts.path),
        ('"@query"', parts.query),
        ('"content-type"', parts.content_type),
        ('"content-digest"', digest_of(parts.body)),
    ]


def response_components(parts=RESPONSE, request=REQUEST):
    """Return what a response with a body must cover, in order."""
    return [
        ('"@status"', str(parts.status)),
        ('"content-type"', parts.content_type),
        ('"content-digest"', digest_of(parts.body)),
        ('"@method";req', request.method),
        ('"@authority";req', request.authority),
        ('"@path";req', request.path),
        ('"content-digest";req', digest_of(request.body)),
    ]


PARAMETERS = (
    ("created", f"{NOW}"),
    ("keyid", f'"{KEYID}"'),
    ("expires", f"{NOW + 60}"),
    ("nonce", f'"{NONCE}"'),
    ("tag", '"lrx-1"'),
)


def forge(lines, parameters=PARAMETERS, label="lrx", key=KEY):
    """Sign any components with any parameters: what is refused is not the signature."""
    names = " ".join(name for name, _ in lines)
    text = f"({names})" + "".join(f";{n}={v}" for n, v in parameters)
    base = "".join(f"{name}: {value}\n" for name, value in lines)
    signature = key.sign(f'{base}"@signature-params": {text}'.encode())
    encoded = base64.b64encode(signature).decode()
    digest = dict(lines).get('"content-digest"', digest_of(REQUEST.body))
    return [
        ("Content-Type", "application/didcomm-encrypted+json"),
        ("Content-Digest", digest),
        ("Signature-Input", f"{label}={text}"),
        ("Signature", f"{label}=:{encoded}:"),
    ]


def accepted(headers, parts=REQUEST):
    signed = read_request(parts, headers)
    verify(signed, KEY.verification_key, parts.body)
    check_time(signed, NOW)
    return signed


def refused(headers, parts=REQUEST):
    with pytest.raises(SignatureError):
        accepted(headers, parts)


def without(items, index):
    return [item for i, item in enumerate(items) if i != index]


def swapped(items, first, second):
    items = list(items)
    items[first], items[second] = items[second], items[first]
    return items


# Published vectors


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda v: v["name"])
def test_a_published_signature_verifies(vector):
    request = request_parts(vector["request"])
    headers = list(vector["headers"].items())
    if "response" in vector:
        parts = response_parts(vector["response"])
        signed = read_response(parts, headers, request=request, nonce=vector["nonce"])
    else:
        parts = request
        signed = read_request(parts, headers)

    verify(signed, public(vector["key"]), parts.body)
    check_time(signed, vector["created"])

    assert signed.base.decode() == vector["base"]
    assert signed.keyid == vector["keyid"]
    assert (signed.created, signed.nonce) == (vector["created"], vector["nonce"])


@pytest.mark.parametrize(
    "vector",
    [v for v in VECTORS["vectors"] if v["key"] == "enic-b"],
    ids=lambda v: v["name"],
)
def test_a_published_signature_is_reproduced_byte_for_byte(vector):
    request = request_parts(vector["request"])
    known = {
        "key": KEY,
        "keyid": DidUrl.parse(vector["keyid"]),
        "created": vector["created"],
        "nonce": vector["nonce"],
    }
    if "response" in vector:
        parts = response_parts(vector["response"])
        headers = sign_response(parts, request=request, **known)
    else:
        headers = sign_request(request, **known)

    assert headers == vector["headers"]


# Properties

texts = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40)
requests = st.builds(
    RequestParts,
    method=st.sampled_from(["GET", "POST", "PUT"]),
    authority=texts,
    path=texts.map("/".__add__),
    query=texts.map("?".__add__),
    content_type=st.just("application/json"),
    body=st.binary(max_size=100),
    range=st.none() | texts,
    content_range=st.none() | texts,
)
responses = st.builds(
    ResponseParts,
    status=st.sampled_from([200, 202, 400, 401, 409, 503]),
    content_type=st.just("application/json"),
    body=st.binary(max_size=100),
    content_range=st.none() | texts,
    retry_after=st.none() | texts,
)


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
@given(request=requests, response=responses)
def test_what_is_signed_verifies_both_ways(algorithm, request, response):
    key = LocalSigningKey.generate(algorithm)
    known = {"key": key, "keyid": KEYID, "created": NOW, "nonce": NONCE}

    asked = sign_request(request, **known)
    answered = sign_response(response, request=request, **known)

    signed = read_request(request, list(asked.items()))
    verify(signed, key.verification_key, request.body)
    signed = read_response(
        response, list(answered.items()), request=request, nonce=NONCE
    )
    verify(signed, key.verification_key, response.body)


@given(requests, requests)
def test_a_signature_fits_one_request_only(one, other):
    headers = list(
        sign_request(one, key=KEY, keyid=KEYID, created=NOW, nonce=NONCE).items()
    )
    if one == other:
        accepted(headers, one)
    else:
        refused(headers, other)


# A22: less coverage, another order, two signatures, another tag, other parameters


def test_what_the_forger_makes_is_accepted_when_nothing_is_changed():
    assert accepted(forge(components())).digest is not None


@pytest.mark.parametrize("index", range(6))
def test_a22_a_request_that_covers_less_is_refused(index):
    refused(forge(without(components(), index)))


@pytest.mark.parametrize("pair", list(itertools.combinations(range(6), 2)))
def test_a22_request_components_in_another_order_are_refused(pair):
    refused(forge(swapped(components(), *pair)))


@pytest.mark.parametrize("index", range(5))
def test_a22_a_signature_without_one_of_the_parameters_is_refused(index):
    refused(forge(components(), without(PARAMETERS, index)))


@pytest.mark.parametrize("pair", list(itertools.combinations(range(5), 2)))
def test_a22_parameters_in_another_order_are_refused(pair):
    refused(forge(components(), swapped(PARAMETERS, *pair)))


@pytest.mark.parametrize("index", range(6))
@pytest.mark.parametrize(
    "extra", [("alg", '"ed25519"'), ("x", "1"), ("tag", '"lrx-1"'), ("nonce", '"a"')]
)
def test_a22_a_parameter_more_is_refused(index, extra):
    refused(forge(components(), [*PARAMETERS[:index], extra, *PARAMETERS[index:]]))


@pytest.mark.parametrize(
    "extra", ['"date"', '"host"', '"@method"', '"@scheme"', '"content-length"']
)
@pytest.mark.parametrize("index", range(7))
def test_a22_a_component_more_is_refused(index, extra):
    lines = components()
    refused(forge([*lines[:index], (extra, "x"), *lines[index:]]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created", f'"{NOW}"'),
        ("created", f"0{NOW}"),
        ("created", f"{NOW}.0"),
        ("created", f"-{NOW}"),
        ("keyid", '"did:web:uni-a.example"'),
        ("keyid", '"https://uni-a.example/keys/1"'),
        ("keyid", "token"),
        ("nonce", '""'),
        ("nonce", '"kUpOs1d2Rj8nX0mYb3cT4R"'),
        ("nonce", '"kUpOs1d2Rj8nX0mYb3cT4Q=="'),
        ("nonce", '"kUpOs1d2Rj8nX0mYb3c"'),
        ("tag", '"lrx-2"'),
        ("tag", '"LRX-1"'),
        ("tag", "lrx-1"),
    ],
)
def test_a22_a_parameter_with_another_value_is_refused(name, value):
    refused(
        forge(components(), [(n, value if n == name else v) for n, v in PARAMETERS])
    )


def test_a22_another_label_is_refused():
    refused(forge(components(), label="sig1"))


def test_a22_two_signatures_of_this_profile_are_refused():
    one, two = forge(components()), forge(components(), label="sig1")
    refused([*one, *two[2:]])


@pytest.mark.parametrize("joined", [True, False])
def test_a22_a_label_that_comes_twice_is_refused(joined):
    headers = forge(components())
    if joined:
        headers = [(n, f"{v}, {v}") if "Signature" in n else (n, v) for n, v in headers]
    else:
        headers += headers[2:]
    refused(headers)


def test_a22_signatures_of_other_profiles_are_ignored():
    headers = forge(components())
    headers[2] = (
        "Signature-Input",
        'proxy=("@method" "x, y");created=1;keyid="a\\", (b";tag="other" ,\t'
        + headers[2][1]
        + ', sig2=();x;y=?1;z=-1.5;t=tok/en;b=:YQ==:;d=@17, flag, n=5;q="v"',
    )
    headers[3] = ("Signature", "proxy=:YQ==:, " + headers[3][1])
    accepted(headers)


@pytest.mark.parametrize(
    "value",
    [
        digest_of(b"something else"),
        digest_of(REQUEST.body) + ", sha-512=:YQ==:",
        digest_of(REQUEST.body) + ", " + digest_of(REQUEST.body),
        "sha-512=:" + base64.b64encode(hashlib.sha512(REQUEST.body).digest()).decode(),
        digest_of(REQUEST.body).replace("sha-256", "SHA-256"),
        digest_of(REQUEST.body).removesuffix(":"),
        digest_of(REQUEST.body) + ";x=1",
        "sha-256=:" + "A" * 42 + "B=:",
        "",
    ],
)
def test_a22_a_content_digest_that_does_not_match_is_refused(value):
    lines = components()
    lines[-1] = ('"content-digest"', value)
    refused(forge(lines))


def test_a22_a_content_digest_that_comes_twice_is_refused():
    refused([*forge(components()), ("content-digest", digest_of(REQUEST.body))])


def test_a22_a_missing_content_digest_is_refused():
    refused(without(forge(components()), 1))


@pytest.mark.parametrize("index", range(7))
def test_a22_a_response_that_covers_less_is_refused(index):
    headers = forge(without(response_components(), index))[1:]
    refused_response(headers)


@pytest.mark.parametrize("pair", list(itertools.combinations(range(7), 2)))
def test_a22_response_components_in_another_order_are_refused(pair):
    refused_response(forge(swapped(response_components(), *pair))[1:])


def refused_response(headers, parts=RESPONSE, request=REQUEST, nonce=NONCE):
    with pytest.raises(SignatureError):
        answered(headers, parts, request, nonce)


def answered(headers, parts=RESPONSE, request=REQUEST, nonce=NONCE):
    signed = read_response(parts, headers, request=request, nonce=nonce)
    verify(signed, KEY.verification_key, parts.body)
    return signed


def test_a22_the_response_tells_who_signed_it():
    assert answered(forge(response_components())[1:]).keyid.did == KEYID.did


@pytest.mark.parametrize(
    "change",
    [
        {"request": replace(REQUEST, path="/lrx/1/echo")},
        {"request": replace(REQUEST, authority="uni-b.example")},
        {"request": replace(REQUEST, method="PUT")},
        {"request": replace(REQUEST, body=b"{}")},
        {"nonce": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"parts": replace(RESPONSE, status=200)},
        {"parts": replace(RESPONSE, body=b"{}")},
        {"parts": replace(RESPONSE, retry_after="5")},
        {"parts": replace(RESPONSE, content_range="bytes 0-1/2")},
        {"parts": replace(RESPONSE, content_type="application/problem+json")},
    ],
)
def test_a22_a_response_fits_one_request_and_one_answer(change):
    refused_response(forge(response_components())[1:], **change)


# What belongs to no body, and what may not be slipped past


def test_a_request_without_a_body_covers_four_components():
    parts = RequestParts("GET", "registry.uni-a.example", "/lrx/1/echo", "")
    headers = sign_request(parts, key=KEY, keyid=KEYID, created=NOW, nonce=NONCE)

    signed = accepted(list(headers.items()), parts)

    assert set(headers) == {"Signature-Input", "Signature"}
    assert signed.digest is None
    assert b'"@query": ?\n' in signed.base


def test_a_body_that_is_not_covered_is_refused():
    parts = RequestParts("GET", "registry.uni-a.example", "/lrx/1/echo")
    headers = sign_request(parts, key=KEY, keyid=KEYID, created=NOW, nonce=NONCE)
    signed = read_request(parts, list(headers.items()))

    with pytest.raises(SignatureError, match="not covered"):
        verify(signed, KEY.verification_key, b"smuggled")
    with pytest.raises(SignatureError, match="without Content-Type"):
        read_request(replace(parts, body=b"smuggled"), list(headers.items()))


@pytest.mark.parametrize(("status", "type_"), [(204, "text/plain"), (200, None)])
def test_only_204_and_304_are_without_content(status, type_):
    with pytest.raises(SignatureError):
        sign_response(
            ResponseParts(status, type_),
            request=REQUEST,
            key=KEY,
            keyid=KEYID,
            created=NOW,
            nonce=NONCE,
        )


@pytest.mark.parametrize("name", ["content-type", "Range", "CONTENT-RANGE"])
def test_a_covered_header_with_another_value_beside_it_is_refused(name):
    refused([*forge(components()), (name, "other")])


def test_a_content_type_with_parameters_is_refused():
    parts = replace(REQUEST, content_type="application/json; charset=utf-8")
    headers = [("Content-Type", parts.content_type), *forge(components(parts))[1:]]
    refused(headers, parts)


@pytest.mark.parametrize("member", ["method", "authority", "path", "query"])
@pytest.mark.parametrize("bad", ["\n", "\r", "\x00", "é"])
def test_a_line_of_the_base_cannot_be_forged(member, bad):
    parts = replace(REQUEST, **{member: f'x{bad}"@path": /'})
    refused(forge(components(parts)), parts)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Signature", "lrx=:AA==:"),
        ("Signature", "lrx=:" + "A" * 86 + "==:;x=1"),
        ("Signature", "lrx=:" + "A" * 85 + "B==:"),
        ("Signature", 'lrx="' + "A" * 86 + '=="'),
        ("Signature", "other=:" + "A" * 86 + "==:"),
        ("Signature", ""),
        ("Signature", "lrx"),
        ("Signature-Input", ""),
        ("Signature-Input", "lrx"),
        ("Signature-Input", "lrx=()"),
        ("Signature-Input", "lrx=(;"),
        ("Signature-Input", "lrx=1,"),
        ("Signature-Input", ", lrx=1"),
        ("Signature-Input", "LRX=1"),
        ("Signature-Input", 'a="unfinished'),
        ("Signature-Input", "a=1 b=2"),
        ("Signature-Input", "a=" + "(" * 4000),
        ("Signature-Input", "a;" * 4000),
        ("Signature-Input", "a" * (LONGEST + 1)),
    ],
)
def test_unreadable_signature_headers_are_refused(name, value):
    refused([(n, value if n == name else v) for n, v in forge(components())])


# Time, and callers nobody knows


@pytest.mark.parametrize(
    ("created", "expires", "now", "good"),
    [
        (NOW, NOW + 60, NOW, True),
        (NOW, NOW + 60, NOW - 30, True),
        (NOW, NOW + 60, NOW - 31, False),
        (NOW, NOW + 60, NOW + 90, True),
        (NOW, NOW + 60, NOW + 91, False),
        (NOW, NOW, NOW, True),
        (NOW, NOW + 61, NOW, False),
        (NOW, NOW - 1, NOW, False),
    ],
)
def test_a_signature_lives_a_minute_and_clocks_may_differ_by_half_one(
    created, expires, now, good
):
    headers = sign_request(REQUEST, key=KEY, keyid=KEYID, created=NOW, nonce=NONCE)
    signed = read_request(REQUEST, list(headers.items()))
    signed = replace(signed, created=created, expires=expires)
    if good:
        check_time(signed, now)
    else:
        with pytest.raises(ClockError):
            check_time(signed, now)


def test_an_unknown_caller_gets_the_answer_of_a_bad_signature():
    signed = read_request(REQUEST, forge(components()))

    with pytest.raises(SignatureError) as unknown:
        verify(signed, None, REQUEST.body)
    with pytest.raises(SignatureError) as bad:
        verify(signed, OTHER_KEY.verification_key, REQUEST.body)

    assert str(unknown.value) == str(bad.value)


def test_a_key_of_p384_signs_no_messages():
    signed = read_request(REQUEST, forge(components()))
    key = LocalSigningKey.generate("ES384")
    with pytest.raises(SignatureError):
        verify(
            replace(signed, signature=key.sign(signed.base)),
            key.verification_key,
            REQUEST.body,
        )


def test_a20_a_key_of_another_algorithm_does_not_verify():
    other = LocalSigningKey.generate("ES256")
    refused(forge(components(), key=other))
    signed = read_request(REQUEST, forge(components()))
    with pytest.raises(SignatureError):
        verify(signed, other.verification_key, REQUEST.body)
