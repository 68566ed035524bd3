import zlib

import pytest

from adapters.baked import LARGEST_CREDENTIAL, PNG, bake, is_picture, unwrap
from adapters.source import SourceError

CREDENTIAL = b"eyJhbGciOiJFZERTQSJ9.e30.c2ln"
HEADER = b"\0\0\0\1\0\0\0\1\x08\0\0\0\0"


def chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + kind + content + check


def png(*chunks: bytes) -> bytes:
    return PNG + chunk(b"IHDR", HEADER) + b"".join(chunks) + chunk(b"IEND", b"")


def text(keyword: bytes, body: bytes, *, compressed: int = 0) -> bytes:
    return keyword + b"\0" + bytes([compressed, 0]) + b"\0\0" + body


def svg(inner: str) -> bytes:
    return (
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:openbadges="https://purl.imsglobal.org/ob/v3p0">{inner}</svg>'
    ).encode()


def test_a_credential_is_found_in_a_png():
    baked = png(chunk(b"iTXt", text(b"openbadgecredential", CREDENTIAL)))

    assert is_picture(baked)
    assert unwrap(baked) == CREDENTIAL


def test_a_compressed_credential_is_found_in_a_png():
    packed = zlib.compress(CREDENTIAL)

    baked = png(chunk(b"iTXt", text(b"openbadges", packed, compressed=1)))

    assert unwrap(baked) == CREDENTIAL


def test_a_credential_in_a_plain_text_chunk_is_found_too():
    assert unwrap(png(chunk(b"tEXt", b"openbadges\0" + CREDENTIAL))) == CREDENTIAL


def test_a_credential_is_found_in_an_svg():
    baked = svg(
        "<openbadges:credential>\n<![CDATA[ "
        f"{CREDENTIAL.decode()} ]]></openbadges:credential>"
    )

    assert is_picture(baked)
    assert unwrap(baked) == CREDENTIAL


def test_a_signed_assertion_in_an_attribute_is_found():
    inner = f'<openbadges:credential verify="{CREDENTIAL.decode()}"/>'

    assert unwrap(svg(inner)) == CREDENTIAL


def test_what_is_no_picture_is_left_as_it_is():
    assert unwrap(CREDENTIAL) == CREDENTIAL
    assert not is_picture(b"<elmo/>")


@pytest.mark.parametrize(
    "octets",
    [
        png(),
        png(chunk(b"iTXt", text(b"Comment", b"hello"))),
        png(chunk(b"iTXt", b"openbadges\0")),
        png(chunk(b"iTXt", text(b"openbadges", b"not zlib", compressed=1))),
        png(
            chunk(b"iTXt", text(b"openbadges", zlib.compress(b"a")[:-3], compressed=1))
        ),
        png()[:-2],
        PNG + b"\xff\xff\xff\xff" + b"iTXt",
        svg(""),
        svg("<openbadges:credential/>"),
        b"<svg",
        b'<!DOCTYPE svg [<!ENTITY a "b">]>' + svg("&a;").split(b"?>", 1)[1],
    ],
)
def test_a_picture_without_a_readable_credential_is_refused(octets):
    with pytest.raises(SourceError):
        unwrap(octets)


def test_a_bomb_is_not_unpacked():
    bomb = zlib.compress(b"\0" * (LARGEST_CREDENTIAL + 1))

    with pytest.raises(SourceError, match="more than"):
        unwrap(png(chunk(b"iTXt", text(b"openbadges", bomb, compressed=1))))


def test_a_flipped_bit_in_a_chunk_is_noticed():
    baked = bytearray(png(chunk(b"iTXt", text(b"openbadgecredential", CREDENTIAL))))
    baked[baked.index(CREDENTIAL) + 3] ^= 1

    with pytest.raises(SourceError, match="damaged"):
        unwrap(bytes(baked))


JSON = '{"name": "蛍 <&> ]] >"}'.encode()
DOCTYPE = (
    '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" '
    '"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
)


def typed(declared: str, inner: str = "") -> bytes:
    return svg(inner).replace(b"<svg", declared.encode() + b"<svg", 1)


PICTURES = [
    png(chunk(b"IDAT", b"x")),
    png(chunk(b"iTXt", text(b"openbadges", b"https://old.example"))),
    png(chunk(b"iTXt", text(b"openbadgecredential", b"{}")), chunk(b"tEXt", b"a\0b")),
    svg("<path d='M0 0'/>"),
    svg("<openbadges:credential>{}</openbadges:credential>"),
    typed(DOCTYPE, "<path d='M0 0'/>"),
]


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("credential", [CREDENTIAL, JSON, b'{"a":"]]>"}'])
def test_what_was_baked_in_comes_out(picture, credential):
    baked = bake(credential, picture)
    assert unwrap(baked) == credential
    assert unwrap(bake(b"{}", baked)) == b"{}"
    assert bake(credential, baked) == baked


def test_the_rest_of_a_picture_stays_as_it_is():
    plain = png(
        chunk(b"gAMA", b"\0\0\0\1"), chunk(b"IDAT", b"x"), chunk(b"tEXt", b"a\0b")
    )
    baked = bake(JSON, plain)
    assert b"openbadgecredential\0\0\0\0\0" + JSON in baked
    start = baked.index(b"iTXt") - 4
    end = start + 12 + len(b"openbadgecredential") + 5 + len(JSON)
    assert baked[:start] + baked[end:] == plain
    assert b"<path" in bake(JSON, svg("<path d='M0 0'/>"))


OUTER = (
    b'<o:credential xmlns:o="https://purl.imsglobal.org/ob/v3p0"><svg/></o:credential>'
)


@pytest.mark.parametrize(
    ("credential", "picture", "says"),
    [
        (b"", png(), "no credential"),
        (b"a\0b", png(), "no credential"),
        (b"\xff", png(), "UTF-8"),
        (JSON, b"GIF89a", "neither"),
        (JSON, PNG, "damaged"),
        (JSON, png()[:-5], "damaged"),
        (JSON, svg("<a>"), "XML"),
        (
            JSON,
            OUTER,
            "no picture",
        ),
    ],
)
def test_what_cannot_be_baked_is_said(credential, picture, says):
    with pytest.raises(SourceError, match=says):
        bake(credential, picture)


def test_a_picture_may_name_its_type_but_declare_nothing():
    inner = "<openbadges:credential>{}</openbadges:credential>"
    assert unwrap(typed(DOCTYPE, inner)) == b"{}"
    for declared in (
        '<!DOCTYPE svg [<!ENTITY x "y">]>',
        "<!DOCTYPE svg [<!ELEMENT svg ANY>]>",
        '<!DOCTYPE svg [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]>',
    ):
        with pytest.raises(SourceError, match="DTD"):
            unwrap(typed(declared, inner))
