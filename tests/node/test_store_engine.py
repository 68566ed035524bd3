"""Opening, reading, writing: what is durable, what is refused, what is undone."""

import asyncio
import os
import signal
import sqlite3
import stat
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import DatabaseError, OperationalError
from store_clock import WITH_TEST_CLOCK, run_clock

from node.store import engine, gate, meta, migrate
from node.store.engine import StoreError, open_store, path_of
from node.store.line import Line, touch
from node.store.writer import LARGEST_BATCH, StoreClosedError


@pytest.fixture
def path(tmp_path):
    migrate.upgrade(f"sqlite+aiosqlite:///{tmp_path / 'node.db'}")
    return tmp_path / "node.db"


@pytest.fixture
def url(path):
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
async def store(url):
    async with await open_store(url) as opened:
        yield opened


def alter(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        for statement in statements:
            raw.execute(statement)


# Making and opening.


def test_a_database_is_made_at_the_newest_revision(url, path):
    assert migrate.revision(url) == migrate.head() == engine.REVISION
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_making_it_again_changes_nothing(url, path):
    before = path.read_bytes()

    migrate.upgrade(url)

    assert path.read_bytes() == before


def test_an_empty_file_has_no_revision(tmp_path):
    assert migrate.revision(f"sqlite:///{tmp_path / 'new.db'}") is None


async def test_files_beside_the_database_are_the_nodes_own_too(store, path):
    await store.write(meta.put, key="k", value="v")

    modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {0o600}
    assert len(list(path.parent.iterdir())) == 3


@pytest.mark.parametrize(
    "url",
    ["postgresql+asyncpg://host/db", "sqlite+aiosqlite://", "sqlite:///:memory:"],
)
def test_only_sqlite_files_are_taken(url):
    with pytest.raises(ValueError, match="only SQLite files"):
        path_of(url)


async def test_without_a_database_nothing_opens(tmp_path):
    with pytest.raises(StoreError, match="unable to open"):
        await open_store(f"sqlite+aiosqlite:///{tmp_path / 'none.db'}")
    assert not (tmp_path / "none.db").exists()


async def test_a_file_that_is_no_database_does_not_open(tmp_path):
    (tmp_path / "note.db").write_bytes(b"x" * 4096)

    with pytest.raises(StoreError, match="not a database"):
        await open_store(f"sqlite+aiosqlite:///{tmp_path / 'note.db'}")


async def test_a_database_without_tables_does_not_open(tmp_path):
    (tmp_path / "empty.db").touch()

    with pytest.raises(StoreError, match="lrx migrate"):
        await open_store(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}")


async def test_a_database_of_another_release_does_not_open(url, path):
    alter(path, "update alembic_version set version_num='9999'")

    with pytest.raises(StoreError, match="revision 9999"):
        await open_store(url)


@pytest.mark.parametrize(
    "change",
    [
        ["drop trigger dispatch_gate"],
        ["drop view clock", "create view clock(now) as select 0"],
        ["create trigger quiet after insert on release begin select 1; end"],
        [
            "drop trigger audit_frozen",
            (
                "create trigger audit_frozen before update on audit_event begin "
                "select raise(ignore); end"
            ),
        ],
    ],
)
async def test_a_gate_that_was_touched_keeps_the_node_from_starting(url, path, change):
    alter(path, *change)

    with pytest.raises(StoreError, match="triggers and views"):
        await open_store(url)


async def test_a_test_clock_is_no_gate_of_the_release(url, path):
    run_clock(path, datetime(2026, 1, 1, tzinfo=UTC))

    with pytest.raises(StoreError, match="triggers and views"):
        await open_store(url)
    async with await open_store(url, expected=WITH_TEST_CLOCK):
        pass


def test_the_hash_covers_every_trigger_and_view():
    texts = list(gate.statements(gate.script()))
    kept = [t for t in texts if t.split()[1] in {"trigger", "view"}]

    hashes = {gate.digest([t for t in texts if t != left_out]) for left_out in kept}
    assert len(hashes) == len(kept)
    assert gate.RELEASED not in hashes


# Reading and writing.


async def test_what_was_written_is_read(store):
    await store.write(meta.put, key="k", value="v")

    assert await store.read(meta.get, key="k") == "v"


async def test_reading_cannot_write(store):
    with pytest.raises(OperationalError, match="readonly"):
        await store.read(meta.put, key="k", value="v")


@pytest.mark.parametrize(
    "statement",
    [
        "drop trigger dispatch_gate",
        "drop table release",
        "alter table release add column x",
        "create trigger t after insert on release begin select 1; end",
        "create temp trigger t after insert on release begin select 1; end",
        "create temp view clock(now) as select 0",
        "attach ':memory:' as other",
        "pragma writable_schema=on",
        "pragma recursive_triggers=off",
        "pragma foreign_keys",
        "update sqlite_master set sql=''",
        "vacuum",
    ],
)
async def test_no_running_node_can_change_the_schema(store, statement):
    for run in (store.write, store.read):
        with pytest.raises(DatabaseError):
            await run(lambda c: c.exec_driver_sql(statement))


async def test_a_failed_job_undoes_itself_only(store):
    def fails(connection):
        meta.put(connection, key="bad", value="v")
        raise LookupError("no")

    good, bad, other = await asyncio.gather(
        store.write(meta.put, key="good", value="v"),
        store.write(fails),
        store.write(meta.put, key="other", value="v"),
        return_exceptions=True,
    )

    assert (good, other) == (None, None)
    assert isinstance(bad, LookupError)
    assert await store.read(meta.get, key="good") == "v"
    assert await store.read(meta.get, key="other") == "v"
    assert await store.read(meta.get, key="bad") is None


async def test_jobs_that_come_together_share_a_transaction(store):
    before = store.commits

    await asyncio.gather(
        *(store.write(meta.put, key=f"{n}", value="v") for n in range(LARGEST_BATCH)),
    )

    assert store.commits - before <= 2


async def test_more_jobs_than_one_transaction_holds_are_all_done(store):
    results = await asyncio.gather(
        *(store.write(lambda _, n=n: n) for n in range(3 * LARGEST_BATCH)),
    )

    assert results == list(range(3 * LARGEST_BATCH))


async def test_no_answer_comes_before_the_commit(store, path):
    seen = []

    async def write(number):
        await store.write(meta.put, key=f"{number}", value="v")
        with closing(sqlite3.connect(path)) as raw:
            query = f"select count(*) from meta where key='{number}'"
            seen.append(raw.execute(query).fetchone()[0])

    await asyncio.gather(*map(write, range(8)))

    assert seen == [1] * 8


async def test_when_the_transaction_is_lost_every_job_in_it_fails(store):
    def lose(connection):
        # As SQLite does by itself when the disk is full.
        connection.exec_driver_sql("ROLLBACK")
        raise OSError("disk full")

    outcomes = await asyncio.gather(
        store.write(meta.put, key="before", value="v"),
        store.write(lose),
        store.write(meta.put, key="after", value="v"),
        return_exceptions=True,
    )

    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    assert await store.read(meta.get, key="before") is None
    await store.write(meta.put, key="next", value="v")
    assert await store.read(meta.get, key="next") == "v"


async def test_a_job_nobody_waits_for_is_not_begun(store):
    first = asyncio.ensure_future(store.write(meta.put, key="first", value="v"))
    second = asyncio.ensure_future(store.write(meta.put, key="second", value="v"))
    await asyncio.sleep(0)
    second.cancel()
    await first

    assert await store.read(meta.get, key="second") is None


async def test_who_watches_something_wakes_when_it_was_touched(store):
    news = store.watch("letters")

    await store.write(meta.put, key="k", value="v")
    assert not news.is_set()
    with pytest.raises(ZeroDivisionError):
        await store.write(lambda _: 1 / 0)
    await store.write(lambda connection: touch(connection, "parcels"))
    assert not news.is_set()

    await store.write(lambda connection: touch(connection, "letters"))
    assert news.is_set()


async def test_closing_finishes_what_is_queued(url):
    store = await open_store(url)
    queued = [
        asyncio.ensure_future(store.write(meta.put, key=f"{n}", value="v"))
        for n in range(2 * LARGEST_BATCH)
    ]
    await asyncio.sleep(0)

    await store.close()

    assert [await one for one in queued] == [None] * len(queued)
    with pytest.raises(StoreClosedError):
        await store.write(meta.put, key="k", value="v")


async def test_two_processes_write_to_one_file(url):
    async with await open_store(url) as node, await open_store(url) as command:
        await asyncio.gather(
            *(node.write(meta.put, key=f"a{n}", value="v") for n in range(100)),
            *(command.write(meta.put, key=f"b{n}", value="v") for n in range(100)),
        )
        count = "select count(*) from meta"
        assert await node.read(lambda c: c.exec_driver_sql(count).scalar()) == 200


async def test_more_readers_than_connections_take_turns(store):
    await store.write(meta.put, key="k", value="v")

    found = await asyncio.gather(*(store.read(meta.get, key="k") for _ in range(40)))

    assert found == ["v"] * 40


async def test_a_connection_that_cannot_be_set_up_is_closed(path, monkeypatch):
    def broken(*_):
        raise RuntimeError("no")

    monkeypatch.setattr("node.store.line._joined", broken)

    with pytest.raises(RuntimeError):
        await Line.open(path, writes=True)


FORGETFUL = """
import asyncio, sys
from node.store.engine import open_store

async def main():
    store = await open_store(sys.argv[1])
    raise SystemExit(7)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_a_process_ends_that_never_closed_its_store(url):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-c", FORGETFUL, url),
        stderr=asyncio.subprocess.DEVNULL,
    )

    async with asyncio.timeout(20):
        assert await process.wait() == 7


WRITER = """
import asyncio, sys
from node.store import meta
from node.store.engine import open_store

async def main():
    store = await open_store(sys.argv[1])
    async def one(number):
        while True:
            await store.write(meta.put, key=f"{number}", value="v")
            print(number, flush=True)
            number += 16
    await asyncio.gather(*map(one, range(16)))

asyncio.run(main())
"""


@pytest.mark.slow
async def test_a_killed_process_loses_nothing_it_acknowledged(url):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WRITER, url),
        stdout=asyncio.subprocess.PIPE,
    )
    acknowledged = []
    while len(acknowledged) < 200:
        acknowledged.append((await process.stdout.readline()).decode().strip())
    os.kill(process.pid, signal.SIGKILL)
    rest = (await process.stdout.read()).decode()
    acknowledged += [line for line in rest.split("\n")[:-1] if line]
    assert await process.wait() == -signal.SIGKILL

    async with await open_store(url) as store:
        for number in acknowledged:
            assert await store.read(meta.get, key=number) == "v"
