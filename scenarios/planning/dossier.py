"""What report, panel and exporters are handed of a run: its sections, and the dossier of its plan."""

from __future__ import annotations

from scenarios.case.hazards import reported
from scenarios.runner.identity import versions
from scenarios.runner.run import Run
from scenarios.runner.simulate import read_places
from twin.blocks import Section
from twin.bridge.dossier import Dossier
from twin.plan import Plan


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


def dossier(run: Run, plan: Plan) -> Dossier:
    """Return a plan of a run and all that it rests on."""
    case = run.case
    facts = {"seed": case.scenario.seed, "members": case.scenario.ensemble.members, "versions": versions(run.hazards)}
    return Dossier(plan, case.city, case.clock, run.drivers, case.actions(), run.levels, sections(run), facts)
