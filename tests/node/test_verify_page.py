import json
import sqlite3
import zlib
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from aiohttp import FormData
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from adapters.baked import PNG
from adapters.elmo_writer import Issuer, sign, write
from node.store import credentials
from node.web import verify_page
from tests.node.portal_fixtures import (  # noqa: F401 - fixtures
    client,
    populated,
    world,
)
from tests.records import PROGRAMME, SCALE, both, learner


@pytest.fixture
async def diploma(world):  # noqa: F811
    return await world.store.read(
        credentials.credential,
        vault=world.context.vault,
        id=world.ids["aiko.diploma-supplement"],
    )


def form(content: bytes, *, name: str = "file", policy: str = "authenticity"):
    data = FormData()
    data.add_field("policy", policy)
    data.add_field("file", BytesIO(content), filename=name)
    return data


async def check(client, content, **how):  # noqa: F811
    async with client.post("/verify", data=form(content, **how)) as response:
        return response.status, await response.text()


async def test_anyone_may_check_a_document(client, diploma):  # noqa: F811
    status, text = await check(client, diploma.sd_jwt.encode(), name="d.sd-jwt")

    assert status == 200
    assert "Diploma with Diploma Supplement" in text
    assert "Sample University" in text
    assert "Bachelor of Engineering" in text
    assert "The signature fits the document." in text
    # The status list of the test cannot be reached: that is not a yes.
    assert "Undetermined" in text
    assert "Nothing of it is kept." in text


async def test_both_forms_are_read(client, diploma):  # noqa: F811
    status, text = await check(client, json.dumps(diploma.vc).encode(), name="d.json")

    assert status == 200
    assert "The signature fits the document." in text


async def test_the_policy_is_the_readers_choice(client, diploma):  # noqa: F811
    octets = diploma.sd_jwt.encode()

    _, recognition = await check(client, octets, policy="recognition")
    _, unknown = await check(client, octets, policy="nonsense")

    assert "No statement about the issuer&#39;s accreditation" in recognition
    assert "No statement about the issuer&#39;s accreditation" in unknown


async def test_a_changed_document_is_not_valid(client, diploma):  # noqa: F811
    forged = dict(diploma.vc) | {"validFrom": "2020-01-01T00:00:00Z"}

    status, text = await check(client, json.dumps(forged).encode())

    assert status == 200
    assert "Not valid" in text
    assert "The signature does not fit" in text


async def test_a_badge_in_a_png_is_read(client, diploma):  # noqa: F811
    body = b"openbadgecredential\0\0\0\0\0" + json.dumps(diploma.vc).encode()
    chunk = b"iTXt" + body
    octets = PNG + len(body).to_bytes(4, "big") + chunk
    octets += zlib.crc32(chunk).to_bytes(4, "big")

    status, text = await check(client, octets, name="badge.png")

    assert status == 200
    assert "The signature fits the document." in text


@pytest.mark.parametrize(
    "octets",
    [b"hello", b"{}", b"\xff\xfe", b"<elmo", b"<svg/>", PNG, b"a.b.c", b"[" * 10_000],
)
async def test_what_is_no_document_is_said_to_be_none(client, octets):  # noqa: F811
    status, text = await check(client, octets)

    assert status == 422
    assert "not a document that could be checked" in text


async def test_no_file_is_asked_for_again(client):  # noqa: F811
    async with client.post("/verify", data=form(b"")) as response:
        assert response.status == 422
        assert "Choose a file first" in await response.text()


async def test_a_file_is_at_most_ten_megabytes(client):  # noqa: F811
    status, text = await check(client, b"x" * (verify_page.LIMIT + 1))

    assert status == 413
    assert "larger than 10 MB" in text


async def test_a_much_larger_file_is_not_even_read(client):  # noqa: F811
    status, _ = await check(client, b"x" * (verify_page.FORM_LIMIT + 1))

    assert status == 413


async def test_nothing_is_kept(client, world, diploma):  # noqa: F811
    database = world.context.settings.path("node.db")
    with sqlite3.connect(database) as connection:
        before = list(connection.iterdump())

    await check(client, diploma.sd_jwt.encode())
    await check(client, b"hello")

    with sqlite3.connect(database) as connection:
        assert list(connection.iterdump()) == before
    home = {path.name for path in world.context.settings.home.iterdir()}
    assert home <= {"keys", "did.jsonl", "did.txt", "node.db", "node.db-wal"} | {
        "node.db-shm"
    }


def signed_elmo(*, days: tuple[int, int] = (-1, 365)) -> bytes:
    """An ELMO document signed by a certificate valid for these days from now."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "specimen.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .sign(key, SHA256())
    )
    return sign(elmo(), key=key, certificate=certificate)


def elmo() -> bytes:
    return write(
        learner(),
        issuer=Issuer(
            country="JP",
            schac="uni.example",
            title=both("見本大学", "Sample University"),
            url="https://uni.example/",
        ),
        programme=PROGRAMME,
        scales=(SCALE,),
        at=datetime(2026, 4, 10, tzinfo=UTC),
    )


async def test_an_unsigned_elmo_document_is_undetermined(client):  # noqa: F811
    status, text = await check(client, elmo(), name="transcript.xml")

    assert status == 200
    assert "ELMO document" in text
    assert "Undetermined" in text
    assert "Sample University" in text


async def test_a_signed_elmo_document_is_told_by_its_certificate(client):  # noqa: F811
    status, text = await check(client, signed_elmo(), name="transcript.xml")

    assert status == 200
    assert "The signature fits the document." in text
    assert "specimen.test" in text
    assert "Undetermined" in text


async def test_an_elmo_document_with_an_expired_certificate_is_not_valid(client):  # noqa: F811
    signed = signed_elmo(days=(-900, -100))

    _, text = await check(client, signed, name="transcript.xml")

    assert "Not valid" in text
    assert "expired" in text


async def test_a_changed_elmo_document_is_not_valid(client):  # noqa: F811
    changed = signed_elmo().replace(b"MIHON", b"MIHOM")

    _, text = await check(client, changed)

    assert "Not valid" in text
