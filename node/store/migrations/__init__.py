"""Alembic: how the database came to be what `tables.py` and `gate.sql` say."""
