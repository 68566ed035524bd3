"""Learners for measurements: copies of the demo's graduate, each with a grant."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection

from adapters.mapping import read_mapping
from node.config import config_folder
from node.context import NodeContext, system_clock
from node.demo.data import generate
from node.handle import opened_at
from node.holdings import record_of
from node.matching import hashes_of
from node.services import consenting, importing, issuing
from node.services.gathering import compose
from node.services.importing import ImportFile
from node.settings import Settings
from node.store import credentials, learners
from node.store import peers as peer_store
from node.store.learners import StoredRecord
from protocol.credentials.claims_paths import Path, expand, format_path
from protocol.credentials.learner_record import LearnerRecord
from protocol.identity.dids import Did

AT_ONCE = 50
"""Learners per transaction."""
KIND = "diploma-supplement"
CLAIMS: tuple[Path, ...] = (
    ("qualification", "title"),
    ("qualification", "level"),
    ("qualification", "awarded_on"),
    ("programme", "credits"),
)
"""What is asked for and granted: the example query of LRX 1.0, its optional grades
switched off."""


async def seed(settings: Settings, *, recipient: Did, count: int) -> list[str]:
    """Add `count` learners, issue to each, return the code of a grant of each.

    The recipient, a trusted peer by now, may ask as often as a measurement does.
    """
    template = _template()
    codes: list[str] = []
    folder = config_folder() / "demo"
    async with opened_at(settings) as node:
        at = node.context.clock()
        await node.store.write(
            importing.import_catalogue,
            node.context.vault,
            name="catalogue-a.toml",
            octets=(folder / "catalogue-a.toml").read_bytes(),
            at=at,
        )
        for start in range(0, count, AT_ONCE):
            codes += await node.store.write(
                _some,
                context=node.context,
                template=template,
                numbers=range(start, min(start + AT_ONCE, count)),
                recipient=recipient.scid or str(recipient),
                at=node.context.clock(),
            )
        await node.store.write(_without_limit, peer=recipient.scid or str(recipient))
        await node.store.write(
            issuing.publish_status_lists, context=node.context, at=node.context.clock()
        )
    return codes


def _without_limit(connection: Connection, *, peer: str) -> None:
    terms = {"max_queries_per_day": 1_000_000}
    peer_store.set_peer(connection, id=peer, terms=terms)


def _template() -> LearnerRecord:
    made = generate(students=0)
    folder = config_folder() / "demo"
    files = [
        ImportFile(
            name,
            octets,
            read_mapping(
                (folder / f"{name.partition('.')[0]}.toml").read_bytes(), file=name
            ),
        )
        for name, octets in made.files.items()
    ]
    prepared = importing.prepare(files, at=system_clock())
    record = compose(prepared.gathered.drafts[made.graduate.number], None)
    if record is None:
        raise ValueError("the demo has no graduate")
    return record


def _some(
    connection: Connection,
    *,
    context: NodeContext,
    template: LearnerRecord,
    numbers: range,
    recipient: str,
    at: datetime,
) -> list[str]:
    keys = {secrets.token_hex(16): context.vault.new_learner_key() for _ in numbers}
    learners.add_learners(connection, wrapped_keys=keys, at=at)
    codes = []
    for number, (learner_id, wrapped) in zip(numbers, keys.items(), strict=True):
        person = template.person.model_copy(update={"student_number": f"{number:07}"})
        record = template.model_copy(update={"person": person})
        body = learners.seal_record(
            context.vault, wrapped, learner_id, record.model_dump_json().encode()
        )
        learners.put_records(
            connection, records=[StoredRecord(learner_id, "", 1, body)], at=at
        )
        learners.set_matches(
            connection, matches={learner_id: hashes_of(context.vault, person)}
        )
        issuing.issue(
            connection,
            context=context,
            learner_id=learner_id,
            kinds=[KIND],
            at=at,
        )
        codes.append(_granted(connection, context, learner_id, recipient, at))
    return codes


def _granted(
    connection: Connection,
    context: NodeContext,
    learner_id: str,
    recipient: str,
    at: datetime,
) -> str:
    held = credentials.current(connection, vault=context.vault, learner_id=learner_id)
    scope = frozenset(
        (one.record_id, format_path(unit))
        for one in held
        for path in CLAIMS
        for unit in expand(path, record_of(one))
    )
    return consenting.grant(
        connection,
        context=context,
        learner_id=learner_id,
        recipient=recipient,
        purpose="recognition-assessment",
        scope=scope,
        not_after=at + timedelta(days=30),
        language="en",
        login_at=at,
        at=at,
    ).code
