"""JAdES seals of European Digital Credentials, and SD-JWTs in JSON."""

import base64
import hashlib
import json
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from protocol.credentials import model
from protocol.errors import SecuringError
from protocol.identity.multibase import as_base64url, from_base64url
from tests.protocol.parties import DAY, Party, World, as_json

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SEALED = "2026-04-01T09:00:00Z"
ID = "VATJP-0000000"


def certificate(key, issuer_key=None, issuer=None, *, organisation=ID, name="Uni"):
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, organisation),
        ]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN + 365 * DAY)
        .sign(issuer_key or key, SHA256())
    )


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


CA_KEY = ec.generate_private_key(ec.SECP256R1())
CA = certificate(CA_KEY, organisation="CA-1", name="CA")


def credential(**changes):
    return {
        "@context": [
            "https://www.w3.org/2018/credentials/v1",
            "http://data.europa.eu/snb/model/context/edc-ap",
        ],
        "id": "urn:credential:1",
        "type": ["VerifiableCredential", "EuropeanDigitalCredential"],
        "issuer": {"id": "urn:epass:org:1", "eIDASIdentifier": {"notation": ID}},
        "issuanceDate": SEALED,
        "credentialSubject": {"id": "urn:epass:person:1", "fullName": "Aiko"},
        **changes,
    }


def der(cert):
    return cert.public_bytes(Encoding.DER)


