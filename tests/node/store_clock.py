"""A database whose clock a test sets: a table that runs forward takes its place.

The text is that of LRX 1.0, section "Objects and the one gate".
"""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from node.store import gate

CLOCK = """\
create table clock(one int primary key check(one=1),now int not null) strict;
create trigger clock_one before insert on clock when exists(select 1 from clock) begin select raise(abort,'one clock'); end;
create trigger clock_monotone before update on clock when new.now<old.now begin select raise(abort,'the clock runs forward'); end;
create trigger clock_keep before delete on clock begin select raise(abort,'one clock'); end;
"""
VIEW = "create view clock(now) as select unixepoch()"
WITH_TEST_CLOCK = gate.digest(
    [s for s in gate.statements(gate.script()) if s != VIEW]
    + list(gate.statements(CLOCK))
)
"""What `open_store` is to expect of such a database."""


def run_clock(path: Path, at: datetime) -> None:
    """Give the migrated database at `path` a clock of its own, standing at `at`."""
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("drop view clock")
        for statement in gate.statements(CLOCK):
            raw.execute(statement)
        raw.execute("insert into clock values(1,?)", [int(at.timestamp())])


def set_clock(path: Path, at: datetime) -> None:
    """Let the clock of a database run forward to `at`."""
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("update clock set now=?", [int(at.timestamp())])
