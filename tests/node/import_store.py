"""A database for the tests of importing: a file, at the schema of this release."""

import shutil
from contextlib import contextmanager

from sqlalchemy import create_engine, event, inspect, text

from node.store.migrate import upgrade
from node.store.sealed import Vault

VAULT = Vault(bytes(range(32)))


class Folder:
    """Makes databases by copying one that was migrated once."""

    def __init__(self, folder):
        self._template = folder / "template.db"
        upgrade(f"sqlite:///{self._template}")

    @contextmanager
    def database(self, path):
        shutil.copy(self._template, path)
        engine = create_engine(f"sqlite:///{path}")
        event.listen(
            engine,
            "connect",
            lambda raw, _: raw.execute("pragma foreign_keys=on"),
        )
        with engine.connect() as connection:
            yield connection
            connection.rollback()
        engine.dispose()


def contents(connection):
    """Return every row of every table, to see that nothing changed."""
    tables = inspect(connection).get_table_names()
    return {
        table: connection.execute(text(f"select * from {table}")).all()
        for table in tables
    }