def sealed(key, *, stated=None, chain=(), payload=None, flat=False, etsi=(), **changes):
    """Seal a credential, with header members added, or left out where None."""
    own = certificate(key, CA_KEY, CA) if not chain else chain[0]
    chain = chain or (own, CA)
    header = {
        "alg": "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256",
        "b64": False,
        "sigT": SEALED,
        "crit": ["b64", "sigT"],
        "x5c": [base64.b64encode(der(one)).decode() for one in chain],
        "x5t#S256": as_base64url(hashlib.sha256(der(chain[0])).digest()),
    } | changes
    header = {name: value for name, value in header.items() if value is not None}
    payload = payload or json.dumps(stated or credential())
    if header.get("b64", True) is not False:
        payload = as_base64url(payload.encode())
    protected = as_base64url(json.dumps(header).encode())
    covered = f"{protected}.{payload}".encode()
    if header["alg"].startswith("ES"):
        r, s = utils.decode_dss_signature(key.sign(covered, ec.ECDSA(SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    elif header["alg"].startswith("PS"):
        pss = padding.PSS(padding.MGF1(SHA256()), 32)
        signature = key.sign(covered, pss, SHA256())
    else:
        signature = key.sign(covered, padding.PKCS1v15(), SHA256())
    one = {"protected": protected, "signature": as_base64url(signature)}
    if etsi:
        one["header"] = {"etsiU": [part(one["signature"]) for part in etsi]}
    if flat:
        return {"payload": payload, **one}
    return {"payload": payload, "signatures": [one]}


def judge(document):
    return World(()).assess(as_json(document))


def results(found):
    return {
        name: str(found.findings[name].result)
        for name in ("integrity", "issuer_identified", "key_at_signing")
    }


FITS = {
    "integrity": "valid",
    "issuer_identified": "unknown",
    "key_at_signing": "unknown",
}


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("b64", [False, None])
def test_a_seal_that_fits_is_undetermined_without_a_trusted_list(flat, b64):
    crit = ["b64", "sigT"] if b64 is False else ["sigT"]
    found = judge(sealed(CA_KEY, flat=flat, b64=b64, crit=crit))
    assert results(found) == FITS
    assert found.overall("authenticity") == "undetermined"
    assert ID in found.findings["issuer_identified"].reason
    assert found.findings["issuer_identified"].evidence["chain_holds"] is True
    assert "trusted list" in found.findings["key_at_signing"].reason


@pytest.mark.parametrize("alg", ["RS256", "PS256"])
def test_rsa_seals_are_judged_in_both_paddings(rsa_key, alg):
    assert results(judge(sealed(rsa_key, alg=alg))) == FITS


def test_no_octet_of_what_was_sealed_can_be_changed():
    document = sealed(CA_KEY)
    changed = document | {"payload": document["payload"].replace("Aiko", "Aike")}
    assert judge(changed).findings["integrity"].result == "invalid"
    spaced = document | {"payload": document["payload"] + " "}
    assert judge(spaced).findings["integrity"].result == "invalid"
    header = json.loads(from_base64url(document["signatures"][0]["protected"]))
    header["sigT"] = "2026-04-02T09:00:00Z"
    other = as_base64url(json.dumps(header).encode())
    one = document["signatures"][0] | {"protected": other}
    moved = judge(document | {"signatures": [one]})
    assert moved.overall("authenticity") == "invalid"


def test_a_certificate_for_another_organisation_is_invalid():
    stated = credential(
        issuer={"id": "urn:epass:org:1", "eIDASIdentifier": {"notation": "VATJP-1"}}
    )
    found = judge(sealed(CA_KEY, stated=stated))
    assert found.findings["issuer_identified"].result == "invalid"
    assert "VATJP-1" in found.findings["issuer_identified"].reason
    nameless = judge(sealed(CA_KEY, stated=credential(issuer="urn:epass:org:1")))
    assert nameless.findings["issuer_identified"].result == "unknown"


@pytest.mark.parametrize(
    ("at", "result", "word"),
    [
        ("2025-12-31T23:59:59Z", "invalid", "not valid"),
        ("2027-06-01T00:00:00Z", "invalid", "not valid"),
        (None, "unknown", "not stated"),
    ],
)
def test_a_seal_counts_within_the_time_of_its_certificate(at, result, word):
    crit = ["b64", "sigT"] if at else ["b64"]
    finding = judge(sealed(CA_KEY, sigT=at, crit=crit)).findings["key_at_signing"]
    assert finding.result == result
    assert word in finding.reason


def test_certificates_that_do_not_belong_together_are_no_chain():
    stranger = ec.generate_private_key(ec.SECP256R1())
    chain = (certificate(CA_KEY), certificate(stranger, name="CA"))
    found = judge(sealed(CA_KEY, chain=chain))
    assert found.findings["key_at_signing"].result == "invalid"
    assert found.findings["integrity"].result == "valid"


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"x5t#S256": "AAAA"}, "invalid"),
        ({"x5t#S256": 7}, "invalid"),
        ({"x5t#S256": None}, "valid"),
        ({"x5c": ["x"]}, "invalid"),
        ({"x5c": [7]}, "invalid"),
        ({"x5c": []}, "unknown"),
        ({"x5c": None}, "unknown"),
        ({"sigT": "yesterday"}, "invalid"),
        ({"sigT": "2026-02-30T00:00:00Z"}, "invalid"),
        ({"crit": ["b64", "sigT", "exp"]}, "invalid"),
        ({"crit": ["b64", "sigT", "exp"], "exp": 1}, "unknown"),
        ({"crit": ["sigT"]}, "invalid"),
        ({"crit": "b64"}, "invalid"),
        ({"sigD": {"mId": "x"}}, "unknown"),
        ({"b64": "no", "crit": ["sigT"]}, "invalid"),
        ({"alg": "ES512"}, "invalid"),
    ],
)
def test_a_header_that_says_something_else_never_makes_a_good_seal(changes, result):
    found = judge(sealed(CA_KEY, **changes)).findings["integrity"]
    assert found.result == result


@pytest.mark.parametrize("alg", ["none", "HS256", "EdDSA", "RS1"])
def test_an_algorithm_not_known_is_unknown(alg):
    document = sealed(CA_KEY)
    one = document["signatures"][0]
    header = json.loads(from_base64url(one["protected"])) | {"alg": alg}
    one["protected"] = as_base64url(json.dumps(header).encode())
    assert judge(document).findings["integrity"].result == "unknown"


def test_an_algorithm_must_fit_the_certificate(rsa_key):
    document = sealed(rsa_key)
    one = document["signatures"][0]
    header = json.loads(from_base64url(one["protected"])) | {"alg": "ES256"}
    one["protected"] = as_base64url(json.dumps(header).encode())
    assert judge(document).findings["integrity"].result == "invalid"


def test_a_short_rsa_key_proves_nothing():
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the point
    found = judge(sealed(short)).findings["integrity"]
    assert found.result == "unknown"
    assert "1024 bits" in found.reason


def test_every_seal_counts():
    document = sealed(CA_KEY)
    document["signatures"] *= 2
    assert results(judge(document)) == FITS
    one = document["signatures"][0]
    document["signatures"][1] = one | {"signature": as_base64url(bytes(64))}
    assert judge(document).findings["integrity"].result == "invalid"


