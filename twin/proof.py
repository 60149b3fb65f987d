"""A verification case: an id, what is measured, the bound it must keep and where that bound comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Skip(Exception):  # noqa: N818 - a reason, not an error
    """Raised by a case that cannot run here; its text is the reason."""


@dataclass(frozen=True)
class Proof:
    """One case. `run(reference)` returns the measured value; `reference` is the folder of reference data or None.

    `op` is one of "<=", ">=", "within" (bound is then a pair); a bound of None means the value is only reported, and
    `reason` says why.
    """

    id: str
    metric: str
    unit: str
    op: str
    bound: Any
    source: str
    run: Callable[[Path | None], float]
    reason: str | None = None

    def result(self, reference: Path | None) -> dict[str, Any]:
        """Run the case and return its row of `anlan verify --json`."""
        row = {
            "id": self.id,
            "metric": self.metric,
            "value": None,
            "unit": self.unit,
            "op": self.op,
            "bound": self.bound,
        }
        row |= {"source": self.source, "status": "skipped", "reason": self.reason}
        try:
            row["value"] = value = float(self.run(reference))
        except Skip as skip:
            return row | {"reason": str(skip)}
        if self.bound is None:
            return row | {"status": "reported"}
        kept = {"<=": lambda: value <= self.bound, ">=": lambda: value >= self.bound}.get(
            self.op, lambda: self.bound[0] <= value <= self.bound[1]
        )()
        return row | {"status": "pass" if kept else "fail"}
