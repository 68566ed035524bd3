"""Opens ELMO documents safely and says what their XML signature is worth.

An ELMO document comes as XML, as gzip, or as either in base64 (EMREX posts it that
way). It may carry one enveloped XML signature. Such signatures are known for tricks
in which the signed part and the part that is read are not the same; therefore

- a DTD is refused before anything is parsed, nothing is fetched, sizes are capped;
- there is one Signature, a child of the root, with one Reference to the whole document
  (`URI=""`) and no transforms but the two that are needed;
- the key decides the algorithm, from a short list: no HMAC, no key from elsewhere;
- what the caller reads is parsed anew from the very bytes that were signed.

Nearly all signatures in the field are RSA with SHA-1, often by a certificate that has
long expired. Those hold, and are named for what they are; whether they are enough is
for the reader of the verdict to decide.
"""

import base64
import binascii
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.verifier import SignatureConfiguration, XMLVerifier

from adapters.source import SourceError

LARGEST_XML = 10 * 1024 * 1024
"""Bytes after unpacking."""
DEEPEST = 64
"""Elements within one another."""
LEAST_RSA_BITS = 2048

DS = "{http://www.w3.org/2000/09/xmldsig#}"
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_C14N = frozenset(
    {
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",
        "http://www.w3.org/2001/10/xml-exc-c14n#",
    }
)
"""Canonical forms without comments: what a comment splits must not be read."""
_METHODS = frozenset(
    {
        SignatureMethod.RSA_SHA1,
        SignatureMethod.RSA_SHA256,
        SignatureMethod.RSA_SHA384,
        SignatureMethod.RSA_SHA512,
        SignatureMethod.ECDSA_SHA256,
        SignatureMethod.ECDSA_SHA384,
    }
)
_DIGESTS = frozenset(
    {
        DigestAlgorithm.SHA1,
        DigestAlgorithm.SHA256,
        DigestAlgorithm.SHA384,
        DigestAlgorithm.SHA512,
    }
)

