"""All tables, in the order a record travels: imported, issued, consented, sent, kept.

Columns said to be *sealed* hold what `node.store.sealed` encrypts, under the key of one
learner or a key of the node; everything a peer or a learner told us lies in such a
column. Times are whole Unix seconds and read as aware datetimes.

The tables of the consent gate (`consent` to `dispatch`) are stated here for queries
only: their definition, with the triggers that keep them, is `gate.sql`.
"""

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy import Table as _Table

from node.store.columns import Json, Moment

metadata = MetaData()

GATE = {"gate": True}
"""Marks tables that `gate.sql` creates."""


def _table(name: str, *parts: Any, **options: Any) -> _Table:
    options.setdefault("sqlite_strict", True)
    return _Table(name, metadata, *parts, **options)


def _id(name: str = "id") -> Column[str]:
    return Column(name, Text, primary_key=True)


def _need(name: str, kind: Any, *parts: Any) -> Column[Any]:
    return Column(name, kind, *parts, nullable=False)


def _may(name: str, kind: Any, *parts: Any) -> Column[Any]:
    return Column(name, kind, *parts, nullable=True)


def _learner(**options: Any) -> Column[str]:
    return Column("learner_id", Text, ForeignKey("learner.id"), **options)


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ",".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} in({listed})", name=f"{column}_known")


# Imported.

learner = _table(
    "learner",
    _id(),
    _may("wrapped_key", LargeBinary),
    _need("created_at", Moment),
    _may("erased_at", Moment),
    CheckConstraint("(wrapped_key is null)=(erased_at is not null)", name="erased"),
)
"""A learner is an id and a key; erasing the key erases all that was sealed with it."""

learner_match = _table(
    "learner_match",
    Column("hash", LargeBinary, primary_key=True),
    _learner(primary_key=True, nullable=False),
    _need("kind", Text),
    Index("learner_match_learner", "learner_id"),
)
"""Keyed hashes a query is matched by; one hash may fit several learners."""

source_document = _table(
    "source_document",
    _id(),
    Column("sha256", Text, nullable=False, unique=True),
    _need("name", Text),
    _need("kind", Text),
    _need("imported_at", Moment),
    _need("octets", LargeBinary),
)
"""An original as it was read (`octets` sealed); derived records point at it."""

import_run = _table(
    "import_run",
    _id(),
    _need("at", Moment),
    _need("kind", Text),
    _need("report", Json),
)

quarantine = _table(
    "quarantine",
    _id(),
    _need("document_id", Text, ForeignKey("source_document.id")),
    _need("file", Text),
    _need("line", Integer),
    _may("column", Text),
    _may("field", Text),
    _need("reason", Text),
    _may("raw", LargeBinary),
    _need("at", Moment),
    Index("quarantine_document", "document_id", "line"),
)
"""What could not be read, and where it stands; `raw` is sealed."""

student_record = _table(
    "student_record",
    _learner(primary_key=True),
    _need("digest", Text),
    _need("version", Integer),
    _need("body", LargeBinary),
    _need("updated_at", Moment),
)
"""A sealed `LearnerRecord`; the digest tells whether an import changes anything."""

catalogue = _table(
    "catalogue",
    _id(),
    _need("at", Moment),
    _need("digest", Text),
    _need("body", Json),
    Index("catalogue_at", "at"),
)

# Issued.

record = _table(
    "record",
    _id(),
    _learner(nullable=False),
    _need("kind", Text),
    _need("key", Text),
    UniqueConstraint("learner_id", "kind", "key"),
)
"""What stays the same while credentials about it are issued anew."""

status_list = _table(
    "status_list",
    _id(),
    _need("purpose", Text),
    _need("size", Integer),
    _may("published", LargeBinary),
    _may("published_at", Moment),
    _need("dirty", Integer),
    CheckConstraint("dirty in(0,1)", name="dirty_flag"),
)
"""`published` is the credential as served; `dirty` says that bits changed since."""

credential = _table(
    "credential",
    _id(),
    _need("record_id", Text, ForeignKey("record.id")),
    _need("version", Integer),
    _learner(nullable=False),
    _need("kind", Text),
    _need("lang", Text),
    _may("award_date", Text),
    _need("issued_at", Moment),
    _may("valid_until", Moment),
    _may("digest_vc", Text),
    _may("digest_sd_jwt", Text),
    _need("body", LargeBinary),
    _need("status_list", Text, ForeignKey("status_list.id")),
    _need("status_index", Integer),
    _may("revoked_at", Moment),
    _may("revoked_reason", Text),
    _may("superseded_by", Text, ForeignKey("credential.id")),
    UniqueConstraint("record_id", "version"),
    UniqueConstraint("status_list", "status_index"),
    Index("credential_learner", "learner_id"),
    Index("credential_digest_vc", "digest_vc"),
    Index("credential_digest_sd_jwt", "digest_sd_jwt"),
)
"""`body` is sealed JSON `{"vc": …, "sd_jwt": …, "contents": …}`; `award_date` an ISO
day."""

