"""Invariants I1 to I5 of LRX 1.0, against the real schema and hostile statements.

Whatever is tried, through the node's functions or around them, the rows that stand
afterwards must be explainable: each release by a consent that was live at its moment,
each dispatch likewise, and nothing that stood before may be gone or changed.
"""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from store_clock import WITH_TEST_CLOCK, run_clock
from store_gate import DIGEST, NOW, A, B, Q, R, S, build, disclose, dispatch

from node.store import consents, learners, messages, migrate
from node.store.engine import open_store
from node.store.gate import GateError
from node.store.sealed import Vault
from node.store.tables import metadata

AT = datetime(2026, 10, 21, 12, tzinfo=UTC)
T = "4" * 32

consent_ids = st.sampled_from([A, B])
release_ids = st.sampled_from([Q, R, S, T])
versions = st.integers(1, 3)
parties = st.sampled_from(["ann", "bob"])
paths = st.sampled_from(["p", "q", "r"])
purposes = st.sampled_from(["study", "ads"])
statuses = st.sampled_from(
    ["requested", "granted", "suspended", "refused", "withdrawn", "superseded"]
)
moments = st.integers(NOW - 5, NOW + 40)
verbs = st.sampled_from(
    ["insert", "insert or replace", "insert or ignore", "replace", "insert or fail"]
)
updates = st.sampled_from(["update", "update or replace", "update or ignore"])
GATE = (
    "consent",
    "consent_scope",
    "consent_event",
    "release",
    "release_field",
    "dispatch",
)
changes = {name: list(metadata.tables[name].c.keys()) for name in GATE}
tables = st.sampled_from(GATE)
values = st.one_of(
    consent_ids, release_ids, parties, paths, statuses, versions, moments, st.none()
)
APPEND_ONLY = ("consent_event", "release", "release_field", "dispatch")


