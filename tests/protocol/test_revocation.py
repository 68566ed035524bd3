"""Status in every form but the plain bit, which `test_verification` is about."""

import base64
import gzip
import json
import zlib

import pytest

from protocol.credentials import revocation, status_lists, token_status_lists
from protocol.errors import RangeError, StatusListLengthError
from protocol.identity.multibase import as_base64url
from protocol.securing import jose
from tests.protocol.parties import AT, DAY, Party, World, as_json

STRANGER = Party("stranger.example")
WORDS = ("fine", "under review", "on hold", "withdrawn")


@pytest.fixture
def uni():
    return Party("uni-a.example")


@pytest.fixture
def world(uni):
    return World((uni, STRANGER))


def status(world, document):
    return world.assess(document).findings["status_now"]


def with_entry(uni, entry):
    return uni.secure(uni.vc(credentialStatus=entry))


# --- bitstrings of several bits


def wide(uni, values, *, purpose, size=2, **more):
    bits = bytes(16_384 * size)
    document = status_lists.status_list_credential(
        uni.list_url,
        issuer=uni.did,
        bits=status_lists.set_values(bits, values, size),
        at=AT - DAY,
        valid_until=AT + DAY,
        purpose=purpose,
        **more,
    )
    return as_json(uni.secure(document, at=AT - DAY))


@pytest.mark.parametrize(
    ("purpose", "value", "result", "word"),
    [
        ("message", 0, "valid", "fine"),
        ("message", 2, "unknown", "on hold"),
        ("revocation", 0, "valid", "not revoked"),
        ("revocation", 3, "invalid", "withdrawn"),
        ("suspension", 1, "invalid", "suspended"),
        ("refresh", 0, "valid", "no newer"),
        ("refresh", 1, "valid", "a newer"),
    ],
)
def test_a_value_of_several_bits_has_its_meaning(
    uni, world, purpose, value, result, word
):
    entry = status_lists.entry(uni.list_url, 7, purpose, WORDS)
    assert entry["statusSize"] == 2
    world.lists[uni.list_url] = wide(uni, {6: 3, 7: value, 8: 3}, purpose=purpose)
    finding = status(world, with_entry(uni, entry))
    assert finding.result == result
    assert word in finding.reason


def test_a_message_of_one_bit_states_no_size(uni, world):
    entry = status_lists.entry(uni.list_url, 7, "message", WORDS[:2])
    assert "statusSize" not in entry
    world.lists[uni.list_url] = wide(uni, {7: 1}, purpose="message", size=1)
    assert "under review" in status(world, with_entry(uni, entry)).reason


def test_entries_of_several_bits_need_a_longer_list(uni, world):
    entry = status_lists.entry(uni.list_url, 7, "revocation", WORDS)
    world.lists[uni.list_url] = uni.status_list()
    finding = status(world, with_entry(uni, entry))
    assert finding.result == "invalid"
    assert "65536 entries" in finding.reason
    with pytest.raises(StatusListLengthError):
        status_lists.value_at(bytes(16_384), 0, 2)


@pytest.mark.parametrize("count", [1, 3, 5, 512])
def test_there_is_a_message_for_each_value(count):
    with pytest.raises(RangeError, match="each value"):
        status_lists.entry("https://x.example/1", 0, "message", ["x"] * count)


def test_a_value_that_does_not_fit_is_not_set():
    with pytest.raises(RangeError, match="fit"):
        status_lists.set_values(bytes(8), {0: 4}, 2)


def test_entries_of_any_size_lie_side_by_side():
    for size in range(1, 9):
        count = 40 * 8 // size
        values = {n: (n * 5 + 1) % 2**size for n in range(count)}
        bits = status_lists.set_values(bytes(40), values, size)
        whole = int.from_bytes(bits, "big")
        for n, value in values.items():
            assert whole >> 320 - (n + 1) * size & 2**size - 1 == value


def test_the_time_to_live_stands_in_the_list(uni):
    stated = json.loads(wide(uni, {}, purpose="message", ttl=DAY / 2))
    assert stated["credentialSubject"]["ttl"] == 43_200_000


def test_each_entry_is_judged_by_itself(uni, world):
    entries = [
        uni.entry(6),
        status_lists.entry(uni.list_url + "2", 7, "suspension"),
        {"type": "RevocationList2020Status"},
    ]
    world.lists = {
        uni.list_url: uni.status_list(),
        uni.list_url + "2": uni.status_list(
            7, url=uni.list_url + "2", purpose="suspension"
        ),
    }
    finding = status(world, with_entry(uni, entries))
    assert finding.result == "invalid"
    assert [one["result"] for one in finding.evidence["each"]] == [
        "valid",
        "invalid",
        "unknown",
    ]
    world.lists[uni.list_url + "2"] = uni.status_list(
        url=uni.list_url + "2", purpose="suspension"
    )
    assert status(world, with_entry(uni, entries)).result == "unknown"


