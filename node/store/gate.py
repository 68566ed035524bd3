"""The rules the database itself keeps: `gate.sql`, and the check that they are there.

The text of the consent gate is that of LRX 1.0, section "Objects and the one gate",
to the letter. At start-up the triggers and views that stand in the database are
compared with this release's: a node whose gate was opened by hand does not start.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

_STANDING = text("select sql from sqlite_master where type in('trigger','view')")


class GateError(Exception):
    """The database refused a statement: no live consent, or append-only.

    The message is the reason the trigger gives, and holds no personal data.
    """


def script() -> str:
    """Return the text of `gate.sql`."""
    return files("node.store").joinpath("gate.sql").read_text(encoding="utf-8")


def statements(sql: str) -> Iterator[str]:
    """Split a script into statements, without their comments and final semicolons."""
    statement = ""
    for line in sql.splitlines():
        if not statement and (not line.strip() or line.startswith("--")):
            continue
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement.strip().removesuffix(";")
            statement = ""


def digest(texts: list[str]) -> str:
    """Hash the definitions among `texts` that keep the gate: triggers and views.

    Everything before the name is left out, for SQLite stores its own words there.
    """
    kept = sorted(
        " ".join(words[2:])
        for words in (text.split() for text in texts)
        if words[1].lower() in {"trigger", "view"}
    )
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()


RELEASED = digest(list(statements(script())))
"""The hash of this release's triggers and views."""


def standing(connection: Connection) -> str:
    """Return the hash of the triggers and views that stand in the database."""
    return digest(list(connection.scalars(_STANDING)))


@contextmanager
def refusals() -> Iterator[None]:
    """Turn the refusal of a trigger into a `GateError`; let all else pass.

    Raises:
        GateError: a trigger refused a statement.
    """
    try:
        yield
    except IntegrityError as error:
        cause = error.orig
        if getattr(cause, "sqlite_errorname", "") != "SQLITE_CONSTRAINT_TRIGGER":
            raise
        raise GateError(str(cause)) from error