class HostileHands(RuleBasedStateMachine):
    """Statements in any order, by somebody who wants data out or history gone."""

    def __init__(self):
        super().__init__()
        self.raw = build()
        self.stood = {table: set() for table in (*APPEND_ONLY, "terms", "decided")}

    def teardown(self):
        self.raw.close()

    def attempt(self, statement, *parameters):
        try:
            self.raw.execute(statement, parameters)
        except sqlite3.IntegrityError:
            return False
        return True

    def rows(self, query):
        return self.raw.execute(query).fetchall()

    @initialize()
    def one_that_is_live(self):
        self.ask("insert", A, 1, "ann", "ann", "study", NOW, NOW + 30, 2, "requested")
        self.widen("insert", A, 1, "p")
        self.become("update", "granted", A, 1)

    @rule(
        verb=verbs,
        id_=consent_ids,
        version=versions,
        learner=parties,
        recipient=parties,
        purpose=purposes,
        not_before=moments,
        not_after=moments,
        uses=st.integers(0, 2),
        status=st.one_of(st.just("requested"), statuses),
    )
    def ask(
        self,
        verb,
        id_,
        version,
        learner,
        recipient,
        purpose,
        not_before,
        not_after,
        uses,
        status,
    ):
        self.attempt(
            f"{verb} into consent values(?,?,?,?,?,?,?,?,?)",
            *(id_, version, learner, recipient, purpose, not_before, not_after),
            *(uses, status),
        )

    @rule(verb=verbs, id_=consent_ids, version=versions, path=paths)
    def widen(self, verb, id_, version, path):
        self.attempt(
            f"{verb} into consent_scope values(?,?,'rec',?)", id_, version, path
        )

    @rule(update=updates, status=statuses, id_=consent_ids, version=versions)
    def become(self, update, status, id_, version):
        self.attempt(
            f"{update} consent set status=? where id=? and version=?",
            *(status, id_, version),
        )

    @rule(
        verb=verbs,
        id_=release_ids,
        consent_id=consent_ids,
        version=versions,
        learner=parties,
        recipient=parties,
        purpose=purposes,
        amends=st.one_of(st.none(), release_ids),
        late=st.integers(-1, 1),
    )
    def release(
        self, verb, id_, consent_id, version, learner, recipient, purpose, amends, late
    ):
        self.attempt(
            f"{verb} into release select ?,?,?,?,?,?,?,?,now+? from clock",
            *(id_, consent_id, version, learner, recipient, purpose, DIGEST, amends),
            late,
        )

    @rule(
        verb=verbs,
        id_=release_ids,
        path=paths,
        amends=st.one_of(st.none(), release_ids),
        digest=st.sampled_from([DIGEST, DIGEST.replace("x", "y")]),
        send=st.booleans(),
    )
    def release_what_is_live(self, verb, id_, path, amends, digest, send):
        at = self.rows("select now from clock")[0][0]
        for row in self.rows("select * from consent where status='granted'"):
            self.attempt(
                f"{verb} into release values(?,?,?,?,?,?,?,?,?)",
                *(id_, *row[:5], digest, amends, at),
            )
            self.attempt(disclose(id_, path))
            if send:
                self.attempt(dispatch(id_, at))

    @rule(verb=verbs, id_=release_ids, path=paths)
    def disclose(self, verb, id_, path):
        self.attempt(f"{verb} into release_field values(?,'rec',?)", id_, path)

    @rule(id_=release_ids)
    def dispatch(self, id_):
        at = self.rows("select now from clock")[0][0]
        self.attempt(dispatch(id_, at))

    @rule(verb=verbs, id_=release_ids, seq=st.one_of(st.none(), versions), late=moments)
    def dispatch_as_one_likes(self, verb, id_, seq, late):
        self.attempt(f"{verb} into dispatch values(?,?,?)", seq, id_, late)

    @rule(
        verb=verbs,
        seq=st.one_of(st.none(), versions),
        id_=consent_ids,
        version=versions,
        old=statuses,
        new=statuses,
    )
    def forge(self, verb, seq, id_, version, old, new):
        self.attempt(
            f"{verb} into consent_event select ?,?,?,now,?,? from clock",
            *(seq, id_, version, old, new),
        )

    @rule(update=updates, table=tables, data=st.data(), value=values)
    def change(self, update, table, data, value):
        column = data.draw(st.sampled_from(changes[table]))
        self.attempt(f"{update} {table} set {column}=?", value)

    @rule(table=tables)
    def delete(self, table):
        self.attempt(f"delete from {table}")

    @rule(seconds=st.integers(1, 15))
    def wait(self, seconds):
        self.raw.execute("update clock set now=now+?", [seconds])

    @invariant()
    def i1_a_release_had_a_live_consent(self):
        unexplained = """
            select r.id from release r where not exists(
              select 1 from consent c join consent_event g
                on g.consent_id=c.id and g.version=c.version and g.to_status='granted'
              where c.id=r.consent_id and c.version=r.consent_version
                and c.learner=r.learner and c.recipient=r.recipient
                and c.purpose=r.purpose and c.not_before<=r.at and r.at<c.not_after
                and g.at<=r.at and not exists(
                  select 1 from consent_event e where e.consent_id=c.id
                    and e.version=c.version and e.seq>g.seq and e.at<r.at
                    and e.to_status<>'granted' and not exists(
                      select 1 from consent_event h where h.consent_id=c.id
                        and h.version=c.version and h.seq>e.seq and h.at<=r.at
                        and h.to_status='granted')))
            union select f.release_id from release_field f
              join release r on r.id=f.release_id where not exists(
              select 1 from consent_scope s where s.consent_id=r.consent_id
                and s.version=r.consent_version and s.record_id=f.record_id
                and s.path=f.path)
            union select release_id from release_field
              where release_id not in(select id from release)"""
        assert self.rows(unexplained) == []

    @invariant()
    def i2_a_dispatch_had_a_live_consent(self):
        unexplained = """
            select d.seq from dispatch d left join release r on r.id=d.release_id
              left join consent c on c.id=r.consent_id and c.version=r.consent_version
              where c.id is null or d.at<c.not_before or d.at>=c.not_after or d.at<r.at
              or not exists(select 1 from release_field where release_id=r.id)
              or exists(select 1 from consent_event e where e.consent_id=c.id
                and e.version=c.version and e.at<d.at
                and e.to_status in('withdrawn','superseded','refused'))"""
        assert self.rows(unexplained) == []

    @invariant()
    def i3_uses_and_amendments_stay_within_bounds(self):
        overused = """
            select c.id from consent c where c.max_uses<(select count(*) from release r
              where r.consent_id=c.id and r.consent_version=c.version
              and r.amends is null)
            union select f.release_id from release_field f
              join release r on r.id=f.release_id
              where r.amends is not null and not exists(select 1 from release_field g
                where g.release_id=r.amends and g.record_id=f.record_id
                and g.path=f.path)"""
        assert self.rows(overused) == []

    @invariant()
    def i4_what_was_decided_stays(self):
        scopes = self.rows(
            "select s.* from consent_scope s join consent c on c.id=s.consent_id"
            " and c.version=s.version where c.status<>'requested'"
        )
        decided = set(
            self.rows("select id,version from consent where status<>'requested'")
        )
        before = self.stood["decided"]
        assert before <= decided
        known = {row for row in scopes if row[:2] in before}
        assert known == {row for row in self.stood["terms"] if row[:2] in before}
        self.stood["decided"], self.stood["terms"] = decided, set(scopes)
        live = "select id from consent where status in('granted','suspended')"
        assert self.rows(f"{live} group by id having count(*)>1") == []

    @invariant()
    def i5_history_only_grows(self):
        for table in APPEND_ONLY:
            rows = set(self.rows(f"select * from {table}"))
            assert self.stood[table] <= rows, table
            self.stood[table] = rows
        told = """
            select id,version,status from consent except
            select consent_id,version,to_status from consent_event e where not exists(
              select 1 from consent_event f where f.consent_id=e.consent_id
              and f.version=e.version and f.seq>e.seq)
            except select id,version,'requested' from consent"""
        assert self.rows(told) == []


