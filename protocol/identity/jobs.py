"""Does each key of a node have one job only? (LRX 1.0, "Identity and keys")

A key that both signs requests and decrypts, or both signs messages and credentials,
lets whoever gets one of them done get the other done, too. Nodes that use one so are
refused as peers. Issuers that are no nodes, wallets and badges may have them.
"""

from collections.abc import Iterator

from protocol.errors import MalformedValueError
from protocol.identity.dids import DidHistory
from protocol.identity.keys import VerificationKey
from protocol.identity.verification_methods import PublicKey

_FIELD = 2**255 - 19
"""The prime of the field both curves are over."""


def shared_key(history: DidHistory) -> str | None:
    """Name a key that has two jobs, and which; None if there is none.

    The jobs are the relationships of the present document and the update keys of the
    log, as far as they count now. An Ed25519 key and the X25519 key that follows from
    it are one key.

    Raises:
        DidError: the DID is deactivated.
    """
    jobs: dict[object, tuple[str, str]] = {}
    for job, name, material in _uses(history):
        other, other_name = jobs.setdefault(material, (job, name))
        if other != job:
            return f"{other_name} is used for {other} and, as {name}, for {job}"
    return None


def _uses(history: DidHistory) -> Iterator[tuple[str, str, object]]:
    document = history.current()
    for relationship, urls in document.relationships.items():
        for url in sorted(urls):
            method = document.methods.get(url)
            key = method.key if method else None
            yield relationship, f"#{url.fragment}", url if key is None else _point(key)
    for text in history.update_keys:
        try:
            key = VerificationKey.from_multikey(text)
        except MalformedValueError:
            continue
        yield "updateKeys", "the update key", _point(key)


def _point(key: PublicKey) -> object:
    """Return what two keys have in common whose private halves are one."""
    if not isinstance(key, VerificationKey):
        return "X25519", key.raw
    if key.algorithm != "EdDSA":
        return key.algorithm, key.raw
    # RFC 7748, section 4.1: u = (1 + y) / (1 - y), the sign of x left out.
    y = int.from_bytes(key.raw, "little") % 2**255
    u = (1 + y) * pow(1 - y, -1, _FIELD) % _FIELD
    return "X25519", u.to_bytes(32, "little")
