"""How many documents a second one core lets a holder show in part.

Issuing makes a base proof; deriving shows, of the diploma, three of its 60 courses with
their grades, and of the badge its ordered list; verifying judges what was derived.

The targets are multiples of what `@digitalbazaar/ecdsa-sd-2023-cryptosuite` 3.4 and
`@digitalbazaar/bbs-2023-cryptosuite` 2.0 did with the same diploma on the machine where
they were set, as `conditions` says. With the badge both of them fail.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from node import contexts
from node.bench.documents import documents
from node.bench.figures import Figure
from node.bench.timing import Task
from protocol.identity.bbs_keys import SecretKey
from protocol.identity.dids import DidUrl
from protocol.identity.keys import LocalSigningKey, VerificationKey
from protocol.linked_data.jcs import parse_strict
from protocol.securing import selective

_AT: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
_MANDATORY: Final = ("/issuer", "/validFrom", "/credentialSubject/id")
_DESCRIBED = "/credentialSubject/achievement/resultDescription"
_SHOWN: Mapping[str, tuple[str, ...]] = {
    "minimal": ("/id",),
    "badge": (f"{_DESCRIBED}/0/allowedValue", "/evidence"),
    "diploma": tuple(
        f"{place}/{number}"
        for place in ("/credentialSubject/result", _DESCRIBED)
        for number in (3, 17, 42)
    ),
}
_PEER: Mapping[tuple[str, str], tuple[float, int]] = {
    (selective.ECDSA_SD, "issue"): (280.0, 12),
    (selective.ECDSA_SD, "derive"): (224.0, 20),
    (selective.ECDSA_SD, "verify"): (14.7, 5),
    (selective.BBS, "issue"): (4175.0, 50),
    (selective.BBS, "derive"): (6346.0, 50),
    (selective.BBS, "verify"): (4030.0, 50),
}
"""Processor milliseconds of the peer for the diploma, and how many times as fast is the
target."""


def tasks() -> Iterator[Task]:
    """Return what is measured.

    Raises:
        RuntimeError: what was derived does not verify.
    """
    signing, secret = LocalSigningKey.generate("ES256"), SecretKey.generate()
    keys: Mapping[str, tuple[LocalSigningKey | SecretKey, VerificationKey]] = {
        selective.ECDSA_SD: (signing, signing.verification_key),
        selective.BBS: (secret, VerificationKey("BBS", secret.public_key.raw)),
    }
    for suite, (key, public) in keys.items():
        did = f"did:key:{public.multikey()}"
        method = DidUrl(f"{did}#{public.multikey()}")
        for name, document in documents(did).items():
            issue = partial(_issue, document, key, method)
            derive = partial(_derive, issue(), _SHOWN[name])
            part = derive()
            verify = partial(_verify, part, public)
            if not verify():
                raise RuntimeError(f"{suite} does not verify its own {name}")
            algorithm = public.algorithm
            for action, do in (
                ("issue", issue),
                ("derive", derive),
                ("verify", verify),
            ):
                yield Task(suite, action, name, algorithm, do, len(part))


def figure(task: Task) -> Figure:
    """Return what was measured, for the diploma beside its target."""
    target, conditions = None, dict[str, Any](octets_shown=task.size)
    rate = 1 / task.seconds
    if task.document == "diploma":
        peer, times = _PEER[task.mechanism, task.action]
        target = times * 1000 / peer
        words = f"{times} times @digitalbazaar/{task.mechanism}, {peer:g} ms"
        conditions |= {"target": words, "of_peer": round(rate * peer / 1000, 1)}
    name = f"{task.mechanism}, {task.action}, {task.document}"
    return Figure(name, rate, "per second", target, conditions=conditions)


def _issue(
    document: Mapping[str, Any], key: LocalSigningKey | SecretKey, method: DidUrl
) -> bytes:
    secured = selective.secure(
        document,
        key=key,
        verification_method=method,
        at=_AT,
        mandatory=_MANDATORY,
        vocabulary=contexts.vocabulary(),
    )
    return json.dumps(secured, ensure_ascii=False).encode()


def _derive(octets: bytes, pointers: tuple[str, ...]) -> bytes:
    part = selective.derive(
        parse_strict(octets), selective=pointers, vocabulary=contexts.vocabulary()
    )
    return json.dumps(part, ensure_ascii=False).encode()


def _verify(octets: bytes, public: VerificationKey) -> bool:
    document = parse_strict(octets)
    proof = selective.read(document.pop("proof"))
    return selective.is_by(proof, document, public, contexts.vocabulary())
