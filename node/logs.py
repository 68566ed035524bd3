"""Structured logs without personal data.

One JSON object a line. Only fields of an allow-list are written, and control characters
are escaped by the JSON form itself, so that nothing received can forge a line.
"""

import json
import logging
import sys

FIELDS = frozenset(
    {
        *("code", "trace", "peer", "type", "id", "status", "attempt", "seconds"),
        *("count", "path", "state", "kind", "url", "listen", "did"),
    }
)
"""What a record may carry beside its message: identifiers of messages and peers, never
of people."""


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.msg if not record.args else record.getMessage(),
        }
        line |= {k: v for k, v in record.__dict__.items() if k in FIELDS}
        if record.exc_info and record.exc_info[0]:
            # The text of an exception may quote what was received: its type and the
            # places it came through are enough to find the fault.
            line["error"] = record.exc_info[0].__name__
            line["trace_at"] = _places(record)
        return json.dumps(line, ensure_ascii=True, default=str)


def _places(record: logging.LogRecord) -> list[str]:
    places: list[str] = []
    trace = record.exc_info[2] if record.exc_info else None
    while trace:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return places[-8:]


def configure(level: int = logging.INFO) -> None:
    """Send every record to standard error, one JSON line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
