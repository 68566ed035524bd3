"""`lrx bench credentials`: how many credentials one core secures and verifies a second.

Three documents, each mechanism, beside the signature alone over 64 octets, all in one
process and in turns, so that what slows one slows the others as well. Verifying begins
with the octets as they were received and ends with the verdict on the proof; issuing
begins with the document and ends with the octets.

The targets of the mechanisms over text are shares of the signature alone; those over
graphs are multiples of what `@digitalbazaar/vc` 7.3 did on the machine where the
targets were set (LIBRARIES, "Peers on the same credentials"), as `conditions` says.
"""

import json
import resource
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from node import contexts
from node.bench import selective
from node.bench.documents import documents
from node.bench.figures import Figure
from node.bench.timing import Task
from protocol.identity.dids import DidUrl
from protocol.identity.keys import Algorithm, LocalSigningKey, VerificationKey
from protocol.linked_data.jcs import parse_strict
from protocol.securing import data_integrity, jose

_ROUNDS = 7
"""Measurements of each task, in turns with the others."""
_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
_SHARES: Mapping[tuple[str, str, str], float] = {
    ("eddsa-jcs-2022", "verify", "badge"): 0.5,
    ("eddsa-jcs-2022", "verify", "diploma"): 0.25,
    ("vc+jwt EdDSA", "verify", "badge"): 0.5,
    ("vc+jwt EdDSA", "verify", "diploma"): 0.15,
    ("eddsa-jcs-2022", "issue", "badge"): 0.3,
    ("eddsa-jcs-2022", "issue", "diploma"): 0.15,
    ("vc+jwt EdDSA", "issue", "badge"): 0.3,
    ("vc+jwt EdDSA", "issue", "diploma"): 0.08,
}
"""Of what the signature alone does a second."""
_PEER = {
    ("issue", "badge"): (114.0, 20),
    ("verify", "badge"): (119.0, 20),
    ("issue", "diploma"): (19.0, 30),
    ("verify", "diploma"): (18.0, 30),
}
"""`@digitalbazaar/vc` with `eddsa-rdfc-2022`, per second, and how many times as many
are the target."""


@dataclass(frozen=True, slots=True)
class _Mechanism:
    """One way to secure a document with one key."""

    name: str
    algorithm: Algorithm
    issue: Callable[[Mapping[str, Any]], bytes]
    verify: Callable[[bytes], bool]


def measure() -> list[Figure]:
    """Measure every mechanism that exists on every document.

    Raises:
        RuntimeError: a mechanism does not verify what it issued.
    """
    keys = {name: LocalSigningKey.generate(name) for name in _ALGORITHMS}
    did = f"did:key:{keys['EdDSA'].verification_key.multikey()}"
    tasks = [task for name in keys for task in _raw(keys[name])]
    for mechanism in _mechanisms(keys):
        for name, document in documents(did).items():
            tasks += _tasks(mechanism, name, document)
    partly = list(selective.tasks())
    for _ in range(_ROUNDS):
        for task in (*tasks, *partly):
            task.run()
    raw = {(t.algorithm, t.action): 1 / t.seconds for t in tasks if not t.document}
    figures = [_figure(task, raw) for task in tasks]
    figures += [selective.figure(task) for task in partly]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [*figures, Figure("credentials, most memory of the process", peak, "MiB")]


_ALGORITHMS: tuple[Algorithm, ...] = ("EdDSA", "ES256", "ES384")


def _raw(key: LocalSigningKey) -> Iterator[Task]:
    data, public = bytes(64), key.verification_key
    signature = key.sign(data)
    for action, do in (
        ("issue", partial(key.sign, data)),
        ("verify", partial(public.verify, signature, data)),
    ):
        yield Task("signature alone", action, "", key.algorithm, do, len(data))


def _tasks(
    mechanism: _Mechanism, name: str, document: Mapping[str, Any]
) -> Iterator[Task]:
    secured = mechanism.issue(document)
    if not mechanism.verify(secured):
        raise RuntimeError(f"{mechanism.name} does not verify its own {name}")
    for action, do in (
        ("issue", partial(mechanism.issue, document)),
        ("verify", partial(mechanism.verify, secured)),
    ):
        yield Task(mechanism.name, action, name, mechanism.algorithm, do, len(secured))


def _mechanisms(keys: Mapping[Algorithm, LocalSigningKey]) -> Iterator[_Mechanism]:
    vocabulary = contexts.vocabulary()
    for algorithm, key in keys.items():
        public = key.verification_key
        method = DidUrl(f"did:key:{public.multikey()}#{public.multikey()}")
        curve = {"ES256": " P-256", "ES384": " P-384"}.get(algorithm, "")
        for words in (None, vocabulary):
            suite = data_integrity.suite_for(algorithm, over_graph=words is not None)

            def issue(
                document: Mapping[str, Any],
                *,
                key: LocalSigningKey = key,
                method: DidUrl = method,
                words: Any = words,
            ) -> bytes:
                secured = data_integrity.secure(
                    document,
                    key=key,
                    verification_method=method,
                    at=_AT,
                    vocabulary=words,
                )
                return json.dumps(secured, ensure_ascii=False).encode()

            def verify(
                octets: bytes,
                *,
                public: VerificationKey = public,
                suite: str = suite,
                words: Any = words,
            ) -> bool:
                document = parse_strict(octets)
                return data_integrity.verify(document, public, suite, words)

            yield _Mechanism(suite + curve, algorithm, issue, verify)

        def issue_jwt(
            document: Mapping[str, Any],
            *,
            key: LocalSigningKey = key,
            method: DidUrl = method,
        ) -> bytes:
            return jose.secure(document, key=key, kid=method).encode()

        def verify_jwt(octets: bytes, *, public: VerificationKey = public) -> bool:
            return jose.verify(jose.read(octets.decode(), jose.VC_TYPE), public)

        yield _Mechanism(f"vc+jwt {algorithm}", algorithm, issue_jwt, verify_jwt)


def _figure(task: Task, raw: Mapping[tuple[str, str], float]) -> Figure:
    rate = 1 / task.seconds
    if not task.document:
        figure = f"signature alone, {task.algorithm}, {task.action}"
        return Figure(figure, rate, "per second", conditions={"octets": task.size})
    limit = raw[task.algorithm, task.action]
    named = task.action, task.document
    conditions: dict[str, Any] = {"octets": task.size, "of_raw": rate / limit}
    target = None
    share = _SHARES.get((task.mechanism, *named))
    if share is not None:
        target = share * limit
        conditions["target"] = f"{share:g} of the signature alone"
    elif task.mechanism == data_integrity.EDDSA_RDFC and named in _PEER:
        peer, times = _PEER[named]
        target = peer * times
        conditions["target"] = f"{times} times @digitalbazaar/vc, {peer:g} a second"
        conditions["of_peer"] = rate / peer
    conditions = {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in conditions.items()
    }
    figure = f"{task.mechanism}, {task.action}, {task.document}"
    return Figure(figure, rate, "per second", target, conditions=conditions)
