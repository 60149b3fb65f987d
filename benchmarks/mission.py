"""The whole of the demonstration: all its hazards in one case, computed afresh, and what each part of it takes."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import Any
from unittest.mock import patch

import scenarios as sc

Row = dict[str, Any]

#: The case, and the hours of the run before the one that is timed: kernels are compiled, files are in memory.
CASE, WARM_H = "plum-rain-night", 1.25


def clocked(spent: dict[str, float], name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that does as `real` and adds its wall seconds to those of `name`."""

    def simulate(self: Any, *given: Any) -> Any:
        began = time.perf_counter()
        outcome = real(self, *given)
        spent[name] = spent.get(name, 0.0) + time.perf_counter() - began
        return outcome

    return simulate


@cache
def parts() -> dict[str, float]:
    """Return wall seconds of the demonstration, warm: "all", each hazard, "rest"; and "memory", GiB at the peak of this process.

    The rest is reading the city, forcing, exposure, plan, report and files. Hazards of one kind count together.
    """
    spent: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, {"ANLAN_HOME": home}))
        warm = sc.run(sc.load(CASE).with_changes(hours=WARM_H), fresh=True)
        for kind in {type(model) for model in warm.case.models.values()}:
            name = kind.__name__.lower()
            stack.enter_context(patch.object(kind, "simulate", clocked(spent, name, kind.simulate)))
        began = time.perf_counter()
        sc.run(sc.load(CASE), fresh=True)
        wall = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return {"all": wall, **spent, "rest": wall - sum(spent.values()), "memory": peak}


def demo() -> Row:
    """Time the demonstration from its scenario to plan and report, and say what each part takes."""
    found = parts()
    facts = ", ".join(f"{name} {s:.1f} s" for name, s in found.items() if name not in ("all", "memory"))
    return {"metric": "four hazards in one case, scenario to report, kernels compiled", "value": found["all"], "unit": "s",
            "target": ("value", "<=", 180.0), "detail": facts}  # fmt: skip


def memory() -> Row:
    """Say how much memory the process held at its peak."""
    return {"metric": "memory at its peak", "value": parts()["memory"], "unit": "GiB", "target": ("value", "<=", 6.0)}


BENCHES: dict[str, Callable[[], Row]] = {"mission/demo": demo, "mission/memory": memory}
