"""XML signatures: what holds, what is named, and what an attacker would try."""

import base64
import gzip
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import XMLSigner
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)

from adapters import elmo
from adapters.elmo_signature import (
    DEEPEST,
    DS,
    LARGEST_XML,
    parse,
    spki_digest,
    unpack,
    verify,
)
from adapters.elmo_writer import sign
from adapters.source import SourceError

AT = datetime(2026, 11, 24, tzinfo=UTC)
V1 = "https://github.com/emrex-eu/elmo-schemas/tree/v1"
XML = (
    f'<elmo xmlns="{V1}"><learner><identifier type="local">4711</identifier>'
    "<givenNames>Robin</givenNames><familyName>Specimen</familyName></learner>"
    "<report><issuer/><learningOpportunitySpecification><title>Course</title>"
    "<specifies><learningOpportunityInstance><date>2024-12-20</date>"
    "<resultLabel>C</resultLabel><credit><scheme>ects</scheme><value>5</value></credit>"
    "</learningOpportunityInstance></specifies></learningOpportunitySpecification>"
    "</report></elmo>"
)


def certificate(key, *, days=(-1, 365)):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "specimen.test")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(AT + timedelta(days=days[0]))
        .not_valid_after(AT + timedelta(days=days[1]))
        .sign(key, SHA256())
    )


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def signed(key):
    return sign(XML.encode(), key=key, certificate=certificate(key))


def verdict(octets, **options):
    return verify(octets, at=AT, **options)[0]


def test_a_good_signature_by_a_key_we_trust(key, signed):
    found, octets = verify(signed, at=AT, trusted=[spki_digest(key.public_key())])

    assert (found.result, found.remarks, found.signer_known) == ("valid", (), True)
    assert found.holds
    assert found.subject == "CN=specimen.test"
    assert b"Signature" not in octets


def test_a_good_signature_by_anybody_is_named_as_such(signed):
    found = verdict(signed)

    assert found.result == "valid"
    assert found.remarks == ("the signer is not one this node was told to trust",)


def test_an_unsigned_document():
    found, octets = verify(XML.encode(), at=AT)

    assert (found.result, found.holds) == ("unsigned", False)
    assert octets == XML.encode()


def test_every_changed_octet_of_what_is_signed_is_noticed(signed):
    for old, new in ((b"<resultLabel>C", b"<resultLabel>A"), (b"Robin", b"Robyn")):
        found, octets = verify(signed.replace(old, new), at=AT)
        assert (found.result, octets) == ("invalid", None)


def test_dates_of_the_certificate_are_named(key):
    for days, says in (
        ((-9, -2), "expired on 2026-11-22"),
        ((2, 9), "before 2026-11-26"),
    ):
        octets = sign(XML.encode(), key=key, certificate=certificate(key, days=days))
        found = verdict(octets)
        assert found.result == "valid"
        assert says in found.remarks[0]


class _Legacy(XMLSigner):
    def check_deprecated_methods(self):
        """Let SHA-1 pass: half the documents in the field have it."""


def _signed(key, cert, method, digest, c14n=CanonicalizationMethod.CANONICAL_XML_1_0):
    signer = _Legacy(
        signature_algorithm=method, digest_algorithm=digest, c14n_algorithm=c14n
    )
    root = signer.sign(etree.fromstring(XML), key=key, cert=[cert])
    return etree.tostring(root)


def test_sha1_and_short_keys_are_legacy():
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    octets = _signed(
        key, certificate(key), SignatureMethod.RSA_SHA1, DigestAlgorithm.SHA1
    )
    found = verdict(octets, trusted=[spki_digest(key.public_key())])

    assert found.result == "legacy algorithm"
    assert found.holds
    assert found.remarks == (
        "legacy algorithm: SHA-1",
        "weak key: RSA with 1024 bits",
    )


def test_elliptic_curves_hold_too():
    key = ec.generate_private_key(ec.SECP256R1())
    octets = _signed(
        key, certificate(key), SignatureMethod.ECDSA_SHA256, DigestAlgorithm.SHA256
    )
    assert verdict(octets, trusted=[spki_digest(key.public_key())]).signer_known