# Consented: see gate.sql.

consent = _table(
    "consent",
    _id(),
    Column("version", Integer, primary_key=True),
    _need("learner", Text),
    _need("recipient", Text),
    _need("purpose", Text),
    _need("not_before", Moment),
    _need("not_after", Moment),
    _need("max_uses", Integer),
    _need("status", Text),
    info=GATE,
)

consent_scope = _table(
    "consent_scope",
    Column("consent_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("record_id", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    info=GATE,
)

consent_event = _table(
    "consent_event",
    Column("seq", Integer, primary_key=True),
    _need("consent_id", Text),
    _need("version", Integer),
    _need("at", Moment),
    _need("from_status", Text),
    _need("to_status", Text),
    info=GATE,
)

release = _table(
    "release",
    _id(),
    _need("consent_id", Text),
    _need("consent_version", Integer),
    _need("learner", Text),
    _need("recipient", Text),
    _need("purpose", Text),
    _need("payload_digest", Text),
    _may("amends", Text),
    _need("at", Moment),
    info=GATE,
)

release_field = _table(
    "release_field",
    Column("release_id", Text, primary_key=True),
    Column("record_id", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    info=GATE,
)

dispatch = _table(
    "dispatch",
    Column("seq", Integer, primary_key=True),
    _need("release_id", Text),
    _need("at", Moment),
    info=GATE,
)

clock = _table("clock", Column("now", Moment), info=GATE)
"""A view of one row: the database's own time."""


def _consent_key() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["consent_id", "version"], ["consent.id", "consent.version"]
    )


consent_terms = _table(
    "consent_terms",
    Column("consent_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    _need("terms", Json),
    _consent_key(),
)
"""What was agreed beside the scope: recipient terms, policy, consent record, language,
`decided_at`, `login_at`."""

consent_grant = _table(
    "consent_grant",
    Column("code_hash", LargeBinary, primary_key=True),
    _need("consent_id", Text),
    _need("version", Integer),
    _need("used", Integer),
    _consent_key(),
    CheckConstraint("used>=0", name="used_counts"),
)
"""A learner's code, stored hashed, that a requester hands back in a query."""

# Exchanged.

query = _table(
    "query",
    _id(),
    _need("peer", Text),
    _need("thread", Text),
    _need("received_at", Moment),
    _need("deadline", Moment),
    _need("close_at", Moment),
    _need("state", Text),
    _may("learner_id", Text, ForeignKey("learner.id")),
    _may("consent_id", Text),
    _need("purpose", Text),
    _need("body", LargeBinary),
    _need("shown", Integer, CheckConstraint("shown in(0,1)", name="shown_flag")),
    _may("outcome", Text),
    UniqueConstraint("peer", "thread"),
    Index("query_state", "state", "close_at"),
    Index("query_learner", "learner_id"),
    Index("query_consent", "consent_id"),
)
"""A peer's request for a learner's records, as the source keeps it (`body` sealed)."""

request = _table(
    "request",
    _id(),
    _need("peer", Text),
    _need("created_at", Moment),
    _need("deadline", Moment),
    _need("state", Text),
    _need("body", LargeBinary),
    _may("reference", Text),
    Index("request_state", "state", "deadline"),
)
"""The same request, as the requester keeps it; its id is the thread."""

offer = _table(
    "offer",
    _id(),
    _need("direction", Text),
    _need("peer", Text),
    _may("learner_id", Text, ForeignKey("learner.id")),
    _may("consent_id", Text),
    _need("state", Text),
    _need("body", LargeBinary),
    _need("at", Moment),
    _may("decide_by", Moment),
    _one_of("direction", "in", "out"),
    Index("offer_peer", "peer", "state"),
    Index("offer_learner", "learner_id"),
)

offer_answer = _table(
    "offer_answer",
    Column("offer_id", Text, ForeignKey("offer.id"), primary_key=True),
    _need("body", LargeBinary),
    _need("at", Moment),
    _need("decide_by", Moment),
    Index("offer_answer_due", "decide_by"),
)
"""An answer with terms beyond the consent, while the learner decides; sealed."""

delivery = _table(
    "delivery",
    _id(),
    _need("direction", Text),
    _need("peer", Text),
    _need("thread", Text),
    _need("message_id", Text),
    _need("message_digest", Text),
    _may("learner_id", Text, ForeignKey("learner.id")),
    _may("release_id", Text),
    _need("consent_id", Text),
    _need("consent_version", Integer),
    _need("purpose", Text),
    _need("at", Moment),
    _need("state", Text),
    _may("jws", LargeBinary),
    _need("policy", Json),
    _may("receipt_id", Text),
    _may("receipt_jws", LargeBinary),
    _one_of("direction", "in", "out"),
    UniqueConstraint("direction", "peer", "message_id"),
    Index("delivery_thread", "thread"),
    Index("delivery_learner", "learner_id"),
    Index("delivery_release", "release_id"),
    Index("delivery_consent", "consent_id", "consent_version"),
)
"""One `record/deliver` or `record/amend`, sent or received; both messages sealed."""

delivery_item = _table(
    "delivery_item",
    Column("delivery_id", Text, ForeignKey("delivery.id"), primary_key=True),
    Column("item_id", Text, primary_key=True),
    _need("record_id", Text),
    _may("credential_id", Text),
    _need("format", Text),
    _need("digest", Text),
    _may("octets", LargeBinary),
    _may("verdict", Json),
    _may("verified_at", Moment),
    _may("status", Text),
    Index("delivery_item_credential", "credential_id"),
)
"""One document of a delivery; `octets` are sealed, and gone after an erasure."""

obligation = _table(
    "obligation",
    Column("delivery_id", Text, ForeignKey("delivery.id"), primary_key=True),
    Column("uid", Text, primary_key=True),
    _may("due", Moment),
    _need("state", Text),
    _may("done_at", Moment),
    Index("obligation_due", "state", "due"),
)

tombstone = _table(
    "tombstone",
    Column("hash", LargeBinary, primary_key=True),
    _may("version", Integer),
    _need("until", Moment),
    sqlite_with_rowid=False,
)
"""Keyed hashes of deliveries and consents that must never be stored again; for a
consent, up to `version`."""

# Peers.

peer = _table(
    "peer",
    _id(),
    Column("did", Text, nullable=False, unique=True),
    _need("name", Json),
    _need("state", Text),
    _need("roles", Json),
    _need("purposes", Json),
    _may("terms", Json),
    _may("their_terms", Json),
    _may("review_by", Moment),
    _need("max_in_flight", Integer),
    _need("introduced_at", Moment),
    _may("decided_at", Moment),
    _may("basis", Json),
    _may("reason", Text),
    CheckConstraint("max_in_flight>0", name="in_flight_positive"),
)
"""Another node; the id is its SCID where it has one, so that it may move."""

organisation_credential = _table(
    "organisation_credential",
    _id("digest"),
    _need("subject", Text),
    _need("issuer", Text),
    _need("type", Text),
    _need("octets", LargeBinary),
    _need("received_at", Moment),
    _need("own", Integer, CheckConstraint("own in(0,1)", name="own_flag")),
    Index("organisation_credential_subject", "subject"),
)

statement = _table(
    "statement",
    _id(),
    _need("subject", Text),
    _need("type", Text),
    _need("octets", LargeBinary),
    _need("issued_at", Moment),
    _need("status_list", Text, ForeignKey("status_list.id")),
    _need("status_index", Integer),
    _may("revoked_at", Moment),
    UniqueConstraint("status_list", "status_index"),
    Index("statement_subject", "subject"),
)
"""What this node, as accreditor or council, has stated about organisations."""

did_archive = _table(
    "did_archive",
    _id("did"),
    _may("scid", Text),
    _need("octets", LargeBinary),
    _need("versions", Json),
    _need("highest", Integer),
    _need("fetched_at", Moment),
)
"""DID logs and documents as fetched; `highest` never goes down."""

status_archive = _table(
    "status_archive",
    _id("url"),
    _need("octets", LargeBinary),
    _need("fetched_at", Moment),
)

# Messages.

status_version = _table(
    "status_version",
    _id("digest"),
    _need("url", Text),
    _need("octets", LargeBinary),
    _need("fetched_at", Moment),
)
"""Status lists as they were when a delivery was judged by them."""

delivery_status = _table(
    "delivery_status",
    Column("delivery_id", Text, ForeignKey("delivery.id"), primary_key=True),
    Column("digest", Text, ForeignKey("status_version.digest"), primary_key=True),
)

outbox = _table(
    "outbox",
    _id(),
    _need("peer", Text),
    _need("type", Text),
    _need("thread", Text),
    _need("jws", LargeBinary),
    _may("learner_id", Text, ForeignKey("learner.id")),
    _may("release_id", Text, ForeignKey("release.id")),
    _need("created_at", Moment),
    _need("expires_at", Moment),
    _need("next_at", Moment),
    _need("attempts", Integer, CheckConstraint("attempts>=0", name="attempts_count")),
    _need("state", Text),
    _may("problem", Text),
    _may("sent_at", Moment),
    _one_of("state", "queued", "sent", "cancelled", "failed"),
    Index("outbox_due", "peer", "next_at", sqlite_where=text("state='queued'")),
    Index("outbox_release", "release_id"),
    Index("outbox_thread", "thread"),
    Index("outbox_learner", "learner_id"),
)
"""Signed messages to be sent (`jws` sealed); encrypted anew for each attempt."""

inbox = _table(
    "inbox",
    Column("peer", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    _need("digest", Text),
    _need("type", Text),
    _need("thread", Text),
    _need("received_at", Moment),
    _need("expires_at", Moment),
    _may("jws", LargeBinary),
    _need("state", Text),
    _may("problem", Text),
    _one_of("state", "pending", "done", "failed"),
    Index("inbox_pending", "received_at", sqlite_where=text("state='pending'")),
    Index("inbox_expires", "expires_at"),
)
"""Messages durably received (`jws` sealed); acting on them is a job of its own."""

nonce = _table(
    "nonce",
    Column("keyid", Text, primary_key=True),
    Column("nonce", Text, primary_key=True),
    _need("at", Moment),
    Index("nonce_at", "at"),
    sqlite_with_rowid=False,
)

# What happened.

audit_event = _table(
    "audit_event",
    Column("seq", Integer, primary_key=True),
    _need("at", Moment),
    _need("kind", Text),
    _may("learner_id", Text),
    _need("blind", LargeBinary),
    _need("event", LargeBinary),
    _need("leaf", LargeBinary),
    CheckConstraint("length(leaf)=32", name="leaf_length"),
    Index("audit_event_learner", "learner_id"),
)
"""Append-only; `seq` counts from 1 without gaps. `blind` and `event` are sealed."""

checkpoint = _table(
    "checkpoint",
    Column("size", Integer, primary_key=True),
    _need("at", Moment),
    _need("root", LargeBinary),
    _need("note", Text),
)
"""Signed tree heads of the audit log; append-only."""

access = _table(
    "access",
    Column("seq", Integer, primary_key=True),
    _need("at", Moment),
    _learner(nullable=False),
    _need("who", Text),
    _need("role", Text),
    _need("what", Text),
    _may("reason", Text),
    Index("access_learner", "learner_id"),
)
"""Which member of staff looked at what; shown to the learner."""

rights_request = _table(
    "rights_request",
    _id(),
    _learner(nullable=False),
    _need("kind", Text),
    _need("received_at", Moment),
    _need("due_at", Moment),
    _need("state", Text),
    _need("body", LargeBinary),
    _may("answer", LargeBinary),
    _may("answered_at", Moment),
    _may("done_at", Moment),
    _one_of("kind", "correction", "erasure", "cessation"),
    _one_of("state", "open", "accepted", "refused", "done"),
    CheckConstraint("(state='open')=(answer is null)", name="answered"),
    CheckConstraint("(answer is null)=(answered_at is null)", name="answered_when"),
    CheckConstraint("(state='done')=(done_at is not null)", name="done_when"),
    Index("rights_request_learner", "learner_id"),
    Index("rights_request_state", "state", "due_at"),
)
"""What a learner asked under data protection law (`body` and `answer` sealed)."""

# People.

person = _table(
    "person",
    _id(),
    _need("role", Text),
    _may("learner_id", Text, ForeignKey("learner.id")),
    _need("name", LargeBinary),
    _need("email", LargeBinary),
    _need("language", Text),
    _one_of("role", "learner", "guardian", "registrar", "operator", "officer"),
    CheckConstraint(
        "(role in('learner','guardian'))=(learner_id is not null)",
        name="learner_is_known",
    ),
    Index(
        "person_learner",
        "learner_id",
        unique=True,
        sqlite_where=text("role='learner'"),
    ),
    Index("person_guardian", "learner_id", sqlite_where=text("role='guardian'")),
)
"""Whoever may log in; a guardian acts for one learner. `name`, `email` are sealed."""

invitation = _table(
    "invitation",
    Column("token_hash", LargeBinary, primary_key=True),
    _need("person_id", Text, ForeignKey("person.id")),
    _need("created_at", Moment),
    _need("expires_at", Moment),
    _may("used_at", Moment),
)

session = _table(
    "session",
    Column("token_hash", LargeBinary, primary_key=True),
    _need("person_id", Text, ForeignKey("person.id")),
    _need("login_at", Moment),
    _need("seen_at", Moment),
    _need("expires_at", Moment),
    _need("csrf", Text),
    Index("session_person", "person_id"),
)

mail = _table(
    "mail",
    _id(),
    _need("created_at", Moment),
    _need("person_id", Text, ForeignKey("person.id")),
    _need("kind", Text),
    _need("lang", Text),
    _need("body", LargeBinary),
    _may("sent_at", Moment),
    _need("attempts", Integer),
    Index("mail_unsent", "created_at", sqlite_where=text("sent_at is null")),
)
"""Mail waiting to leave; `body` is sealed."""

meta = _table("meta", _id("key"), _need("value", Text))
