"""The public verbs: one API for notebook, command line and desk.

>>> import scenarios as sc
>>> case = sc.load("plum-rain-50yr").check()
>>> run = sc.run(case)                        # doctest: +SKIP
>>> plan = sc.draft_plan(run)                 # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from scenarios.case.case import Case, load, titles
from scenarios.case.hazards import reported
from scenarios.case.home import cities, library, open_city
from scenarios.case.shelf import older_runs
from scenarios.planning.compare import changed, compare, compared, difference, differing, unlike
from scenarios.planning.draft import draft_plan
from scenarios.runner.identity import versions
from scenarios.runner.jobs import Job, jobs, submit
from scenarios.runner.run import COMPUTED, Run, all_runs, execute, find_run, store
from scenarios.runner.simulate import read_places
from twin.blocks import Section
from twin.bridge import EXPORTERS, plan_json
from twin.bridge.dossier import Dossier
from twin.errors import ScenarioError, SourceError
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
    "changed",
    "cities",
    "compare",
    "compared",
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
    "run",
    "sections",
    "submit",
    "titles",
    "unlike",
]


def run(case: Case, *, fresh: bool = False, progress: Progress | None = None) -> Run:
    """Run a case and draft its plan and report; the same question is answered from the shelf unless `fresh`."""
    return execute(case, fresh=fresh, finish=_finish, progress=progress)


def export(plan: Plan, folder: str | Path, formats: Sequence[str] = ("json", "geojson", "cap", "html")) -> list[Path]:
    """Write a plan to a new folder in the asked formats and return the files; nothing is left when one format fails."""
    return _export(Path(folder) / plan.id, find_run(plan.run_id), plan, formats)


def export_run(run: Run, folder: str | Path, formats: Sequence[str]) -> list[Path]:
    """Write what a run found, with its draft plan, to a new folder in the asked formats; see `export`."""
    return _export(Path(folder) / run.id, run, draft_plan(run), formats)


def _export(target: Path, run: Run, plan: Plan, formats: Sequence[str]) -> list[Path]:
    unknown = [f for f in formats if f not in EXPORTERS]
    if unknown or not formats:
        raise ScenarioError("export_format", found=unknown, expected=sorted(EXPORTERS))
    aside = target.with_name(f"{target.name}.part-export")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
        about = _dossier(run, plan)
        written = [path.relative_to(aside) for f in formats for path in EXPORTERS[f](about, aside)]
        if not written:
            raise ScenarioError("export_nothing", run=run.id, found=list(formats), expected=sorted(EXPORTERS))
        shutil.rmtree(target, ignore_errors=True)
        aside.rename(target)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise SourceError("not_writable", where=str(target.parent)) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return [target / path for path in written]


def find_plan(plan_id: str, *, actor: str) -> Plan:
    """Return a plan from the records; the access is logged under `actor` (an office, never a person)."""
    return plan_json.from_dict(store().plan(plan_id, actor=actor).body)


def approve(plan_id: str, *, actor: str) -> Plan:
    """Approve a drafted plan: its new state and the log entry are one transaction."""
    return advance(find_plan(plan_id, actor=actor), "approved", actor=actor)


def advance(plan: Plan, state: str, *, actor: str) -> Plan:
    """Put a plan into its next state; the new state and the log entry are one transaction."""
    moved = plan.to(state)
    store().put_plan(moved.id, moved.run_id, moved.state, plan_json.to_dict(moved), actor=actor, action=state)
    return moved


def _finish(run: Run) -> None:
    """Write plan, places and report into a run folder that is being built, and put the draft on record."""
    plan = draft_plan(run)
    about = _dossier(run, plan)
    for name in ("json", "geojson", "html"):
        EXPORTERS[name](about, run.folder)
    with contextlib.suppress(ScenarioError):
        if store().plan(plan.id, actor="anlan").state != "drafted":
            return  # an officer has already acted on the same plan
    store().put_plan(plan.id, plan.run_id, plan.state, plan_json.to_dict(plan), actor="anlan", action="draft")


def sections(run: Run) -> tuple[Section, ...]:
    """Return what report and panel show of each hazard of a run, with the blocks of its own."""
    case = run.case
    found = []
    for name in run.hazards:
        own = read_places(run.folder, name)
        about = Section(
            run.sheet(name), run.fields[name], run.exposure[name], run.balances[name], run.tables_of(name), own
        )
        found.append(reported(name, about, case.city, case.clock))
    return tuple(found)


def _dossier(run: Run, plan: Plan) -> Dossier:
    case = run.case
    facts = {"seed": case.scenario.seed, "members": case.scenario.ensemble.members, "versions": versions(run.hazards)}
    return Dossier(plan, case.city, case.clock, run.drivers, case.actions(), run.levels, sections(run), facts)
