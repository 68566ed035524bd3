"""How values lie in columns: moments as whole seconds, JSON as compact text.

Tables are STRICT, so that a value of the wrong kind is refused by SQLite and not
stored as whatever it happens to be.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime.fromtimestamp(0, UTC)
_SECOND = timedelta(seconds=1)


class Moment(TypeDecorator[datetime]):
    """A moment, stored in whole Unix seconds, read back as an aware UTC datetime.

    Bound values may also be whole seconds already. Naive datetimes are refused: SQLite
    has no time zones, and a guess would be wrong by hours.
    """

    impl = Integer
    cache_ok = True

    def process_bind_param(
        self, value: datetime | int | None, dialect: Dialect
    ) -> int | None:
        """Turn a moment into seconds, rounding down."""
        if value is None or isinstance(value, int):
            return value
        return seconds(value)

    def process_result_value(
        self, value: int | None, dialect: Dialect
    ) -> datetime | None:
        """Turn seconds into a moment."""
        return None if value is None else datetime.fromtimestamp(value, UTC)


class Json(TypeDecorator[Any]):
    """A JSON value, stored as compact UTF-8 text; `None` is stored as NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write `value` as compact JSON."""
        return None if value is None else dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Read the stored text."""
        return None if value is None else json.loads(value)


def dumps(value: Any) -> str:
    """Write `value` as compact JSON; members stay in order, nothing is escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def seconds(moment: datetime) -> int:
    """Return whole Unix seconds, rounding down.

    Raises:
        ValueError: the moment has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return (moment - _EPOCH) // _SECOND
