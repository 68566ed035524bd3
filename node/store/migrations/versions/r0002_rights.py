"""What learners ask under data protection law.

A table of its own; what stands in the others is left as it is.
"""

from pathlib import Path

from alembic import op

from node.store.gate import statements

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the table."""
    script = Path(__file__).with_name("r0002_rights.sql")
    for statement in statements(script.read_text(encoding="utf-8")):
        op.get_bind().exec_driver_sql(statement)
