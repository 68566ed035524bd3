import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import MalformedValueError, SecuringError
from protocol.identity.keys import ALGORITHMS, LocalSigningKey
from protocol.securing import cose
from protocol.securing.cose import VC_TYPE, VP_TYPE, read, secure, verify

KEYS = {algorithm: LocalSigningKey.generate(algorithm) for algorithm in ALGORITHMS}
KEY = KEYS["ES256"]
KID = "https://uni-a.example/issuer#1"
CLAIMS = {"issuer": "https://uni-a.example/issuer", "name": "東京", "n": [1.5]}
HEADER = {1: -7, 3: "application/vc", 4: KID.encode(), 16: VC_TYPE}


def forged(header=HEADER, unprotected=None, payload=b'{"a":1}', *, tag=18):
    protected = header if isinstance(header, bytes) else cbor2.dumps(header)
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    parts = [protected, unprotected or {}, payload, KEY.sign(signed)]
    return cbor2.dumps(parts if tag is None else cbor2.CBORTag(tag, parts))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("typ", [VC_TYPE, VP_TYPE])
def test_what_was_secured_is_read_and_verifies(algorithm, typ):
    octets = secure(CLAIMS, key=KEYS[algorithm], kid=KID, typ=typ)

    sign1 = read(octets, typ)

    assert cose.is_sign1(octets)
    assert (sign1.claims, sign1.kid, sign1.typ) == (CLAIMS, KID, typ)
    assert sign1.content_type == typ.removesuffix("+cose")
    for other, key in KEYS.items():
        assert verify(sign1, key.verification_key) == (other == algorithm)


@given(st.data())
def test_no_octet_can_be_changed(data):
    octets = secure(CLAIMS, key=KEY, kid=KID)
    place = data.draw(st.integers(0, len(octets) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda one: one != octets[place]))

    changed = octets[:place] + bytes([other]) + octets[place + 1 :]

    try:
        sign1 = read(changed, VC_TYPE)
    except SecuringError:
        return
    assert not verify(sign1, KEY.verification_key)


@given(st.binary(max_size=200))
def test_octets_of_any_kind_are_read_or_refused(octets):
    with pytest.raises(SecuringError):
        read(octets, VC_TYPE)


def test_what_others_leave_out_or_put_elsewhere_is_read():
    short = {1: -9, 16: VC_TYPE}
    sign1 = read(forged(short, {4: b"hint"}, tag=None), VC_TYPE)

    assert (sign1.kid, sign1.content_type) == ("hint", "")
    assert verify(sign1, KEY.verification_key)
    assert read(forged(short), VC_TYPE).kid == ""


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        forged() + b"\0",
        forged(tag=17),
        forged(HEADER | {2: [1]}),
        forged(HEADER | {33: b"certificate"}),
        forged({n: v for n, v in HEADER.items() if n != 1}),
        forged(HEADER | {1: 5}),
        forged(HEADER | {1: "ES256"}),
        forged(HEADER | {1: True}),
        forged(HEADER | {16: VP_TYPE}),
        forged({1: -7, 16: VP_TYPE}),
        forged(HEADER | {3: "application/vp"}),
        forged({n: v for n, v in HEADER.items() if n != 16}),
        forged(HEADER | {4: KID}),
        forged(HEADER | {4: b"\xff"}),
        forged(HEADER | {4: bytes(5000)}),
        forged(b"\xa2\x01\x26\x01\x26"),
        forged(b"\xa1\x18\x01\x26"),
        forged(b"\xbf\x01\x26\xff"),
        forged(cbor2.dumps([1])),
        forged(unprotected={1: -7}),
        forged(payload=b"[]"),
        forged(payload=b'{"a":1,"a":2}'),
        cbor2.dumps(cbor2.CBORTag(18, [b"", {}, None, b""])),
        b"\x81" * 1000,
        b"\xd8\x1c\x81\xd8\x1d\x00",
    ],
    ids=range(26),
)
def test_what_is_no_such_sign1_is_refused(octets):
    with pytest.raises(SecuringError):
        read(octets, VC_TYPE)


def test_base64_is_read_with_and_without_padding():
    octets = secure(CLAIMS, key=KEY, kid=KID)
    text = cose.as_base64(octets)

    assert cose.from_base64(text) == cose.from_base64(text.rstrip("=")) == octets
    for wrong in ("é", "A", "a b=", text + "!"):
        with pytest.raises(MalformedValueError):
            cose.from_base64(wrong)