@pytest.mark.parametrize(
    ("octets", "ttl"),
    [
        (lambda u: wide(u, {}, purpose="message", ttl=DAY), DAY),
        (lambda u: u.status_list(), None),
        (lambda u: token(u, size=1), DAY),
        (lambda u: altered(u, ttl=True), None),
        (lambda u: altered(u, ttl=1e300), 3650 * DAY),
        (lambda u: altered(u, ttl=-1), 0 * DAY),
        (lambda _: b"<html>", None),
    ],
)
def test_a_list_may_say_how_long_it_may_be_kept(uni, octets, ttl):
    assert revocation.time_to_live(octets(uni)) == ttl


# --- StatusList2021


def list_2021(uni, *revoked, alphabet=base64.urlsafe_b64encode, **changes):
    bits = status_lists.set_bits(bytes(16_384), revoked)
    document = uni.list_document() | {
        "type": ["VerifiableCredential", "StatusList2021Credential"]
    }
    document["credentialSubject"] |= {
        "type": "StatusList2021",
        "encodedList": alphabet(gzip.compress(bits)).decode(),
    } | changes
    return as_json(uni.secure(document, at=AT - DAY))


@pytest.mark.parametrize(
    "alphabet", [base64.urlsafe_b64encode, base64.standard_b64encode]
)
def test_a_status_list_of_2021_is_read(uni, world, alphabet):
    document = with_entry(uni, uni.entry(type="StatusList2021Entry"))
    world.lists[uni.list_url] = list_2021(uni, 6, 8, alphabet=alphabet)
    assert status(world, document).result == "valid"
    world.lists[uni.list_url] = list_2021(uni, 7, alphabet=alphabet)
    assert "revoked" in status(world, document).reason


def test_lists_of_two_generations_are_not_mixed_up(uni, world):
    document = with_entry(uni, uni.entry(type="StatusList2021Entry"))
    world.lists[uni.list_url] = uni.status_list()
    assert status(world, document).result == "invalid"
    world.lists[uni.list_url] = list_2021(uni)
    assert status(world, uni.secure(uni.vc())).result == "invalid"
    assert status(world, document).result == "valid"
    world.lists[uni.list_url] = list_2021(uni, encodedList="!")
    assert status(world, document).result == "invalid"


# --- Status List Tokens


def token(party, values=(), *, url=None, size=2, **changes):
    entries = token_status_lists.set_values(bytes(1000), dict(values), size)
    text = token_status_lists.secure(
        url or party.list_url,
        entries=entries,
        size=size,
        key=party.keys["#cred-2"],
        kid=party.url("#cred-2"),
        at=changes.pop("at", AT - DAY),
        expires=changes.pop("expires", AT + DAY),
        ttl=DAY,
    )
    return text.encode()


def altered(party, **claims):
    """Make a token that says something else than it may, well signed."""
    stated = jose.read(token(party).decode(), token_status_lists.TYP).claims | claims
    return jose.secure(
        {n: v for n, v in stated.items() if v is not None},
        key=party.keys["#cred-2"],
        kid=party.url("#cred-2"),
        typ=token_status_lists.TYP,
    ).encode()


def referring(uni, index=7, **changes):
    stated = {"idx": index, "uri": uni.list_url} | changes
    return uni.sd_jwt(status={"status_list": stated})


@pytest.mark.parametrize(
    ("value", "result", "word"),
    [
        (0, "valid", "neither"),
        (1, "invalid", "revoked"),
        (2, "invalid", "suspended"),
        (3, "unknown", "0x03"),
    ],
)
def test_a_token_says_what_became_of_a_credential(uni, world, value, result, word):
    world.lists[uni.list_url] = token(uni, {6: 1, 7: value, 8: 1})
    finding = status(world, referring(uni))
    assert finding.result == result
    assert word in finding.reason
    assert finding.evidence["index"] == 7


