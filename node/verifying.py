"""Gathers what a verification needs, then lets the protocol judge.

`protocol.rules.validation.assess` says what it still wants; this asks the registry (or
an archive) for it and asks again, until nothing more is wanted or obtainable. Every
judgement can be replayed later from what was gathered.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Self, TypeVar

from node import contexts
from node.linked_data import LinkedData
from node.registry import Source
from protocol.credentials import presentations
from protocol.credentials.findings import ProofCheck
from protocol.credentials.presentations import Shown
from protocol.credentials.proofs import StatedProof
from protocol.errors import DidError, ProtocolError
from protocol.identity.dids import Did, DidHistory, DidUrl
from protocol.rules import statements, trust
from protocol.rules.trust import Standing
from protocol.rules.validation import Evidence, Verification, Want, assess

T = TypeVar("T")
J = TypeVar("J", Verification, Shown)
"""What a judgement is: it says what it still wants."""

_LARGE = 64 * 1024
"""Octets of a document that is not judged on the event loop."""
_PATIENT = ThreadPoolExecutor(1, thread_name_prefix="patient")
"""One document at a time: hostile ones wait for each other, nobody for them."""

ROUNDS = 12
"""More than a chain of accreditation may be long; a bound, not a budget."""


class Found(Mapping[str, T]):
    """What was gathered, and what the source remembers; keeps note of what was used.

    Remembered things are offered from the start: with them most verifications need
    no second round.
    """

    def __init__(self, remembered: Callable[[str], T | None]) -> None:
        self._remembered = remembered
        self._held: dict[str, T] = {}

    def __setitem__(self, key: str, value: T) -> None:
        self._held[key] = value

    def __getitem__(self, key: str) -> T:
        if key not in self._held:
            value = self._remembered(key)
            if value is None:
                raise KeyError(key)
            self._held[key] = value
        return self._held[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


@dataclass(slots=True)
class Gathered:
    """What has been found so far, in the form the rules take it."""

    histories: Found[DidHistory]
    status_lists: Found[bytes]
    accreditations: tuple[bytes, ...]
    unobtainable: dict[Want, str] = field(default_factory=dict)
    proof_checks: dict[str, ProofCheck] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)
    patient: bool = False
    """It was found that the document takes more than a few milliseconds."""

    @classmethod
    def begin(
        cls, source: Source, accreditations: Collection[bytes], *, fresh: bool
    ) -> Self:
        """Begin with what `source` remembers; `fresh` forgets its status lists."""
        return cls(
            Found(source.remembered_history),
            Found(lambda url: None if fresh else source.remembered_list(url)),
            tuple(accreditations),
        )

    def evidence(self) -> Evidence:
        """Return it as the rules take it."""
        return Evidence(
            histories=self.histories,
            status_lists=self.status_lists,
            accreditations=self.accreditations,
            proof_checks=dict(self.proof_checks),
            documents=dict(self.documents),
            vocabulary=contexts.vocabulary() if self.patient else contexts.hasty(),
            resources=contexts.resources(),
            unobtainable=dict(self.unobtainable),
        )


async def verify(
    octets: bytes,
    *,
    media_type: str | None,
    source: Source,
    accreditations: Collection[bytes],
    anchors: Collection[Did],
    at: datetime,
    award_date: date | None = None,
    fresh: bool = False,
    linked_data: LinkedData | None = None,
) -> tuple[Verification, Evidence]:
    """Verify one document; return the findings and what they rest on.

    `fresh` asks for status lists anew, as after being told that one changed. Without
    `linked_data` nobody judges a linked-data proof.

    Raises:
        ProtocolError: the document cannot be read at all.
    """
    gathered = Gathered.begin(source, accreditations, fresh=fresh)
    gathered.patient = len(octets) > _LARGE
    verification = await _settle(
        gathered,
        lambda evidence: assess(
            octets,
            media_type=media_type,
            evidence=evidence,
            anchors=anchors,
            at=at,
            award_date=award_date,
        ),
        proofs_of=lambda judged: judged.document.proofs,
        source=source,
        linked_data=linked_data,
        fresh=fresh,
    )
    return verification, gathered.evidence()


@dataclass(frozen=True, slots=True)
class Presented:
    """What was found out about a presentation, and about each credential in it."""

    shown: Shown
    credentials: tuple[Verification | str, ...]
    """In their order; a text says why one cannot be read at all."""

    def overall(self, policy: str) -> str:
        """Judge all of it: no better than the worst of its parts."""
        words = {self.shown.overall}
        for one in self.credentials:
            words.add("invalid" if isinstance(one, str) else one.overall(policy))
        return next(w for w in ("invalid", "undetermined", "valid") if w in words)


async def verify_any(
    octets: bytes,
    *,
    media_type: str | None,
    source: Source,
    accreditations: Collection[bytes],
    anchors: Collection[Did],
    at: datetime,
    award_date: date | None = None,
    linked_data: LinkedData | None = None,
) -> Verification | Presented:
    """Verify a document, whether it is a credential or a presentation.

    Raises:
        ProtocolError: it cannot be read at all.
    """
    if presentations.is_presentation(octets, media_type):
        return await verify_presentation(
            octets,
            media_type=media_type,
            source=source,
            accreditations=accreditations,
            anchors=anchors,
            at=at,
            linked_data=linked_data,
        )
    verification, _ = await verify(
        octets,
        media_type=media_type,
        source=source,
        accreditations=accreditations,
        anchors=anchors,
        at=at,
        award_date=award_date,
        linked_data=linked_data,
    )
    return verification


async def verify_presentation(
    octets: bytes,
    *,
    media_type: str | None,
    source: Source,
    accreditations: Collection[bytes],
    anchors: Collection[Did],
    at: datetime,
    challenge: str | None = None,
    domain: str | None = None,
    linked_data: LinkedData | None = None,
) -> Presented:
    """Verify a presentation and each credential in it by itself.

    `challenge` and `domain` are what the holder was asked to sign, if anything.

    Raises:
        ProtocolError: the presentation cannot be read at all.
    """
    presentation = presentations.read(octets, media_type)
    gathered = Gathered.begin(source, (), fresh=False)
    gathered.patient = len(octets) > _LARGE
    shown = await _settle(
        gathered,
        lambda evidence: presentations.verify(
            presentation, evidence=evidence, at=at, challenge=challenge, domain=domain
        ),
        proofs_of=lambda judged: judged.presentation.proofs,
        source=source,
        linked_data=linked_data,
        fresh=False,
    )
    found: list[Verification | str] = []
    for one in presentation.contained:
        if one.fault:
            found.append(one.fault)
            continue
        try:
            verification, _ = await verify(
                one.octets,
                media_type=one.media_type,
                source=source,
                accreditations=accreditations,
                anchors=anchors,
                at=at,
                linked_data=linked_data,
            )
            found.append(verification)
        except ProtocolError as error:
            found.append(str(error))
    return Presented(shown, tuple(found))


async def _settle(
    gathered: Gathered,
    judge: Callable[[Evidence], J],
    *,
    proofs_of: Callable[[J], Collection[StatedProof]],
    source: Source,
    linked_data: LinkedData | None,
    fresh: bool,
) -> J:
    """Judge, obtain what is wanted, judge again, until no more is to be had."""
    for _ in range(ROUNDS):
        judged = await _judge(gathered, judge)
        wants = [w for w in judged.wants if w not in gathered.unobtainable]
        if not wants:
            break
        for want in wants:
            if want.kind == "linked-data-proof":
                await _judge_proof(want, gathered, proofs_of(judged), linked_data)
            else:
                await _gather(want, gathered, source, fresh=fresh)
    return judged


async def _judge(gathered: Gathered, judge: Callable[[Evidence], T]) -> T:
    """Let the protocol judge: here if that is quick, else beside the event loop."""
    evidence = gathered.evidence()
    if not gathered.patient:
        return judge(evidence)
    return await asyncio.get_running_loop().run_in_executor(_PATIENT, judge, evidence)


async def _gather(
    want: Want, gathered: Gathered, source: Source, *, fresh: bool
) -> None:
    try:
        if want.kind == "work":
            if gathered.patient:
                gathered.unobtainable[want] = "it exceeds the work limit"
            gathered.patient = True
        elif want.kind == "key":
            await _look_again(want, gathered, source)
        elif want.kind == "did":
            gathered.histories[want.id] = await source.history(Did.parse(want.id))
        elif want.kind == "document":
            gathered.documents[want.id] = await source.document(want.id)
        elif want.kind == "status":
            gathered.status_lists[want.id] = await source.status_list(
                want.id, fresh=fresh
            )
        else:
            gathered.unobtainable[want] = "no such statement is known here"
    except DidError as error:
        gathered.unobtainable[want] = str(error)


async def _look_again(want: Want, gathered: Gathered, source: Source) -> None:
    """Look for a key in the newest version of its DID document."""
    # Asked once: if it is still not there, it is not there.
    gathered.unobtainable[want] = "no version of the DID document has it"
    history = await source.history(DidUrl.parse(want.id).did, fresh=True)
    for did in history.dids:
        gathered.histories[str(did)] = history


async def _judge_proof(
    want: Want,
    gathered: Gathered,
    proofs: Collection[StatedProof],
    linked_data: LinkedData | None,
) -> None:
    """Have a proof of the document itself judged; nobody else's is worth a process."""
    if linked_data is None:
        gathered.unobtainable[want] = "there is no linked-data processor at hand"
        return
    for proof in proofs:
        if proof.digest == want.id and proof.alone is not None:
            gathered.proof_checks[want.id] = await linked_data.verify(proof.alone)
            return
    gathered.unobtainable[want] = "only a document's own is asked about"