TestHostileHands = pytest.mark.slow(HostileHands.TestCase)
TestHostileHands.settings = settings(
    max_examples=150,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


# I2 against two processes' worth of connections.


@pytest.fixture
def url(tmp_path):
    path = tmp_path / "node.db"
    migrate.upgrade(f"sqlite+aiosqlite:///{path}")
    run_clock(path, AT)
    return f"sqlite+aiosqlite:///{path}"


VAULT = Vault(bytes(32))


def store_release(connection, *, number):
    consent_id, release_id = f"{number:032x}", f"{number:032x}"
    learner_id = f"learner-{number}"
    learners.add_learners(
        connection, wrapped_keys={learner_id: VAULT.new_learner_key()}, at=AT
    )
    consents.request(
        connection,
        id=consent_id,
        version=1,
        learner=learner_id,
        recipient="enic",
        purpose="study",
        not_before=AT,
        not_after=AT + timedelta(days=1),
        max_uses=1,
    )
    consents.add_scope(
        connection, consent_id=consent_id, version=1, scope=[("rec", "[]")]
    )
    consents.grant(connection, consent_id=consent_id, version=1)
    granted = consents.consent(connection, consent_id=consent_id)
    consents.add_release(
        connection,
        id=release_id,
        consent=granted,
        payload_digest=DIGEST,
        fields=[("rec", "[]")],
    )
    messages.queue(
        connection,
        vault=VAULT,
        id=f"{number + 1:032x}",
        peer="enic",
        type="record/deliver",
        thread="t",
        jws=b"{}",
        release_id=release_id,
        created_at=AT,
        expires_at=AT + timedelta(days=1),
    )
    return consent_id, release_id


def withdraw(connection, *, consent_id):
    consents.withdraw(connection, consent_id=consent_id, version=1)
    cancelled = messages.cancel_undispatched(
        connection, consent_id=consent_id, version=1
    )
    connection.exec_driver_sql(
        "insert into meta values('order-' || (select count(*) from meta), ?)",
        (f"withdrawn {consent_id}",),
    )
    return cancelled


def dispatch_once(connection, *, release_id):
    consents.dispatch(connection, release_id=release_id)
    connection.exec_driver_sql(
        "insert into meta values('order-' || (select count(*) from meta), ?)",
        (f"dispatched {release_id}",),
    )


async def test_a_withdrawal_between_check_and_send_stops_the_send(url):
    async with (
        await open_store(url, expected=WITH_TEST_CLOCK) as sender,
        await open_store(url, expected=WITH_TEST_CLOCK) as portal,
    ):
        consent_id, release_id = await portal.write(store_release, number=1)

        checked = await sender.read(consents.consent, consent_id=consent_id)
        cancelled = await portal.write(withdraw, consent_id=consent_id)

        assert checked.status == "granted"
        assert cancelled == 1
        with pytest.raises(GateError, match="no longer live"):
            await sender.write(consents.dispatch, release_id=release_id)


@pytest.mark.slow
async def test_no_dispatch_commits_after_a_withdrawal(url):
    async def race(store, fn, **keywords):
        try:
            await store.write(fn, **keywords)
        except GateError:
            return "refused"
        return "done"

    async with (
        await open_store(url, expected=WITH_TEST_CLOCK) as sender,
        await open_store(url, expected=WITH_TEST_CLOCK) as portal,
    ):
        outcomes = []
        for number in range(1, 60):
            consent_id, release_id = await portal.write(store_release, number=number)
            runs = []
            for turn in range(3):
                runs.append(race(sender, dispatch_once, release_id=release_id))
                if turn == number % 3:
                    runs.append(race(portal, withdraw, consent_id=consent_id))
            outcomes += await asyncio.gather(*runs)
        lines = await sender.read(
            lambda c: (
                c.exec_driver_sql("select value from meta order by rowid")
                .scalars()
                .all()
            )
        )

    withdrawn = set()
    for line in lines:
        what, number = line.split()
        withdrawn |= {number} if what == "withdrawn" else set()
        assert what == "withdrawn" or number not in withdrawn
    assert set(outcomes) == {"done", "refused"}
