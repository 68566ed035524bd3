"""Everything: the tables, the consent gate, the audit log.

The statements are the text beside this file. There is no way down: what the log and
the gate keep must not be dropped by a command.
"""

from pathlib import Path

from alembic import op

from node.store.gate import statements

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the schema."""
    script = Path(__file__).with_name("r0001_schema.sql")
    for statement in statements(script.read_text(encoding="utf-8")):
        op.get_bind().exec_driver_sql(statement)
