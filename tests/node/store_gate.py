"""The consent gate on its own, in memory, and what a hostile hand may try against it.

A scenario is a few statements that must succeed, then one that must be refused (or a
question with its answer). `survives` tells which scenarios a schema fails: none for the
released one, at least one for each mutant of it.

Recursive triggers are off, as in any tool somebody opens the file with: a node's own
connections have them on, and are safer still.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from store_clock import CLOCK, VIEW

from node.store import gate

SCHEMA = tuple(
    gate.statements(
        files("node.store.migrations.versions")
        .joinpath("r0001_schema.sql")
        .read_text(encoding="utf-8")
    )
)
NOW = 1_000_000
A, B, C = ("a" * 32, "b" * 32, "c" * 32)
"""Ids of consents."""
Q, R, S = ("1" * 32, "2" * 32, "3" * 32)
"""Ids of releases."""
DIGEST = "sha-256:" + "x" * 43


def build(schema: Iterable[str] = SCHEMA) -> sqlite3.Connection:
    """Create `schema` in memory, with a clock that stands at `NOW`."""
    raw = sqlite3.connect(":memory:", isolation_level=None)
    for statement in (*schema, *gate.statements(CLOCK)):
        if statement != VIEW:
            raw.execute(statement)
    raw.execute("insert into clock values(1,?)", [NOW])
    return raw


def consent(
    id_: str = A,
    version: int = 1,
    *,
    learner: str = "ann",
    recipient: str = "enic",
    purpose: str = "study",
    not_before: int = NOW - 100,
    not_after: int = NOW + 100,
    max_uses: int = 1,
    status: str = "requested",
    verb: str = "insert",
) -> str:
    """Return the statement that stores a consent."""
    return (
        f"{verb} into consent values('{id_}',{version},'{learner}','{recipient}',"
        f"'{purpose}',{not_before},{not_after},{max_uses},'{status}')"
    )


def scope(id_: str = A, version: int = 1, path: str = "p", record: str = "rec") -> str:
    """Return the statement that adds to the scope of a consent."""
    return f"insert into consent_scope values('{id_}',{version},'{record}','{path}')"


def become(status: str, id_: str = A, version: int = 1) -> str:
    """Return the statement that changes the status of a consent."""
    return (
        f"update consent set status='{status}' where id='{id_}' and version={version}"
    )


def release(
    id_: str = R,
    consent_id: str = A,
    version: int = 1,
    *,
    learner: str = "ann",
    recipient: str = "enic",
    purpose: str = "study",
    digest: str = DIGEST,
    amends: str | None = None,
    at: int = NOW,
    verb: str = "insert",
) -> str:
    """Return the statement that stores a release."""
    amended = "null" if amends is None else f"'{amends}'"
    return (
        f"{verb} into release values('{id_}','{consent_id}',{version},'{learner}',"
        f"'{recipient}','{purpose}','{digest}',{amended},{at})"
    )


def disclose(id_: str = R, path: str = "p", record: str = "rec") -> str:
    """Return the statement that adds a field to a release."""
    return f"insert into release_field values('{id_}','{record}','{path}')"


def dispatch(id_: str = R, at: int = NOW) -> str:
    """Return the statement that notes a dispatch."""
    return f"insert into dispatch(release_id,at) values('{id_}',{at})"


def tick(seconds: int) -> str:
    """Return the statement that lets time pass."""
    return f"update clock set now=now+{seconds}"


def granted(id_: str = A, **terms: object) -> list[str]:
    """Return the statements of a consent to two fields that was granted."""
    return [
        consent(id_, **terms),  # type: ignore[arg-type]
        scope(id_),
        scope(id_, path="q"),
        become("granted", id_),
    ]


SENT = [*granted(), release(), disclose(), dispatch()]
"""A consent, its one release, and a dispatch of it."""
_OTHER, _THEIRS = "d" * 32, "4" * 32
CROWD = [
    consent(_OTHER, learner="dan", max_uses=9),
    *(scope(_OTHER, path=path, record=r) for path in "pqr" for r in ("rec", "other")),
    become("granted", _OTHER),
    release(_THEIRS, _OTHER, learner="dan"),
    *(disclose(_THEIRS, path, r) for path in "pqr" for r in ("rec", "other")),
    dispatch(_THEIRS),
]
"""Somebody else, who allowed everything: no help to anybody."""


@dataclass(frozen=True)
class Scenario:
    """Statements that succeed, then one that is refused, or answers as it should."""

    name: str
    before: Sequence[str]
    attack: str
    answer: object = field(default=sqlite3.IntegrityError)

    def holds(self, raw: sqlite3.Connection, crowd: Sequence[str] = ()) -> bool:
        """Play the scenario; leaves nothing behind."""
        raw.execute("savepoint scenario")
        try:
            for statement in (*crowd, *self.before):
                raw.execute(statement)
            return self._attacked(raw)
        except sqlite3.IntegrityError:
            return False
        finally:
            raw.execute("rollback to scenario")
            raw.execute("release scenario")

    def _attacked(self, raw: sqlite3.Connection) -> bool:
        try:
            return raw.execute(self.attack).fetchall() == self.answer
        except sqlite3.IntegrityError:
            return self.answer is sqlite3.IntegrityError


def _born() -> Iterable[Scenario]:
    for status in ("granted", "suspended", "refused", "withdrawn", "superseded"):
        yield Scenario(f"a consent born {status}", [], consent(status=status))
    yield Scenario("an id of another length", [], consent("a" * 31))
    yield Scenario("version 0", [], consent(version=0))
    yield Scenario("a window that never opens", [], consent(not_after=NOW - 100))
    yield Scenario("no uses", [], consent(max_uses=0))
    yield Scenario(
        "a withdrawn consent replaced by a request",
        [*granted(), become("withdrawn")],
        consent(verb="insert or replace"),
    )
    yield Scenario("a version below one that exists", [consent(version=2)], consent())
    for name, value in {
        "learner": "bob",
        "recipient": "corp",
        "purpose": "ads",
    }.items():
        yield Scenario(
            f"a new version for another {name}",
            [consent()],
            consent(version=2, **{name: value}),  # type: ignore[arg-type]
        )
    yield Scenario("a new version of the same", [consent()], consent(version=2), [])
    yield Scenario(
        "a status nobody knows, born",
        ["drop trigger if exists consent_born"],
        consent(status="maybe"),
    )
    yield Scenario(
        "a status nobody knows, later",
        [consent(), "drop trigger if exists consent_fsm"],
        become("maybe"),
    )


def _changed() -> Iterable[Scenario]:
    for name, value in {
        "id": f"'{B}'",
        "version": "7",
        "learner": "'bob'",
        "recipient": "'corp'",
        "purpose": "'ads'",
        "not_before": "0",
        "not_after": "9000000",
        "max_uses": "99",
    }.items():
        yield Scenario(
            f"another {name}", granted(), f"update consent set {name}={value}"
        )
    steps = {
        "requested": [],
        "granted": ["granted"],
        "suspended": ["granted", "suspended"],
        "refused": ["refused"],
        "withdrawn": ["granted", "withdrawn"],
        "superseded": ["granted", "superseded"],
    }
    allowed = {
        *(("requested", "granted"), ("requested", "refused")),
        *(("granted", "suspended"), ("granted", "withdrawn")),
        *(("granted", "superseded"), ("suspended", "granted")),
        *(("suspended", "withdrawn"), ("suspended", "superseded")),
    }
    for old, way in steps.items():
        before = [consent(), scope(), *map(become, way)]
        for new in steps:
            answer = [] if (old, new) in allowed else sqlite3.IntegrityError
            yield Scenario(f"from {old} to {new}", before, become(new), answer)
        yield Scenario(
            f"from {old} to nothing", before, "update consent set status=null"
        )
    yield Scenario("a consent deleted", [consent()], "delete from consent")


def _granted() -> Iterable[Scenario]:
    yield Scenario("granted without scope", [consent()], become("granted"))
    yield Scenario(
        "granted with the scope of an earlier version",
        [consent(), scope(), become("refused"), consent(version=2)],
        become("granted", A, 2),
    )
    yield Scenario(
        "granted after its end", [consent(), scope(), tick(100)], become("granted")
    )
    second = [consent(version=2), scope(version=2)]
    yield Scenario(
        "granted beside a live version", [*granted(), *second], become("granted", A, 2)
    )
    yield Scenario(
        "granted beside a suspended version",
        [*granted(), become("suspended"), *second],
        become("granted", A, 2),
    )
    yield Scenario(
        "two live versions, were the trigger gone",
        [*granted(), *second, "drop trigger if exists consent_grant"],
        become("granted", A, 2),
    )
    for later in ("requested", "withdrawn"):
        ended = [become("granted", A, 2), become("withdrawn", A, 2)]
        yield Scenario(
            f"an old version granted when a later one is {later}",
            [consent(), scope(), *second, *(ended if later == "withdrawn" else [])],
            become("granted"),
        )
    yield Scenario(
        "an old version granted when the later one was refused",
        [consent(), scope(), *second, become("refused", A, 2)],
        become("granted"),
        [],
    )


def _history() -> Iterable[Scenario]:
    told = f"select from_status,to_status,at from consent_event where consent_id='{A}'"
    yield Scenario(
        "every step is told",
        [*granted(), tick(1), become("withdrawn")],
        told,
        [("requested", "granted", NOW), ("granted", "withdrawn", NOW + 1)],
    )
    event = "insert into consent_event(consent_id,version,at,from_status,to_status)"
    yield Scenario(
        "an event that did not happen",
        [consent()],
        f"{event} values('{A}',1,{NOW},'requested','granted')",
    )
    yield Scenario(
        "an event told twice",
        granted(),
        f"{event} values('{A}',1,{NOW},'requested','granted')",
    )
    yield Scenario(
        "an event from a status to itself",
        granted(),
        f"{event} values('{A}',1,{NOW},'granted','granted')",
    )
    unheard = [*granted(), "drop trigger if exists consent_log", become("withdrawn")]
    yield Scenario(
        "an event in the place of another",
        unheard,
        "insert or replace into consent_event"
        f" select min(seq),'{A}',1,{NOW},'granted','withdrawn' from consent_event",
    )
    quiet = [
        consent(),
        scope(),
        "drop trigger if exists consent_log",
        become("granted"),
    ]
    yield Scenario(
        "an event of another version",
        [*quiet, consent(version=2)],
        f"{event} values('{A}',2,{NOW},'requested','granted')",
    )
    yield Scenario(
        "an event dated back",
        quiet,
        f"{event} values('{A}',1,{NOW - 1},'requested','granted')",
    )
    yield Scenario(
        "an event that was forgotten",
        quiet,
        f"{event} values('{A}',1,{NOW},'requested','granted')",
        [],
    )
    yield Scenario(
        "an event changed", granted(), "update consent_event set to_status='refused'"
    )
    yield Scenario("an event deleted", granted(), "delete from consent_event")


def _scope() -> Iterable[Scenario]:
    yield Scenario("a scope widened after the decision", granted(), scope(path="r"))
    yield Scenario(
        "a scope widened after a refusal", [consent(), become("refused")], scope()
    )
    yield Scenario("a scope of nothing", [consent(B)], scope())
    yield Scenario("a scope of another version", [consent()], scope(version=2))
    yield Scenario(
        "a scope moved", granted(), "update consent_scope set path='r' where path='q'"
    )
    yield Scenario("a scope emptied", granted(), "delete from consent_scope")


def _released() -> Iterable[Scenario]:
    for status in ("requested", "suspended", "withdrawn", "superseded", "refused"):
        first = [] if status in {"requested", "refused"} else ["granted"]
        last = [] if status == "requested" else [status]
        before = [consent(), scope(), *map(become, [*first, *last])]
        yield Scenario(f"a release under a {status} consent", before, release())
    yield Scenario("a release", granted(), release(), [])
    yield Scenario("a release without consent", [], release())
    for name, value in {
        "learner": "bob",
        "recipient": "corp",
        "purpose": "ads",
    }.items():
        yield Scenario(
            f"a release for another {name}",
            granted(),
            release(**{name: value}),  # type: ignore[arg-type]
        )
    yield Scenario("a release of another version", granted(), release(version=2))
    yield Scenario("a release dated back", granted(), release(at=NOW - 1))
    yield Scenario("a release dated ahead", granted(), release(at=NOW + 1))
    yield Scenario(
        "a release before the window", granted(not_before=NOW + 1), release()
    )
    yield Scenario(
        "a release when the window opens", granted(not_before=NOW), release(), []
    )
    yield Scenario(
        "a release after the window", [*granted(), tick(100)], release(at=NOW + 100)
    )
    yield Scenario("one use too many", [*granted(), release()], release(S))
    yield Scenario("a second use", [*granted(max_uses=2), release()], release(S), [])
    renewed = [*granted(), release(), become("superseded"), consent(version=2)]
    renewed += [scope(version=2, path="r"), become("granted", A, 2)]
    yield Scenario(
        "a first use of the next version", renewed, release(S, version=2), []
    )
    yield Scenario(
        "a field of an earlier scope", [*renewed, release(S, version=2)], disclose(S)
    )
    yield Scenario(
        "a dispatch under an earlier version",
        [*granted(), release(), disclose(), *renewed[len(granted()) + 1 :]],
        dispatch(),
    )
    yield Scenario(
        "a release in the place of another",
        [*granted(max_uses=9), release()],
        release(digest="sha-256:" + "y" * 43, verb="insert or replace"),
    )
    yield Scenario("an id of a release of another length", granted(), release("2" * 31))
    yield Scenario("a digest of another length", granted(), release(digest="sha-256:"))
    yield Scenario(
        "a release changed",
        [*granted(), release()],
        "update release set recipient='corp'",
    )
    yield Scenario("a release deleted", [*granted(), release()], "delete from release")


def _amended() -> Iterable[Scenario]:
    yield Scenario("a correction", SENT, release(S, amends=R), [])
    yield Scenario(
        "a correction of what did not go out",
        [*granted(), release(), disclose()],
        release(S, amends=R),
    )
    yield Scenario("a correction of nothing", granted(), release(S, amends=R))
    yield Scenario(
        "a correction under another consent",
        [*SENT, *granted(B)],
        release(S, B, amends=R),
    )
    corrected = [*SENT, release(S, amends=R), disclose(S), dispatch(S)]
    yield Scenario("a correction of a correction", corrected, release(Q, amends=S))
    yield Scenario(
        "a correction after the withdrawal",
        [*SENT, become("withdrawn")],
        release(S, amends=R),
    )
    yield Scenario(
        "a correction that tells more", [*SENT, release(S, amends=R)], disclose(S, "q")
    )
    wide = [consent(), scope(), scope(record="other"), become("granted")]
    yield Scenario(
        "a correction that tells of another record",
        [*wide, release(), disclose(), dispatch(), release(S, amends=R)],
        disclose(S, record="other"),
    )
    yield Scenario(
        "a correction that tells the same",
        [*SENT, release(S, amends=R)],
        disclose(S),
        [],
    )


def _fields() -> Iterable[Scenario]:
    before = [*granted(), release()]
    yield Scenario("a field in scope", before, disclose(), [])
    yield Scenario("a field out of scope", before, disclose(path="r"))
    yield Scenario("a field of another record", before, disclose(record="other"))
    yield Scenario("a field of no release", granted(), disclose())
    yield Scenario(
        "a field of another consent's scope",
        [*before, consent(B), scope(B, path="r")],
        disclose(path="r"),
    )
    yield Scenario("a field added after the dispatch", SENT, disclose(path="q"))
    yield Scenario("a field changed", SENT, "update release_field set path='q'")
    yield Scenario("a field deleted", SENT, "delete from release_field")


def _dispatched() -> Iterable[Scenario]:
    ready = [*granted(), release(), disclose()]
    yield Scenario("a dispatch", ready, dispatch(), [])
    yield Scenario("a dispatch again", SENT, dispatch(), [])
    yield Scenario("a dispatch without release", granted(), dispatch())
    yield Scenario("a dispatch of no field", [*granted(), release()], dispatch())
    for status in ("suspended", "withdrawn", "superseded"):
        yield Scenario(
            f"a dispatch under a {status} consent", [*ready, become(status)], dispatch()
        )
    yield Scenario(
        "a dispatch after the window", [*ready, tick(100)], dispatch(at=NOW + 100)
    )
    yield Scenario("a dispatch dated back", [*ready, tick(1)], dispatch())
    yield Scenario(
        "a dispatch in the place of another",
        SENT,
        f"insert or replace into dispatch values(1,'{R}',{NOW})",
    )
    yield Scenario("a dispatch changed", SENT, "update dispatch set at=0")
    yield Scenario("a dispatch deleted", SENT, "delete from dispatch")


def _audit() -> Iterable[Scenario]:
    event = "into audit_event(seq,at,kind,blind,event,leaf)"
    values = f"{NOW},'k',x'00',x'00'"
    one = f"insert {event} values(1,{values},zeroblob(32))"
    unnumbered = f"insert {event} values(null,{values},zeroblob(32))"
    yield Scenario("an event of the log", [one], unnumbered, [])
    yield Scenario(
        "an event of the log replaced",
        [one],
        f"insert or replace {event} values(1,{values},zeroblob(32))",
    )
    for seq in (0, 3, -1):
        yield Scenario(
            f"event {seq} after event 1",
            [one],
            f"insert {event} values({seq},{values},zeroblob(32))",
        )
    yield Scenario("an event of the log changed", [one], "update audit_event set at=0")
    yield Scenario("an event of the log deleted", [one], "delete from audit_event")
    yield Scenario(
        "a short leaf", [], f"insert {event} values(1,{values},zeroblob(31))"
    )
    head = "into checkpoint values(1,1,x'00','note')"
    yield Scenario(
        "a checkpoint replaced", [f"insert {head}"], f"insert or replace {head}"
    )
    yield Scenario(
        "a later checkpoint",
        [f"insert {head}"],
        "insert into checkpoint values(2,1,x'00','note')",
        [],
    )
    yield Scenario(
        "a checkpoint changed", [f"insert {head}"], "update checkpoint set note=''"
    )
    yield Scenario("a checkpoint deleted", [f"insert {head}"], "delete from checkpoint")


_ROWS = {
    "learner": "id,wrapped_key,created_at,erased_at",
    "status_list": "id,purpose,size,published,published_at,dirty",
    "consent_grant": "code_hash,consent_id,version,used",
    "query": "id,peer,thread,received_at,deadline,close_at,state,purpose,body,shown",
    "offer": "id,direction,peer,state,body,at",
    "delivery": "id,direction,peer,thread,message_id,message_digest,consent_id,"
    "consent_version,purpose,at,state,policy",
    "peer": "id,did,name,state,roles,purposes,max_in_flight,introduced_at",
    "organisation_credential": "digest,subject,issuer,type,octets,received_at,own",
    "outbox": "id,peer,type,thread,jws,created_at,expires_at,next_at,attempts,state",
    "inbox": "peer,id,digest,type,thread,received_at,expires_at,state",
    "person": "id,role,learner_id,name,email,language",
}


def _insert(table: str, values: str) -> str:
    return f"insert into {table}({_ROWS[table]}) values({values})"


def _plain() -> Iterable[Scenario]:
    for values in ("'l',null,1,null", "'l',x'00',1,2"):
        yield Scenario(f"a learner {values}", [], _insert("learner", values))
    yield Scenario("a learner", [], _insert("learner", "'l',x'00',1,null"), [])
    rows = {
        "status_list": ("'s','revocation',8,null,null,{}", "1", "2"),
        "consent_grant": (f"x'00','{A}',1,{{}}", "0", "-1"),
        "query": ("'q','p','q',1,1,1,'waiting','study',x'00',{}", "0", "2"),
        "offer": ("'o','{}','p','offered',x'00',1", "in", "up"),
        "delivery": (
            f"'d','{{}}','p','t','m','x','{A}',1,'study',1,'x','{{{{}}}}'",
            *("out", "up"),
        ),
        "peer": ("'p','did:web:a','{{}}','trusted','[]','[]',{},1", "16", "0"),
        "organisation_credential": ("'d','s','i','t',x'00',1,{}", "1", "2"),
        "outbox": ("'o','p','t','t',x'00',1,1,1,0,'{}'", "queued", "lost"),
        "inbox": ("'p','i','d','t','t',1,1,'{}'", "pending", "lost"),
        "person": ("'p','{}',null,x'00',x'00','ja'", "registrar", "guest"),
    }
    for table, (values, good, bad) in rows.items():
        before = [consent()]
        yield Scenario(
            f"a good {table}", before, _insert(table, values.format(good)), []
        )
        yield Scenario(f"a bad {table}", before, _insert(table, values.format(bad)))
    yield Scenario(
        "attempts below none",
        [],
        _insert("outbox", "'o','p','t','t',x'00',1,1,1,-1,'queued'"),
    )
    learner = _insert("learner", "'l',x'00',1,null")
    for role, whose in (("learner", "null"), ("operator", "'l'")):
        yield Scenario(
            f"a person who is {role} of {whose}",
            [learner],
            _insert("person", f"'p','{role}',{whose},x'00',x'00','ja'"),
        )


def _over() -> Iterable[Scenario]:
    for state in ("sent", "cancelled", "failed"):
        message = _insert("outbox", f"'o','p','t','t',x'00',1,1,1,0,'{state}'")
        yield Scenario(
            f"a message that is {state} sent again",
            [message],
            "update outbox set state='queued'",
        )
        yield Scenario(
            f"a message that is {state}, noted again",
            [message],
            f"update outbox set state='{state}'",
            [],
        )
        yield Scenario(
            f"a message that becomes {state}",
            [_insert("outbox", "'o','p','t','t',x'00',1,1,1,0,'queued'")],
            f"update outbox set state='{state}'",
            [],
        )
    for old, new in (("receipted", "closed"), ("closed", "granted")):
        before = [_insert("query", f"'q','p','q',1,1,1,'{old}','study',x'00',0")]
        yield Scenario(
            f"a {old} query that is {new}", before, f"update query set state='{new}'"
        )
        yield Scenario(
            f"a {old} query noted again", before, f"update query set state='{old}'", []
        )
    yield Scenario(
        "a query that is closed",
        [_insert("query", "'q','p','q',1,1,1,'waiting','study',x'00',0")],
        "update query set state='closed'",
        [],
    )


def _archived() -> Iterable[Scenario]:
    log = "into did_archive values('{}',null,x'00','[]',{},1)"
    known = ["insert " + log.format("a", 3), "insert " + log.format("b", 1)]
    for did, highest, answer in (
        *(("a", 2, sqlite3.IntegrityError), ("a", 3, []), ("b", 2, [])),
        ("c", 0, []),
    ):
        yield Scenario(
            f"a log of {did} with {highest}",
            known,
            "insert or replace " + log.format(did, highest),
            answer,
        )
    for change, answer in (
        *(("highest=2", sqlite3.IntegrityError), ("highest=4", [])),
        *(("did='z'", sqlite3.IntegrityError), ("fetched_at=9,highest=3", [])),
    ):
        yield Scenario(
            f"a log where {change}",
            known,
            f"update did_archive set {change} where did='a'",
            answer,
        )
    yield Scenario("a log deleted", known, "delete from did_archive")


SCENARIOS = tuple(
    scenario
    for part in (
        *(_born, _changed, _granted, _history, _scope, _released, _amended),
        *(_fields, _dispatched, _audit, _plain, _over, _archived),
    )
    for scenario in part()
)


def failed(schema: Iterable[str] = SCHEMA) -> list[str]:
    """Return the scenarios that do not end as they should under `schema`."""
    raw = build(schema)
    try:
        return [
            s.name
            for s in SCENARIOS
            if not (s.holds(raw) and s.holds(raw, crowd=CROWD))
        ]
    finally:
        raw.close()