def test_a_namespace_that_is_taken_away_does_not_break_a_signature(key):
    # Java declares unused namespaces on the root; they are part of what is signed.
    text = XML.replace("<elmo ", '<elmo xmlns:xsi="http://www.w3.org/2001/XMLSchema" ')
    octets = sign(text.encode(), key=key, certificate=certificate(key))
    assert verdict(octets).result == "valid"
    assert verdict(octets.replace(b"XMLSchema", b"XMLSchemo", 1)).result == "invalid"


def test_a_document_with_empty_namespaces_is_not_helped_along(key):
    text = XML.replace("<issuer/>", '<issuer><x xmlns=""/></issuer>')
    octets = sign(text.encode(), key=key, certificate=certificate(key))
    assert verdict(octets.replace(b' xmlns=""', b"")).result == "invalid"


def _tree(octets):
    root = etree.fromstring(octets)
    return root, root.find(f"{DS}Signature")


def _forged_report():
    return etree.fromstring(XML.replace(">C<", ">A<"))


def move_signature_down(root, signature):
    root[1].append(signature)


def wrap_in_a_new_root(root, signature):
    forged = _forged_report()
    forged.append(root)
    return forged


def wrap_beside_the_original(root, signature):
    forged = _forged_report()
    root.remove(signature)
    holder = etree.SubElement(forged, f"{{{V1}}}extension")
    holder.append(root)
    forged.append(signature)
    return forged


def put_the_original_into_an_object(root, signature):
    forged = _forged_report()
    root.remove(signature)
    etree.SubElement(signature, f"{DS}Object").append(root)
    forged.append(signature)
    return forged


def add_a_second_signature(root, signature):
    root.append(etree.fromstring(etree.tostring(signature)))


def nest_a_second_signature(root, signature):
    root[1].append(etree.fromstring(etree.tostring(signature)))


def refer_by_id(root, signature):
    root[1].set("Id", "part")
    signature.find(f".//{DS}Reference").set("URI", "#part")


def refer_elsewhere(root, signature):
    signature.find(f".//{DS}Reference").set("URI", "file:///etc/hostname")


def refer_without_uri(root, signature):
    del signature.find(f".//{DS}Reference").attrib["URI"]


def add_a_second_reference(root, signature):
    info = signature.find(f"{DS}SignedInfo")
    info.append(etree.fromstring(etree.tostring(info.find(f"{DS}Reference"))))


def add_an_xpath_transform(root, signature):
    transforms = signature.find(f".//{DS}Transforms")
    extra = etree.SubElement(transforms, f"{DS}Transform")
    extra.set("Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116")
    etree.SubElement(extra, f"{DS}XPath").text = "self::node()"


def add_an_xslt_transform(root, signature):
    transforms = signature.find(f".//{DS}Transforms")
    extra = etree.SubElement(transforms, f"{DS}Transform")
    extra.set("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")


def take_the_enveloped_transform_away(root, signature):
    transforms = signature.find(f".//{DS}Transforms")
    transforms.remove(transforms[0])


def canonicalise_with_comments(root, signature):
    method = signature.find(f".//{DS}CanonicalizationMethod")
    method.set("Algorithm", f"{method.get('Algorithm')}#WithComments")


def use_hmac_with_a_known_key(root, signature):
    method = signature.find(f".//{DS}SignatureMethod")
    method.set("Algorithm", "http://www.w3.org/2000/09/xmldsig#hmac-sha1")


def add_a_second_signed_info(root, signature):
    info = signature.find(f"{DS}SignedInfo")
    signature.insert(0, etree.fromstring(etree.tostring(info)))


def add_a_second_certificate(root, signature):
    one = signature.find(f".//{DS}X509Certificate")
    one.addnext(etree.fromstring(etree.tostring(one)))


def take_the_certificate_away(root, signature):
    signature.remove(signature.find(f"{DS}KeyInfo"))


def damage_the_certificate(root, signature):
    signature.find(f".//{DS}X509Certificate").text = "AAAA"


def add_after_signing(root, signature):
    root.append(_forged_report()[1])


