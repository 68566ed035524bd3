import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import SecuringError
from protocol.identity.multibase import as_base64url
from protocol.securing.sd_values import (
    BbsBase,
    BbsDerived,
    EcdsaBase,
    EcdsaDerived,
    UnimplementedFeatureError,
)
from tests.protocol.selective_world import published

SIGNATURE, KEY, HMAC = bytes(64), bytes(35), bytes(32)
GOOD = {
    EcdsaBase: [SIGNATURE, KEY, HMAC, [SIGNATURE], ["/issuer"]],
    EcdsaDerived: [SIGNATURE, KEY, [SIGNATURE], {0: HMAC}, [0, 2]],
    BbsBase: [bytes(80), bytes(64), bytes(96), HMAC, ["/issuer"]],
    BbsDerived: [bytes(300), {0: 1, 1: 0}, [0], [1, 2], b"header"],
}
HEADERS = {EcdsaBase: 0, EcdsaDerived: 1, BbsBase: 2, BbsDerived: 3}


def text(header, components):
    return "u" + as_base64url(bytes([0xD9, 0x5D, header]) + cbor2.dumps(components))


@pytest.mark.parametrize("kind", GOOD)
def test_what_is_written_is_read(kind):
    written = text(HEADERS[kind], GOOD[kind])

    value = kind.parse(written)

    assert list(value) == GOOD[kind]
    assert value.text() == written


BAD = [
    (EcdsaBase, 0, bytes(63)),
    (EcdsaBase, 1, bytes(36)),
    (EcdsaBase, 2, bytes(31)),
    (EcdsaBase, 3, [bytes(63)]),
    (EcdsaBase, 3, ["a"]),
    (EcdsaBase, 3, {}),
    (EcdsaBase, 4, [b"/issuer"]),
    (EcdsaBase, 4, "/issuer"),
    (EcdsaDerived, 2, [SIGNATURE, 1]),
    (EcdsaDerived, 3, {0: bytes(31)}),
    (EcdsaDerived, 3, {0: HMAC, 1: HMAC}),
    (EcdsaDerived, 3, {-1: HMAC}),
    (EcdsaDerived, 3, {"0": HMAC}),
    (EcdsaDerived, 3, [HMAC]),
    (EcdsaDerived, 4, [2, 0]),
    (EcdsaDerived, 4, [0, 0]),
    (EcdsaDerived, 4, [-1]),
    (EcdsaDerived, 4, [True]),
    (BbsBase, 3, bytes(33)),
    (BbsBase, 4, [1]),
    (BbsBase, 0, "signature"),
    (BbsDerived, 1, {0: 0, 1: 0}),
    (BbsDerived, 1, {0: "b0"}),
    (BbsDerived, 2, [0.0]),
    (BbsDerived, 3, [1, 1]),
    (BbsDerived, 4, None),
    (BbsDerived, 3, list(range(5000))),
]


@pytest.mark.parametrize(("kind", "place", "value"), BAD)
def test_a_component_of_another_kind_is_refused(kind, place, value):
    components = [*GOOD[kind]]
    components[place] = value

    with pytest.raises(SecuringError):
        kind.parse(text(HEADERS[kind], components))


@pytest.mark.parametrize("kind", GOOD)
def test_what_is_no_proof_value_is_refused(kind):
    header = HEADERS[kind]
    for value in (
        *(None, 7, "", "u", "z2", "u====", "u" + "A" * (1 << 21)),
        text(header, GOOD[kind][:4]),
        text(header, [*GOOD[kind], 1]),
        text(header, dict(enumerate(GOOD[kind]))),
        text(200, GOOD[kind]),
        text(header, GOOD[kind])[:-4],
        text(header, GOOD[kind]) + "AA",
        text(header, cbor2.CBORTag(64, GOOD[kind])),
        text(header, [cbor2.CBORTag(64, GOOD[kind][0]), *GOOD[kind][1:]]),
    ):
        with pytest.raises(SecuringError):
            kind.parse(value)


@pytest.mark.parametrize("kind", GOOD)
def test_a_proof_of_another_kind_is_named(kind):
    for other, header in HEADERS.items():
        if other is not kind:
            with pytest.raises(SecuringError, match=r"base proof|derived|begins with"):
                kind.parse(text(header, GOOD[other]))


@pytest.mark.parametrize(
    ("name", "feature"),
    [
        ("HolderBinding", "anonymous_holder_binding"),
        # The specification gives these two a header each, the vectors one to both.
        ("Pseudonym", "(holder_binding_)?pseudonym"),
        ("PseudonymHB", "holder_binding_pseudonym"),
    ],
)
def test_features_that_are_not_implemented_are_refused_by_name(name, feature):
    derived = published(f"vc-di-bbs/features/{name}")["proof"]["proofValue"]
    base = published(f"vc-di-bbs/features/{name}-base")["proof"]["proofValue"]

    with pytest.raises(UnimplementedFeatureError, match=f"the feature {feature}$"):
        BbsDerived.parse(derived)
    with pytest.raises(UnimplementedFeatureError, match=f"the feature {feature}$"):
        BbsBase.parse(base)


@given(st.binary(max_size=80), st.sampled_from(list(GOOD)))
def test_no_octets_whatever_do_harm(octets, kind):
    header = bytes([0xD9, 0x5D, HEADERS[kind]])

    with pytest.raises(SecuringError):
        kind.parse("u" + as_base64url(header + octets))
