"""The public verbs: one API for notebook, command line and desk (`scenarios.verbs`, brought in when the first is used).

>>> import scenarios as sc
>>> case = sc.load("plum-rain-50yr").check()
>>> run = sc.run(case)                        # doctest: +SKIP
>>> plan = sc.draft_plan(run)                 # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenarios.verbs import (
        COMPUTED,
        Case,
        Job,
        Plan,
        Run,
        advance,
        all_runs,
        approve,
        audit,
        changed,
        cities,
        compare,
        compared,
        damaged_runs,
        difference,
        differing,
        draft_plan,
        export,
        export_run,
        find_plan,
        find_run,
        jobs,
        library,
        load,
        older_runs,
        open_city,
        paired,
        plan_state,
        recoloured,
        run,
        same,
        sections,
        submit,
        titles,
        told_apart,
        unlike,
    )

__all__ = [
    "COMPUTED",
    "Case",
    "Job",
    "Plan",
    "Run",
    "advance",
    "all_runs",
    "approve",
    "audit",
    "changed",
    "cities",
    "compare",
    "compared",
    "damaged_runs",
    "difference",
    "differing",
    "draft_plan",
    "export",
    "export_run",
    "find_plan",
    "find_run",
    "jobs",
    "library",
    "load",
    "older_runs",
    "open_city",
    "paired",
    "plan_state",
    "recoloured",
    "run",
    "same",
    "sections",
    "submit",
    "titles",
    "told_apart",
    "unlike",
]


def __getattr__(name: str) -> Any:
    """Return a verb; what computes is imported only now, so that `anlan --help` does not wait for it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = verb = getattr(import_module("scenarios.verbs"), name)
    return verb