Result = Literal["valid", "legacy algorithm", "invalid", "unsigned"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the signature of a document is worth."""

    result: Result
    """`legacy algorithm`: the signature holds, but SHA-1 no longer proves much."""
    remarks: tuple[str, ...] = ()
    """For example `certificate expired on 2018-05-20`; empty when all is well."""
    subject: str | None = None
    """Whom the certificate names; anyone can make one that names anybody."""
    fingerprint: str | None = None
    """Hex SHA-256 of the certificate."""
    signer_known: bool = False
    """The key is one the caller was told to trust."""

    @property
    def holds(self) -> bool:
        """Whether the document is as its signer left it."""
        return self.result in ("valid", "legacy algorithm")


def unpack(octets: bytes) -> bytes:
    """Return the XML inside base64 and gzip, in whichever way it was packed.

    Raises:
        SourceError: neither XML nor packed XML, or larger than `LARGEST_XML`.
    """
    if len(octets) > 2 * LARGEST_XML:
        raise SourceError(f"an ELMO document of more than {LARGEST_XML} bytes")
    packed = octets.strip()
    if not packed.startswith(
        (b"<", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x1f")
    ):
        try:
            packed = base64.b64decode(b"".join(packed.split()), validate=True)
        except binascii.Error as error:
            raise SourceError("neither XML nor base64 nor gzip") from error
    if packed.startswith(b"\x1f\x8b"):
        inflater = zlib.decompressobj(wbits=31)
        try:
            packed = inflater.decompress(packed, LARGEST_XML + 1)
        except zlib.error as error:
            raise SourceError(f"damaged gzip: {error}") from error
        if len(packed) <= LARGEST_XML and not inflater.eof:
            raise SourceError("damaged gzip: it ends too soon")
    if len(packed) > LARGEST_XML:
        raise SourceError(f"an ELMO document of more than {LARGEST_XML} bytes")
    return packed


def _parser(*, reading: bool) -> etree.XMLParser:
    """Return a parser that fetches nothing; for reading, one without comments."""
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=reading,
        remove_pis=reading,
    )


def parse(xml: bytes, *, reading: bool = True, doctype: bool = False) -> etree._Element:
    """Parse XML from a stranger.

    `doctype` lets a document name its type, as pictures do; it declares nothing then,
    and what it names is not loaded.

    Raises:
        SourceError: not well formed, with a DTD, or nested too deeply.
    """
    try:
        root = etree.fromstring(xml, _parser(reading=reading))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SourceError(f"not well-formed XML: {error}") from error
    info = root.getroottree().docinfo
    if (
        not _is_harmless(info.internalDTD, named=doctype)
        or info.externalDTD is not None
        or any(
            isinstance(node, etree._Entity)  # noqa: SLF001 - lxml has no other name for it
            for node in root.iter()
        )
    ):
        raise SourceError("the document has a DTD or entities, which are not read")
    level: list[etree._Element] = [root]
    for _ in range(DEEPEST):
        level = [child for element in level for child in element]
        if not level:
            return root
    raise SourceError(f"elements nested more than {DEEPEST} deep")


def _is_harmless(dtd: etree.DTD | None, *, named: bool) -> bool:
    """Tell whether a document type declares nothing, and may be named at all."""
    if dtd is None:
        return True
    declared = (dtd.iterentities, dtd.iterelements)  # type: ignore[attr-defined] # not in the stubs
    return named and not any(any(each()) for each in declared)


def verify(
    xml: bytes, *, at: datetime, trusted: Collection[bytes] = ()
) -> tuple[Verdict, bytes | None]:
    """Return what the signature is worth, and the bytes to read.

    The bytes are those that were signed, or all of them when nothing is; `None` where
    the signature does not hold. `trusted` holds SHA-256 digests of public keys (SPKI).

    Raises:
        SourceError: the document cannot be read at all.
    """
    root = parse(xml, reading=False)
    signatures = list(root.iter(f"{DS}Signature"))
    if not signatures:
        return Verdict("unsigned"), xml
    if reason := _not_enveloped(root, signatures):
        return Verdict("invalid", (reason,)), None
    try:
        certificate = _certificate(signatures[0])
    except ValueError as error:
        return Verdict("invalid", (str(error),)), None
    config = SignatureConfiguration(
        require_x509=True,
        location="./",
        expect_references=1,
        signature_methods=_METHODS,
        digest_algorithms=_DIGESTS,
        # Our own verdict says whether the certificate has expired.
        verification_time=certificate.not_valid_before_utc + timedelta(seconds=1),
    )
    try:
        found = _verifier(root).verify(
            xml,
            x509_cert=certificate,
            parser=_parser(reading=False),
            expect_config=config,
        )
    except Exception as error:  # noqa: BLE001 - signxml lets many kinds through
        reason = f"the signature does not hold ({type(error).__name__})"
        return Verdict("invalid", (reason,)), None
    signed = found.signed_data if not isinstance(found, list) else b""
    return _verdict(signatures[0], certificate, at=at, trusted=trusted), signed


def _verifier(root: etree._Element) -> XMLVerifier:
    """Return a verifier that reads namespaces as Java's signatures mean them.

    Canonical XML of a part of a document comes out of libxml2 with `xmlns=""` where
    none belongs, so that good signatures by Java fail. signxml can leave those out, but
    everywhere: therefore only where the document itself holds no such text.
    """
    verifier = XMLVerifier()
    whole: bytes = etree.tostring(root, method="c14n")
    verifier.excise_empty_xmlns_declarations = b' xmlns=""' not in whole
    return verifier


def _not_enveloped(
    root: etree._Element, signatures: list[etree._Element]
) -> str | None:
    """Say why a signature is not the one enveloped signature that is accepted."""
    if len(signatures) > 1:
        return f"{len(signatures)} signatures, where one is accepted"
    signature = signatures[0]
    if signature.getparent() is not root:
        return "the signature is not a child of the root"
    parts = [str(child.tag).removeprefix(DS) for child in signature]
    if parts[:2] != ["SignedInfo", "SignatureValue"] or parts[2:] not in (
        [],
        ["KeyInfo"],
    ):
        return "the signature holds other parts than the three that are accepted"
    references = list(signature.iter(f"{DS}Reference"))
    if len(references) != 1 or references[0].get("URI") != "":
        return "the signature does not refer to the document as a whole"
    return _transformed(signature, references[0])


def _transformed(signature: etree._Element, reference: etree._Element) -> str | None:
    """Say why the transforms of a reference are not those that are accepted."""
    transforms = list(reference.iter(f"{DS}Transform"))
    if any(len(transform) for transform in transforms):
        return "a transform with parameters"
    first, *others = [transform.get("Algorithm") for transform in transforms] or [None]
    if first != _ENVELOPED or len(others) > 1 or not set(others) <= _C14N:
        return "transforms other than enveloped signature and canonical XML"
    forms = [m.get("Algorithm") for m in signature.iter(f"{DS}CanonicalizationMethod")]
    if len(forms) != 1 or forms[0] not in _C14N:
        return "a canonical form that is not accepted"
    return None


def _certificate(signature: etree._Element) -> x509.Certificate:
    """Return the one certificate a signature carries.

    Raises:
        ValueError: there is none, there are several, or it cannot be read.
    """
    texts = [node.text or "" for node in signature.iter(f"{DS}X509Certificate")]
    if len(texts) != 1:
        raise ValueError(f"{len(texts)} certificates in the signature, not one")
    try:
        return x509.load_der_x509_certificate(base64.b64decode(texts[0]))
    except (ValueError, binascii.Error) as error:
        raise ValueError("the certificate in the signature cannot be read") from error


def _verdict(
    signature: etree._Element,
    certificate: x509.Certificate,
    *,
    at: datetime,
    trusted: Collection[bytes],
) -> Verdict:
    """Say what a signature that holds is worth."""
    algorithms = [
        element.get("Algorithm", "")
        for name in ("SignatureMethod", "DigestMethod")
        for element in signature.iter(f"{DS}{name}")
    ]
    legacy = any(a.endswith("sha1") for a in algorithms)
    remarks = ["legacy algorithm: SHA-1"] if legacy else []
    if certificate.not_valid_after_utc < at:
        day = certificate.not_valid_after_utc.date()
        remarks.append(f"certificate expired on {day}")
    if certificate.not_valid_before_utc > at:
        day = certificate.not_valid_before_utc.date()
        remarks.append(f"certificate not valid before {day}")
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        remarks.append(f"weak key: RSA with {key.key_size} bits")
        legacy = True
    digest = b""
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        digest = spki_digest(key)
    known = digest in trusted
    if not known:
        remarks.append("the signer is not one this node was told to trust")
    return Verdict(
        "legacy algorithm" if legacy else "valid",
        tuple(remarks),
        certificate.subject.rfc4514_string(),
        certificate.fingerprint(SHA256()).hex(),
        known,
    )


def spki_digest(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    """Return the SHA-256 digest by which a public key is trusted."""
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(octets).digest()
