"""The schema that migrations make is the one that `tables.py` and `gate.sql` state."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect
from sqlalchemy.dialects import sqlite as dialect
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateIndex, CreateTable

from node.store import gate, migrate
from node.store.columns import Json, Moment, dumps, seconds
from node.store.engine import REVISION
from node.store.tables import metadata


@pytest.fixture
def engine(tmp_path):
    migrate.upgrade(f"sqlite:///{tmp_path / 'node.db'}")
    return create_engine(f"sqlite:///{tmp_path / 'node.db'}", poolclass=NullPool)


def words(text):
    return " ".join(text.replace('"', "").split())


def stated():
    for table in metadata.tables.values():
        if not table.info.get("gate"):
            yield str(CreateTable(table).compile(dialect=dialect.dialect()))
            for index in table.indexes:
                yield str(CreateIndex(index).compile(dialect=dialect.dialect()))
    yield from gate.statements(gate.script())


def test_migrations_make_exactly_what_is_stated(engine):
    with engine.connect() as connection:
        query = "select sql from sqlite_master where sql is not null"
        made = connection.exec_driver_sql(query).scalars().all()

    found = {words(sql).lower() for sql in made if "alembic_version" not in sql}
    assert found == {words(sql).lower() for sql in stated()}


def test_what_stands_in_a_database_outlives_the_next_revisions(tmp_path):
    url = f"sqlite:///{tmp_path / 'node.db'}"
    migrate.upgrade(url, to="0001")
    with sqlite3.connect(tmp_path / "node.db") as old:
        old.execute("insert into learner values('a', x'00', 1, null)")
        old.execute("insert into record values('r', 'a', 'transcript', 'k')")
        old.execute("insert into person values('p','learner','a',x'01',x'02','ja')")
        old.execute("insert into session values(x'03','p',1,1,9,'c')")
    assert migrate.revision(url) == "0001"

    migrate.upgrade(url)
    migrate.upgrade(url)

    assert migrate.revision(url) == migrate.head()
    with sqlite3.connect(tmp_path / "node.db") as new:
        assert new.execute("select id, learner_id from record").fetchall() == [
            ("r", "a")
        ]
        people = "select person.*, csrf from person join session on person.id=person_id"
        assert new.execute(people).fetchall() == [
            ("p", "learner", "a", b"\x01", b"\x02", "ja", "c")
        ]
        assert new.execute("pragma foreign_key_check").fetchall() == []
        assert new.execute("select count(*) from rights_request").fetchone() == (0,)


def test_the_store_wants_the_newest_revision():
    assert migrate.head() == REVISION


def test_tables_of_the_gate_have_the_columns_queries_use(engine):
    for table in metadata.tables.values():
        if table.info.get("gate"):
            found = [c["name"] for c in inspect(engine).get_columns(table.name)]
            columns = [c.name for c in table.columns]
            assert columns == found


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_tables_refuse_values_of_another_kind(engine, table):
    with engine.connect() as connection:
        query = "select strict from pragma_table_list where name=?"
        strict = connection.exec_driver_sql(query, (table,)).scalar()

    assert strict or table == "clock"


def test_a_script_is_split_where_its_statements_end():
    script = "-- a comment\ncreate table a(b);\n\ncreate trigger c after insert on a\n"
    script += "begin select 1; select 2; end;\n"

    assert list(gate.statements(script)) == [
        "create table a(b)",
        "create trigger c after insert on a\nbegin select 1; select 2; end",
    ]


def test_letters_before_the_name_make_no_other_gate():
    assert gate.digest(["CREATE TRIGGER x after"]) == gate.digest(
        ["create   trigger\nx after"]
    )
    assert gate.digest(["create table x(y)"]) == gate.digest([])


def test_the_released_hash_is_that_of_a_fresh_database(engine):
    with engine.connect() as connection:
        assert gate.standing(connection) == gate.RELEASED


# Values in columns.

DIALECT = sqlite3
first, last = datetime(1970, 1, 2), datetime(9000, 1, 1)  # noqa: DTZ001
moments = st.datetimes(first, last)
zones = st.integers(-14, 14).map(lambda h: timezone(timedelta(hours=h)))


@given(moments, zones)
def test_a_moment_comes_back_in_whole_seconds_and_utc(moment, zone):
    there = Moment().process_bind_param(moment.replace(tzinfo=zone), DIALECT)
    back = Moment().process_result_value(there, DIALECT)

    assert back.tzinfo is UTC
    assert timedelta(0) <= moment.replace(tzinfo=zone) - back < timedelta(seconds=1)


def test_seconds_are_taken_as_they_are_and_nothing_as_nothing():
    assert Moment().process_bind_param(5, DIALECT) == 5
    assert Moment().process_bind_param(None, DIALECT) is None
    assert Moment().process_result_value(None, DIALECT) is None


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        seconds(datetime(2026, 1, 1))  # noqa: DTZ001


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values)
def test_a_json_value_comes_back(value):
    text = Json().process_bind_param(value, DIALECT)

    assert Json().process_result_value(text, DIALECT) == value


def test_json_has_no_infinity():
    with pytest.raises(ValueError, match="JSON"):
        dumps(float("inf"))
