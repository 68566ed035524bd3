"""We ask a peer for fields of a learner's record; the answer comes as a message.

What is asked is DCQL, the language in which consents are scoped too. Taking what comes
is for `node.services.receiving`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from node import jurisdictions, outbox
from node.context import NodeContext
from node.outbox import Peer
from node.store import exchanges
from node.store import peers as peer_store
from protocol.credentials.record_model import vct
from protocol.errors import NotFoundError
from protocol.exchange.dcql import Dcql


def query(
    connection: Connection,
    *,
    context: NodeContext,
    peer: str,
    subject: Mapping[str, Any],
    kind: str,
    required: tuple[tuple[str | int | None, ...], ...],
    optional: tuple[tuple[str | int | None, ...], ...],
    purpose: str,
    reference: str,
    text: Mapping[str, str],
    deadline: datetime,
    at: datetime,
) -> str:
    """Ask a peer for fields of one learner's record; return the request's id.

    Raises:
        NotFoundError: no such peer.
    """
    paths = [*required, *optional]
    names = [f"c{number}" for number in range(len(paths))]
    wanted: dict[str, Any] = {
        "id": kind.replace("-", "_"),
        "format": "dc+sd-jwt",
        "meta": {"vct_values": [vct(kind)]},
        "claims": [
            {"id": name, "path": list(path)}
            for name, path in zip(names, paths, strict=True)
        ],
    }
    if optional:
        wanted["claim_sets"] = _sets(names, len(required))
    return ask(
        connection,
        context=context,
        peer=peer,
        subject=subject,
        dcql={"credentials": [wanted]},
        purpose=purpose,
        reference=reference,
        text=text,
        deadline=deadline,
        at=at,
    )


def ask(
    connection: Connection,
    *,
    context: NodeContext,
    peer: str,
    subject: Mapping[str, Any],
    dcql: Mapping[str, Any],
    purpose: str,
    reference: str,
    text: Mapping[str, str],
    deadline: datetime,
    at: datetime,
) -> str:
    """Send a query in DCQL; return the request's id, which is the thread.

    Raises:
        NotFoundError: no such peer.
        MessageSchemaError: not a query of this profile.
        NoLawError: what comes could not be kept under the law here.
    """
    row = peer_store.peer(connection, id=peer)
    if row is None:
        raise NotFoundError("no such peer")
    Dcql.parse(dcql)
    settings = context.settings
    privacy = settings.privacy
    jurisdictions.require("recipient", privacy.jurisdiction, settings.own_packs)
    purpose_ = {"code": purpose, "legal_basis": "consent", "text": dict(text)}
    if reference:
        purpose_["reference"] = reference
    composed = outbox.queue(
        connection,
        context=context,
        peer=Peer(row.id, row.did),
        kind="record/query",
        body={
            "subject": dict(subject),
            "dcql": dict(dcql),
            "purpose": purpose_,
            "recipient_terms": {
                "jurisdiction": privacy.jurisdiction,
                "regimes": list(privacy.regimes),
                "retention_days": privacy.retention_days,
                "onward": [],
                "automated_decision": False,
            },
            "accept": {"formats": ["dc+sd-jwt"], "max_inline_bytes": 98304},
            "deadline": int(deadline.timestamp()),
        },
        at=at,
    )
    exchanges.add_request(
        connection,
        vault=context.vault,
        id=composed.id,
        peer=row.id,
        created_at=at,
        deadline=deadline,
        state="sent",
        body=composed.payload,
        reference=reference,
    )
    return composed.id


def _sets(names: list[str], required: int) -> list[list[str]]:
    """All optional claims, then each left out alone, then none: what a person picks.

    With three optional claims or fewer every combination is offered.
    """
    always, free = names[:required], names[required:]
    if len(free) > 3:  # noqa: PLR2004 - eight combinations still fit on a page
        return [names, always]
    subsets = [
        [name for bit, name in enumerate(free) if mask >> bit & 1]
        for mask in range(1 << len(free))
    ]
    return [always + chosen for chosen in sorted(subsets, key=len, reverse=True)]
