"""One thing that is measured again and again, in turns with others."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_SLICE: Final = 0.04
"""Seconds of one measurement."""


@dataclass(slots=True)
class Task:
    """One thing that is measured, and the best seen so far."""

    mechanism: str
    action: str
    document: str
    algorithm: str
    do: Callable[[], object]
    size: int
    seconds: float = float("inf")

    def run(self) -> None:
        """Measure once more: processor time of this process for each call."""
        count, begun = 0, time.process_time()
        while (spent := time.process_time() - begun) < _SLICE:
            self.do()
            count += 1
        self.seconds = min(self.seconds, spent / count)