async def check_organisation(
    did: Did,
    received: Collection[bytes],
    *,
    source: Source,
    known: Collection[bytes],
    anchors: Collection[Did],
    at: datetime,
) -> tuple[tuple[dict[str, str], ...], tuple[str, ...], str]:
    """Find out on whose word an organisation is what it says, today.

    Returns the basis (anchor, type of credential, moment); where there is none, the
    reasons in words; and the result, which is `unknown` when something was not to be
    had.
    """
    statements_ = dict.fromkeys([*received, *known])
    gathered = Gathered.begin(source, statements_, fresh=False)
    for _ in range(ROUNDS):
        found: Standing = trust.standing(
            did,
            types={statements.INSTITUTION, statements.AUTHORITY, statements.DELEGATION},
            on=at.date(),
            evidence=gathered.evidence(),
            anchors=anchors,
            at=at,
        )
        wants = [w for w in found.wants if w not in gathered.unobtainable]
        if not wants:
            break
        for want in wants:
            await _gather(want, gathered, source, fresh=False)
    if found.result != "valid" or found.anchor is None:
        return (), (found.reason,), str(found.result)
    basis = {
        "anchor": str(found.anchor),
        # An anchor needs nobody's word.
        "credential": found.chain[-1].type if found.chain else "TrustAnchor",
        "checked": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return (basis,), (), str(found.result)
