"""What a measurement says: one object per figure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure beside its target."""

    figure: str
    value: float
    unit: str
    target: float | None = None
    lower_is_better: bool = False
    conditions: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None where there is none."""
        if self.target is None:
            return None
        if self.lower_is_better:
            return self.value <= self.target
        return self.value >= self.target

    def as_json(self) -> dict[str, Any]:
        """Return the figure as `--json` prints it."""
        return {
            "figure": self.figure,
            "value": round(self.value, 3),
            "unit": self.unit,
            "target": self.target,
            "met": self.met,
            "conditions": self.conditions,
        }

    def as_line(self) -> str:
        """Return the figure as a person reads it."""
        target = ""
        if self.target is not None:
            sign = "<=" if self.lower_is_better else ">="
            target = (
                f"  (target {sign} {self.target:g}: {'met' if self.met else 'NOT met'})"
            )
        return f"{self.figure:44} {self.value:10.2f} {self.unit}{target}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of `values` lie (nearest rank)."""
    ordered = sorted(values)
    rank = max(math.ceil(share * len(ordered)) - 1, 0)
    return ordered[rank] if ordered else math.nan
