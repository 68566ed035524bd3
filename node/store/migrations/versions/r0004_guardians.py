"""Guardians: people who act for one learner.

SQLite cannot change a check: the table of people is made anew, with everybody in it.
Invitations, sessions and mail go on pointing at it by its name.
"""

from pathlib import Path

from alembic import op

from node.store.gate import statements

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table anew."""
    script = Path(__file__).with_name("r0004_guardians.sql")
    for statement in statements(script.read_text(encoding="utf-8")):
        op.get_bind().exec_driver_sql(statement)