def stamp(kind, moment, digest=b""):
    token = base64.b64encode(b"\x30\x18\x0f" + moment + b"Z" + digest).decode()
    return {kind: {"tstTokens": [{"val": token}]}}


def test_timestamps_are_reported_as_they_are():
    def packed(part):
        return as_base64url(json.dumps(part).encode())

    etsi = (
        lambda text: stamp(
            "sigTst", b"20260401090001", hashlib.sha256(text.encode()).digest()
        ),
        lambda _: packed(stamp("arcTst", b"20260401090002")),
        lambda _: stamp("sigTst", b"20261301090001"),
        lambda _: {"xVals": [{}]},
        lambda _: "!",
        lambda _: 7,
    )
    evidence = judge(sealed(CA_KEY, etsi=etsi)).findings["key_at_signing"].evidence
    assert evidence["timestamps"] == [
        "sigTst: 2026-04-01T09:00:01+00:00, over this signature",
        "arcTst: 2026-04-01T09:00:02+00:00",
        "sigTst: unreadable",
    ]
    json.dumps(evidence)


@pytest.mark.parametrize(
    "changes",
    [
        {"signatures": []},
        {"signatures": "x"},
        {"signatures": [{}] * 5},
        {"signatures": [{"protected": "!"}]},
        {"signatures": [7]},
        {"signature": "x"},
        {"payload": "{}"},
        {"payload": "["},
    ],
)
def test_what_is_no_sealed_credential_cannot_be_read(changes):
    document = sealed(CA_KEY) | changes
    with pytest.raises(Exception, match=r".") as caught:
        model.read(as_json(document))
    assert caught.type.__module__ == "protocol.errors"


def test_one_payload_is_not_read_in_two_ways():
    plain = sealed(CA_KEY)
    packed = sealed(CA_KEY, b64=None, crit=["sigT"])
    document = plain | {"signatures": [*plain["signatures"], *packed["signatures"]]}
    with pytest.raises(SecuringError, match="two ways"):
        model.read(as_json(document))


# --- SD-JWT in JSON


UNI = Party("uni-a.example")


def in_json(text, *, flat=True, **header):
    token, *disclosures, binding = text.split("~")
    protected, payload, signature = token.split(".")
    stated = {"disclosures": disclosures} | ({"kb_jwt": binding} if binding else {})
    one = {
        "protected": protected,
        "signature": signature,
        "header": stated | header,
    }
    return {"payload": payload} | (one if flat else {"signatures": [one]})


@pytest.mark.parametrize("flat", [True, False])
def test_an_sd_jwt_in_json_is_the_same_credential(flat):
    text = UNI.sd_jwt()
    world = World((UNI,), lists={UNI.list_url: UNI.status_list()})
    document = in_json(text, flat=flat)
    assert world.assess(document).overall("authenticity") == "valid"
    read = model.read(as_json(document))
    assert read.record == model.read(text.encode()).record
    document = in_json(UNI.sd_jwt(record={"holder": {"given_name": "A"}}), flat=flat)
    document["payload"] = in_json(text)["payload"]
    assert world.assess(document).overall("authenticity") == "invalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"header": "x"},
        {"header": {"kid": "x"}},
        {"header": {"disclosures": "x"}},
        {"header": {"disclosures": [7]}},
        {"header": {"disclosures": ["a~b"]}},
        {"header": {"kb_jwt": 7}},
        {"signature": 7},
    ],
)
def test_an_sd_jwt_in_json_of_another_form_cannot_be_read(changes):
    with pytest.raises(SecuringError):
        model.read(as_json(in_json(UNI.sd_jwt()) | changes))


def test_an_sd_jwt_in_json_has_one_signature():
    document = in_json(UNI.sd_jwt(), flat=False)
    document["signatures"] *= 2
    with pytest.raises(SecuringError, match="more than one"):
        model.read(as_json(document))


def test_disclosures_beside_the_payload_are_read_as_in_earlier_drafts():
    text = UNI.sd_jwt()
    document = in_json(text)
    document |= document.pop("header")
    assert model.read(as_json(document)).record == model.read(text.encode()).record
    with pytest.raises(SecuringError, match="two places"):
        model.read(as_json(document | {"header": {}}))
