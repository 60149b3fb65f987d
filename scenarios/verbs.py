"""What the house does, verb by verb; notebook, command line and desk find them in `scenarios`."""

from __future__ import annotations

from scenarios.case.case import Case, load, titles
from scenarios.case.hazards import same
from scenarios.case.home import cities, library, open_city
from scenarios.case.shelf import damaged_runs, older_runs
from scenarios.planning.compare import changed, compare, compared, difference, differing, recoloured, unlike
from scenarios.planning.dossier import sections
from scenarios.planning.draft import draft_plan
from scenarios.planning.paired import paired, told_apart
from scenarios.planning.plans import (
    advance,
    approve,
    audit,
    export,
    export_run,
    find_plan,
    plan_state,
    put_draft,
    write_kept,
)
from scenarios.runner.jobs import Job, jobs, submit
from scenarios.runner.run import COMPUTED, Run, all_runs, execute, find_run
from twin.hazard import Progress
from twin.plan import Plan

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


def run(case: Case, *, fresh: bool = False, progress: Progress | None = None) -> Run:
    """Run a case and draft its plan and report; the same question is answered from the shelf unless `fresh`."""
    done = execute(case, fresh=fresh, finish=write_kept, progress=progress)
    put_draft(done)
    return done
