"""`lrx peers`, `lrx query`, `lrx consent`: what goes between nodes, from a shell."""

import asyncio
import json
import time
from argparse import ArgumentParser, Namespace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from node.cli.common import Exit, UsageError, opened, say, show, words
from node.cli.issuing import learner_of
from node.fetch import fetcher_for
from node.handle import Node
from node.registry import Registry
from node.services import consenting, peering, requesting
from node.store import consents
from node.store import peers as peer_store
from protocol.exchange import states
from protocol.identity.dids import Did
from protocol.identity.jobs import shared_key

POLL_SECONDS = 0.2


def add_peers(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx peers`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="who is known, and how far trusted")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(command=list_peers)
    introduce = actions.add_parser("introduce", help="introduce this node to another")
    introduce.add_argument("did")
    introduce.add_argument("--purpose", action="append", default=[], metavar="CODE")
    introduce.add_argument(
        "--wait", type=float, default=0, metavar="SECONDS", help="for the decision"
    )
    introduce.set_defaults(command=introduce_peer)
    decide = actions.add_parser("decide", help="accept, refuse, suspend, resume or end")
    decide.add_argument("did")
    decide.add_argument(
        "decision", choices=["accepted", "refused", "suspended", "resumed", "ended"]
    )
    decide.add_argument("--purpose", action="append", default=[], metavar="CODE")
    decide.add_argument("--reason", default="")
    decide.set_defaults(command=decide_peer)

    trust = actions.add_parser("trust", help="trust a peer that has no chain")
    trust.add_argument("did")
    trust.add_argument("--wait", type=float, default=0, metavar="SECONDS")
    trust.set_defaults(command=trust_peer)


async def trust_peer(arguments: Namespace) -> int:
    """Trust a peer that accepted us, whatever its credentials; wait for it."""
    did = Did.parse(arguments.did)
    async with opened(arguments) as node:
        state = await _decided(node, did, arguments.wait)
        if state == states.Peer.PENDING:
            await node.store.write(
                peering.trust,
                context=node.context,
                peer=peering.peer_of(did).id,
                by="operator",
                at=node.context.clock(),
            )
            state = states.Peer.TRUSTED
    say(f"{did}: {state}")
    return Exit.VALID if state == states.Peer.TRUSTED else Exit.UNDETERMINED


async def list_peers(arguments: Namespace) -> int:
    """List every peer."""
    async with opened(arguments) as node:
        found = await node.store.read(peer_store.peers)
    rows = [
        {
            "did": str(one.did),
            "name": one.name.get("legal_name", ""),
            "state": one.state,
            "purposes": one.purposes,
            "basis": one.basis or [],
            "reason": one.reason,
        }
        for one in found
    ]
    if arguments.json:
        show(rows)
    else:
        for row in rows:
            say(f"{row['state']:10} {row['name'] or '?':32} {row['did']}")
            for reason in filter(None, [row["reason"]]):
                say(f"           {reason}")
    return Exit.VALID


async def introduce_peer(arguments: Namespace) -> int:
    """Queue an introduction; `lrx serve` sends it."""
    did = Did.parse(arguments.did)
    async with opened(arguments) as node:
        fetcher = fetcher_for(node.context.settings)
        try:
            registry = Registry(node.store, fetcher, node.context.clock)
            shared = shared_key(await registry.history(did))
        finally:
            await fetcher.close()
        if shared is not None:
            raise UsageError(words("peers.two-jobs", did=did, shared=shared))
        await node.store.write(
            peering.introduce,
            context=node.context,
            did=did,
            purposes=arguments.purpose,
            at=node.context.clock(),
        )
        if not arguments.wait:
            say("The introduction is queued; the answer appears in lrx peers list.")
            return Exit.VALID
        state = await _decided(node, did, arguments.wait)
    say(f"{did}: {state}")
    return Exit.VALID if state == states.Peer.TRUSTED else Exit.UNDETERMINED


async def _decided(node: Node, did: Did, seconds: float) -> str:
    end = time.monotonic() + seconds
    key = peering.peer_of(did).id
    while True:
        row = await node.store.read(peer_store.peer, id=key)
        state = row.state if row else "unknown"
        if state not in {states.Peer.INTRODUCED, "unknown"} or time.monotonic() > end:
            return str(state)
        await asyncio.sleep(POLL_SECONDS)


async def decide_peer(arguments: Namespace) -> int:
    """Write down the operator's decision and tell the peer."""
    did = Did.parse(arguments.did)
    async with opened(arguments) as node:
        await node.store.write(
            peering.decide,
            context=node.context,
            peer=peering.peer_of(did).id,
            decision=arguments.decision,
            purposes=tuple(arguments.purpose),
            review_by=None,
            reason=arguments.reason,
            by="operator",
            at=node.context.clock(),
        )
    say(f"{did}: {arguments.decision}")
    return Exit.VALID


def add_query(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx query`."""
    parser.add_argument("did", help="the institution that holds the record")
    parser.add_argument("--dcql", type=Path, required=True, help="what is asked (JSON)")
    parser.add_argument("--grant", help="the learner's code; needs nothing else")
    parser.add_argument("--family-name")
    parser.add_argument("--given-name")
    parser.add_argument("--birth-date", type=date.fromisoformat)
    parser.add_argument("--student-number")
    parser.add_argument("--purpose", default="recognition-assessment")
    parser.add_argument("--reference", default="")
    parser.add_argument("--text", default="", help="why, for the learner")
    parser.add_argument("--days", type=int, default=14, help="until the deadline")
    parser.set_defaults(command=query)


async def query(arguments: Namespace) -> int:
    """Queue a query; print its id, which is the thread of the answer."""
    async with opened(arguments) as node:
        at = node.context.clock()
        thread = await node.store.write(
            requesting.ask,
            context=node.context,
            peer=peering.peer_of(Did.parse(arguments.did)).id,
            subject=_subject(arguments),
            dcql=_json(arguments.dcql),
            purpose=arguments.purpose,
            reference=arguments.reference,
            text={"en": arguments.text} if arguments.text else {},
            deadline=at + timedelta(days=arguments.days),
            at=at,
        )
    say(thread)
    return Exit.VALID


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: {error}") from error


def _subject(arguments: Namespace) -> dict[str, Any]:
    if arguments.grant:
        return {"match": "grant", "grant": arguments.grant}
    if not arguments.student_number and not arguments.birth_date:
        raise UsageError("name the learner: --grant, --student-number or --birth-date")
    subject: dict[str, Any] = {"match": "identifiers"}
    if arguments.family_name:
        subject["family_name"] = arguments.family_name
    if arguments.given_name:
        subject["given_name"] = arguments.given_name
    if arguments.birth_date:
        subject["birth_date"] = arguments.birth_date.isoformat()
    if arguments.student_number:
        subject["identifiers"] = [
            {"type": "student-number", "value": arguments.student_number}
        ]
    return subject


def add_consent(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx consent`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="consents of one learner")
    listing.add_argument("learner", metavar="NUMBER", help="student number")
    listing.add_argument("--json", action="store_true", help="for machines")
    listing.set_defaults(command=list_consents)
    record = actions.add_parser("show", help="the consent record (ISO/IEC TS 27560)")
    record.add_argument("consent")
    record.set_defaults(command=show_consent)
    withdraw = actions.add_parser("withdraw", help="at the learner's written request")
    withdraw.add_argument("consent")
    withdraw.set_defaults(command=withdraw_consent)


async def list_consents(arguments: Namespace) -> int:
    """List the consents of a learner."""
    async with opened(arguments) as node:
        learner_id = await node.store.read(
            learner_of, context=node.context, number=arguments.learner
        )
        found = await node.store.read(consents.consents_of_learner, learner=learner_id)
    if arguments.json:
        show([one._asdict() for one in found])
        return Exit.VALID
    for one in found:
        say(f"{one.id}  {one.status:10}  {one.purpose:22}  {one.recipient}")
    if not found:
        say(f"{arguments.learner} has given and refused no consent")
    return Exit.VALID


async def show_consent(arguments: Namespace) -> int:
    """Print a consent with its terms, policy and record."""
    async with opened(arguments) as node:
        consent = await node.store.read(consents.consent, consent_id=arguments.consent)
        if consent is None:
            raise UsageError(f"there is no consent {arguments.consent}")
        terms = await node.store.read(
            consents.terms, consent_id=consent.id, version=consent.version
        )
    show(consent._asdict() | {"terms": terms})
    return Exit.VALID


async def withdraw_consent(arguments: Namespace) -> int:
    """Withdraw a consent for its learner."""
    async with opened(arguments) as node:
        consent = await node.store.read(consents.consent, consent_id=arguments.consent)
        if consent is None:
            raise UsageError(f"there is no consent {arguments.consent}")
        await node.store.write(
            consenting.withdraw,
            context=node.context,
            consent_id=consent.id,
            learner_id=consent.learner,
            at=node.context.clock(),
        )
    say(f"{arguments.consent} is withdrawn; nothing more goes out under it")
    return Exit.VALID
