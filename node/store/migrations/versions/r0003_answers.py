"""Answers to offers that ask for more than was consented to.

A table of its own; what stands in the others is left as it is.
"""

from pathlib import Path

from alembic import op

from node.store.gate import statements

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table."""
    script = Path(__file__).with_name("r0003_answers.sql")
    for statement in statements(script.read_text(encoding="utf-8")):
        op.get_bind().exec_driver_sql(statement)