FAULTY = {
    "another list": lambda u: token(u, url=u.list_url + "4"),
    "expired": lambda u: token(u, expires=AT - DAY / 2),
    "a stranger's": lambda u: token(STRANGER, url=u.list_url),
    "too short": lambda u: altered(u, status_list={"bits": 1, "lst": "eNrbuRgAAhcBXQ"}),
    "odd size": lambda u: altered(u, status_list={"bits": 3, "lst": "eNrbuRgAAhcBXQ"}),
    "no size": lambda u: altered(u, status_list={"lst": "eNrbuRgAAhcBXQ"}),
    "no list": lambda u: altered(u, status_list={"bits": 1}),
    "no object": lambda u: altered(u, status_list=[]),
    "bomb": lambda u: altered(
        u,
        status_list={"bits": 1, "lst": as_base64url(zlib.compress(bytes(3_000_000)))},
    ),
    "truncated": lambda u: altered(u, status_list={"bits": 1, "lst": "eNrbuRgA"}),
    "no iat": lambda u: altered(u, iat=None),
    "ttl": lambda u: altered(u, ttl=0),
    "another issuer": lambda u: altered(u, iss=str(STRANGER.did)),
    "a credential": lambda u: u.status_list(),
    "unsigned": lambda u: token(u)[:-9] + b"AAAAAAAAA",
    "not a list": lambda _: b"<html>",
    "no jwt": lambda _: b"a.b.c",
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_token_with_a_fault_never_says_not_revoked(uni, world, fault):
    world.lists[uni.list_url] = FAULTY[fault](uni)
    found = world.assess(referring(uni, index=100))
    assert found.findings["status_now"].result == "invalid"
    assert found.overall("authenticity") == "invalid"


@pytest.mark.parametrize(
    "stated",
    [
        "x",
        {},
        {"status_list": "x"},
        {"status_list": {"idx": 1}},
        {"status_list": {"idx": "1", "uri": "https://uni-a.example/status/3"}},
        {"status_list": {"idx": -1, "uri": "https://uni-a.example/status/3"}},
        {"status_list": {"idx": True, "uri": "https://uni-a.example/status/3"}},
        {"status_list": {"idx": 10**10, "uri": "https://uni-a.example/status/3"}},
    ],
)
def test_a_status_claim_of_another_form_is_never_good(uni, world, stated):
    finding = status(world, uni.sd_jwt(status=stated))
    assert finding.result in {"invalid", "unknown"}
    assert uni.list_url not in world.asked


def test_every_mechanism_of_a_status_claim_counts(uni, world):
    world.lists[uni.list_url] = token(uni)
    stated = token_status_lists.entry(uni.list_url, 7)
    assert status(world, uni.sd_jwt(status=stated)).result == "valid"
    finding = status(world, uni.sd_jwt(status=stated | {"identifier_list": {}}))
    assert finding.result == "unknown"
    assert "identifier_list" in finding.reason


def test_a_token_for_a_bitstring_entry_is_another_form(uni, world):
    world.lists[uni.list_url] = token(uni)
    assert status(world, uni.secure(uni.vc())).result == "invalid"


def test_a_token_of_an_algorithm_not_known_leaves_the_status_open(uni, world):
    header, rest = token(uni).split(b".", 1)
    assert header
    known = as_base64url(
        json.dumps(
            {"alg": "RS256", "kid": uni.url("#cred-2"), "typ": "statuslist+jwt"}
        ).encode()
    )
    world.lists[uni.list_url] = known.encode() + b"." + rest
    assert status(world, referring(uni)).result == "unknown"


# --- 1EdTech revocation lists


def id_list(uni, *revoked, **changes):
    return as_json(
        {"id": uni.list_url, "issuer": str(uni.did), "revokedCredential": [*revoked]}
        | changes
    )


@pytest.fixture
def listed(uni):
    return with_entry(uni, {"id": uni.list_url, "type": "1EdTechRevocationList"})


@pytest.mark.parametrize(
    ("revoked", "result", "word"),
    [
        ([], "valid", "not revoked"),
        ([{"id": "urn:uuid:other"}], "valid", "not revoked"),
        ([{"id": "urn:uuid:01a17213"}], "invalid", "revoked"),
        (["urn:uuid:01a17213"], "invalid", "revoked"),
        ([{"id": "urn:uuid:01a17213", "revoked": False}], "valid", "not revoked"),
        (
            [{"id": "urn:uuid:01a17213", "revoked": True, "revocationReason": "error"}],
            "invalid",
            "error",
        ),
    ],
)
def test_a_list_of_ids_says_what_was_revoked(uni, world, listed, revoked, result, word):
    world.lists[uni.list_url] = id_list(uni, *revoked)
    finding = status(world, listed)
    assert finding.result == result
    assert word in finding.reason


@pytest.mark.parametrize(
    "octets",
    [b"<html>", b"[]", b"{}", b'{"id": "https://x.example", "revokedCredential": []}'],
)
def test_what_is_no_list_of_ids_never_says_not_revoked(uni, world, listed, octets):
    world.lists[uni.list_url] = octets
    assert status(world, listed).result == "invalid"


def test_a_credential_without_id_can_be_in_no_list_of_ids(uni, world):
    entry = {"id": uni.list_url, "type": "1EdTechRevocationList"}
    world.lists[uni.list_url] = id_list(uni)
    document = uni.secure(uni.vc(credentialStatus=entry, id=None))
    assert status(world, document).result == "invalid"


def test_a_list_of_ids_counts_from_an_origin_of_the_issuer_only(uni, world):
    url = "https://attacker.example/list"
    world.lists[url] = id_list(uni, id=url)
    entry = {"id": url, "type": "1EdTechRevocationList"}
    finding = status(world, with_entry(uni, entry))
    assert finding.result == "unknown"
    assert "not tied" in finding.reason
    assert url not in world.asked
    nameless = with_entry(uni, {"type": "1EdTechRevocationList"})
    assert status(world, nameless).result == "invalid"
