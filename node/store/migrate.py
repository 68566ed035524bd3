"""Bring a database to the schema of this release.

The whole way is one transaction: a process killed in the middle leaves the database as
it was. Also from an installed wheel: the revisions are package data.
"""

import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from node.store.engine import path_of
from node.store.line import BUSY_SECONDS

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str, *, to: str = "head") -> None:
    """Create the database at `url`, or bring it up to date, or `to` a revision.

    The file is readable by the node's user only; so are those SQLite puts beside it.

    Raises:
        ValueError: `url` is not a SQLite file.
    """
    path = path_of(url)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)
    with _connect(path) as connection, connection.begin():
        command.upgrade(_config(connection), to)


def revision(url: str) -> str | None:
    """Return the revision the database at `url` stands at; None for an empty one."""
    with _connect(path_of(url)) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str | None:
    """Return the newest revision of this release."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    return config


def _connect(path: Path) -> Connection:
    """Connect with the right to change the schema, unlike a run-time connection."""
    engine = create_engine(
        f"sqlite+pysqlite:///{path}",
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
    )

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine.connect()
