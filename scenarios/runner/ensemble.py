"""An ensemble: members in child processes, each with a folder of its own, reduced to one run.

Member 0 is the scenario as it is written: its fields, tables, places, states and balances are the run's own. Each member writes
its exposure, levels and worst field into `members/<number>`; nothing but a number passes between the processes.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from scenarios.case.case import Case, load
from scenarios.case.hazards import HAZARDS
from scenarios.case.vary import Drawn
from scenarios.runner.exposure_files import read_exposure
from scenarios.runner.pool import CallFailedError, ChildDiedError, executor
from scenarios.runner.simulate import (
    RESULT,
    graded,
    simulate,
    write_case,
    write_findings,
    write_json,
    write_outcomes,
    write_result,
)
from scenarios.runner.spread import alike, drop_in_time, keep_fields, median_series, spread_fields
from scenarios.store.disk import disk_error
from twin import phrases
from twin.errors import NumericsError, TwinError
from twin.exposure.members import members_exposure
from twin.frames import frames_in
from twin.hazard import Progress
from twin.words import LANGS

#: Where a run folder keeps its members, and the table of what they drew.
MEMBERS, DRAWN = "members", "members.json"


@dataclass(frozen=True)
class Ask:
    """What a child needs to run one member: the run's folder, the member's number and draws, the registry of hazards."""

    part: Path
    earlier: str | None
    where: str
    member: int
    drawn: Drawn
    hazards: dict[str, str]


def simulate_members(case: Case, part: Path, progress: Progress | None) -> None:
    """Run every member of a case and write the reduced run into the folder `part`.

    Raises the error of the first member that fails, with its number; NumericsError for one whose process dies or that fails in a
    way that nobody foresaw; SourceError where the disk is full or may not be written to.
    """
    draws = case.draws()
    write_case(case, part)
    earlier = str(case.earlier.folder) if case.earlier else None
    asks = [Ask(part, earlier, case.where, k, drawn, dict(HAZARDS)) for k, drawn in enumerate(draws)]
    done = 0

    def tick() -> None:
        if progress is not None:
            progress(done / len(asks))

    try:
        with closing(executor()(run_member, asks, tick)) as finished:  # type: ignore[type-var]
            for _ in finished:
                done += 1
                tick()
    except ChildDiedError as death:
        raise NumericsError("member_died", member=death.item, code=death.code) from death
    except CallFailedError as failure:
        error = failure.__cause__ or failure
        if isinstance(error, TwinError):
            raise type(error)("member_failed", member=failure.item, why=error) from error
        if (disk := disk_error(error, part.parent)) is not None:
            raise disk from error
        why = f"{type(error).__name__}: {error}"
        raise NumericsError("member_broke", member=failure.item, why=why) from error
    _reduce(case, part, draws)


def run_member(ask: Ask) -> None:
    """Run one member in this process and write what it gave into the run's folder."""
    HAZARDS.update(ask.hazards)
    case = _case(ask.part, ask.earlier, ask.where).as_member(ask.member, ask.drawn)
    with frames_in(ask.part):
        done = simulate(case)
    folder = ask.part / MEMBERS / str(ask.member)
    folder.mkdir(parents=True)
    write_findings(done.exposures, done.levels, folder)
    count = case.scenario.ensemble.members
    for name, outcome in done.outcomes.items():
        sheet = case.sheet(name)
        keep_fields(outcome.fields, sheet, count, folder / name)
        for table in sheet.of_members & set(outcome.tables):
            outcome.tables[table].to_parquet(folder / f"{name}-{table}.parquet")
    write_result(done.balances, done.notes, folder)
    if ask.member == 0:
        write_outcomes(done, ask.part)


@cache
def _case(part: Path, earlier: str | None, where: str) -> Case:
    """Return the case of a run that is being built, opened once in a process."""
    read = load(part / "scenario.yaml")
    base = Path((part / "base.txt").read_text("utf-8"))
    return Case(read.raw, read.scenario.model_copy(update={"continues": earlier}), base, where)


def _reduce(case: Case, part: Path, draws: list[Drawn]) -> None:
    """Write the exposure, levels, quantiles, balances and notes of the whole from what its members left."""
    folders = [part / MEMBERS / str(k) for k in range(len(draws))]
    exposures, same = {}, []
    for name in case.models:
        sheet, theirs = case.sheet(name), [folder / "exposure" / name for folder in folders]
        exposures[name] = members_exposure(
            (read_exposure(path, name) for path in theirs), sheet, median_series(theirs, sheet)
        )
        spread_fields([folder / name for folder in folders], sheet, part / "fields.zarr", name)
        drop_in_time([folder / name for folder in folders])
        same += [name] if alike([folder / name for folder in folders]) else []
        _join_tables(folders, name, sheet.of_members, part)
    write_findings(exposures, graded(exposures, case), part)
    results = [json.loads((folder / RESULT).read_text("utf-8")) for folder in folders]
    errors = [{name: b["relative_error"] for name, b in result["balances"].items()} for result in results]
    table = [
        {"member": k, "drawn": drawn, "balance": error}
        for k, (drawn, error) in enumerate(zip(draws, errors, strict=True))
    ]
    write_json(part / DRAWN, table)
    write_result(results[0]["balances"], _notes(case, results, errors, same), part)


def _join_tables(folders: list[Path], hazard: str, tables: frozenset[str], part: Path) -> None:
    """Write each table that is kept of members once more, with the rows of all members and a column `member`."""
    for table in tables:
        found = [(k, folder / f"{hazard}-{table}.parquet") for k, folder in enumerate(folders)]
        rows = [pd.read_parquet(path).assign(member=k) for k, path in found if path.exists()]
        if rows:
            pd.concat(rows, ignore_index=True).to_parquet(part / MEMBERS / f"{hazard}-{table}.parquet")
            for _, path in found:
                path.unlink(missing_ok=True)


def _notes(
    case: Case, results: list[dict[str, Any]], errors: list[dict[str, float]], same: Collection[str]
) -> list[Any]:
    """Return the notes of member 0, those that only others have, and those on the ensemble.

    `same` are the hazards whose worst field is the same in all members, which is told where something was to vary.
    """
    notes = results[0]["notes"]
    ensemble = case.scenario.ensemble
    own: list[tuple[str, dict[str, Any]]] = [("ensemble", {"members": ensemble.members}), ("ensemble_control", {})]
    if ensemble.vary:
        own.insert(1, ("ensemble_drawn", {"varied": [f"{key} {what}" for key, what in ensemble.vary.items()]}))
    else:
        own.insert(1, ("ensemble_alike", {}))
    for name in case.models:
        worst = max(range(len(errors)), key=lambda k: abs(errors[k][name]))
        hazard = case.sheet(name).name
        own.append(("ensemble_balance", {"hazard": hazard, "error": errors[worst][name], "member": worst}))
        if ensemble.vary and name in same:
            own.append(("ensemble_same", {"hazard": hazard}))
    said = {code for code, _ in notes}
    others: dict[str, list[dict[str, Any]]] = {}
    for result in results[1:]:
        for code, values in result["notes"]:
            if code not in said:
                others.setdefault(code, []).append(values)
    for code, values in others.items():
        sentence = {lang: phrases.note(code, values[0], lang) for lang in LANGS}
        own.append(("ensemble_says", {"count": len(values), "said": sentence}))
    return [*own, *notes]