ATTACKS = [
    move_signature_down,
    wrap_in_a_new_root,
    wrap_beside_the_original,
    put_the_original_into_an_object,
    add_a_second_signature,
    nest_a_second_signature,
    refer_by_id,
    refer_elsewhere,
    refer_without_uri,
    add_a_second_reference,
    add_an_xpath_transform,
    add_an_xslt_transform,
    take_the_enveloped_transform_away,
    canonicalise_with_comments,
    use_hmac_with_a_known_key,
    add_a_second_signed_info,
    add_a_second_certificate,
    take_the_certificate_away,
    damage_the_certificate,
    add_after_signing,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_wrapped_and_bent_signatures_do_not_hold(signed, attack):
    root, signature = _tree(signed)
    bent = attack(root, signature)
    octets = etree.tostring(root if bent is None else bent)

    found, readable = verify(octets, at=AT)

    assert found.result == "invalid"
    assert found.remarks
    assert readable is None
    assert elmo.read(octets, file="a.xml", document="d", at=AT).record is None


def test_a_signature_made_around_the_document_is_not_enveloped(key):
    signer = XMLSigner(method=SignatureConstructionMethod.enveloping)
    root = signer.sign(
        etree.fromstring(XML), key=key, cert=[certificate(key)], reference_uri="x"
    )
    assert verdict(etree.tostring(root)).result == "invalid"


def test_a_comment_in_a_signed_value_does_not_change_what_is_read(signed):
    # Canonical XML leaves comments out, so they can be added to a signed document.
    octets = signed.replace(b"<resultLabel>C", b"<resultLabel>A<!--")
    octets = octets.replace(b"</resultLabel>", b"--></resultLabel>")
    assert verdict(octets).result == "invalid"

    octets = signed.replace(b"<value>5", b"<value><!-- 50 -->5")
    found = elmo.read(octets, file="a.xml", document="d", at=AT)
    assert found.verdict.result == "valid"
    assert found.record.results[0].credits.value == 5


def test_dtds_and_entities_are_refused():
    bomb = (
        '<!DOCTYPE elmo [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
        "<elmo>&b;</elmo>"
    )
    outside = '<!DOCTYPE elmo SYSTEM "http://127.0.0.1:9/x.dtd"><elmo/>'
    file = '<!DOCTYPE e [<!ENTITY f SYSTEM "file:///etc/hostname">]><e>&f;</e>'
    for text in (bomb, outside, file):
        with pytest.raises(SourceError, match="a DTD or entities"):
            parse(text.encode())
    with pytest.raises(SourceError, match="not well-formed"):
        parse(b"<elmo>&undefined;</elmo>")


def test_an_inclusion_is_left_where_it_stands():
    text = '<e xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="a"/></e>'
    assert len(parse(text.encode())) == 1


def test_depth_has_a_limit():
    parse(b"<e>" * DEEPEST + b"</e>" * DEEPEST)
    with pytest.raises(SourceError, match="nested more than 64 deep"):
        parse(b"<e>" * (DEEPEST + 1) + b"</e>" * (DEEPEST + 1))


@pytest.mark.parametrize(
    "pack",
    [
        lambda octets: octets,
        gzip.compress,
        base64.b64encode,
        lambda octets: base64.encodebytes(gzip.compress(octets)),
        lambda octets: b"\xef\xbb\xbf" + octets,
    ],
)
def test_every_way_of_packing_is_undone(pack):
    assert unpack(pack(XML.encode())).endswith(XML.encode())


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"%%%", "neither XML nor base64"),
        (gzip.compress(XML.encode())[:-9], "it ends too soon"),
        (b"\x1f\x8b" + b"x" * 50, "damaged gzip"),
        (b" " * (2 * LARGEST_XML + 1), "more than"),
        (b"<" + b"x" * LARGEST_XML, "more than"),
        (gzip.compress(b" " * (LARGEST_XML + 1)), "more than"),
    ],
    ids=["text", "cut", "damaged", "large", "larger", "bomb"],
)
def test_what_cannot_be_unpacked_is_refused(octets, says):
    with pytest.raises(SourceError, match=says):
        unpack(octets)
