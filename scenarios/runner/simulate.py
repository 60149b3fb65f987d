"""The order of events of one run: forcing, each hazard in turn, then who and what they touch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import xarray as xr
import yaml

from scenarios.case import needs
from scenarios.case.case import Case
from scenarios.case.forcings import FORCINGS
from scenarios.runner import stored_drivers
from scenarios.runner.exposure_files import write_exposure
from scenarios.runner.stored_ids import to_store
from twin.drivers import hand_on, handed, unread
from twin.errors import ContractError
from twin.exposure import PLACE_COLOUR, Exposure, Moving, expose, worst_colours
from twin.frames import frames_in
from twin.gaps import terrain_gap
from twin.grade import grade
from twin.hazard import Drivers, Outcome, Progress, site_of
from twin.streams import stream

#: Where a run folder keeps its forcing.
DRIVERS = "drivers.zarr"

#: Where a run folder keeps balances and notes.
RESULT = "result.json"

#: The share of a simulation's progress that its hazards take; reading who and what they touch, and writing, take the rest.
HAZARDS_SHARE = 0.9

#: Layers of a city whose absence a run must tell.
TOLD_LAYERS = ("buildings", "roads", "population", "facilities")


@dataclass(frozen=True)
class Simulated:
    """What a simulation gave: notes, for each hazard its outcome and the exposure to it, and all levels."""

    notes: list[Any]
    outcomes: dict[str, Outcome]
    exposures: dict[str, Exposure]
    levels: pd.DataFrame

    @property
    def balances(self) -> dict[str, dict[str, Any]]:
        """Each hazard's ledger as plain numbers."""
        return {name: outcome.balance.as_dict() for name, outcome in self.outcomes.items()}


def simulate(case: Case, progress: Progress | None = None) -> Simulated:
    """Return what the hazards of a case give, each in turn, and who and what they touch.

    A hazard reads the forcing and what the hazards before it gave, and how bad facilities get by them where it asks for that.
    Exposure comes last, because people that one hazard moves
    are no longer at home for any of them.
    """
    earlier = case.earlier
    drivers, notes = case.drivers()
    notes = _unread(case, drivers) + _own_notes(case, notes)
    outcomes: dict[str, Outcome] = {}
    for k, (name, model) in enumerate(case.models.items()):
        share = part_of(progress, k / len(case.models), (k + 1) / len(case.models))
        before = earlier.state(name, case.models) if earlier else None
        rng = stream(case.scenario.seed, name, case.member)
        outcome = model.simulate(
            case.city, handed(drivers, model), case.clock, case.actions_of(name), rng, before, share
        )
        drivers = hand_on(drivers, model, outcome)
        if any(PLACE_COLOUR in later.reads for later in list(case.models.values())[k + 1 :]):
            drivers = {**drivers, PLACE_COLOUR: _worse(drivers.get(PLACE_COLOUR), case, name, outcome)}
        outcomes[name] = outcome
        site = {"site": case.city.place_name(found)} if (found := site_of(model)) else {}
        notes += [(f"{name}.{code}", dict(values) | site) for code, values in outcome.notes]
    moving = Moving.of(drivers)
    exposures = {
        name: expose(
            case.city,
            outcome.fields,
            case.sheet(name),
            case.actions_of(name),
            places=outcome.places,
            counts=outcome.counts,
            moving=moving,
            since=_since(case, name, outcome),
        )
        for name, outcome in outcomes.items()
    }
    return Simulated(notes + _apart(case, exposures), outcomes, exposures, graded(exposures, case))


def _since(case: Case, name: str, outcome: Outcome) -> pd.Timestamp | None:
    """Return when all of a hazard begins, where its sheet names the table that says so and the table has a row.

    Raises ContractError when the model gave no such table.
    """
    if not (table := (sheet := case.sheet(name)).since):
        return None
    rows = outcome.tables.get(table, pd.DataFrame())
    if "begins_s" not in rows:
        raise ContractError(
            "table_missing", hazard=sheet.name, name=table, found=sorted(outcome.tables), expected=["begins_s"]
        )
    return case.clock.times[0] + pd.Timedelta(seconds=float(rows["begins_s"].min())) if len(rows) else None


def _worse(known: xr.DataArray | None, case: Case, name: str, outcome: Outcome) -> xr.DataArray:
    """Return the worst colour of each facility by the hazards so far, this one counted."""
    found = worst_colours(case.city, outcome.fields, case.sheet(name))
    if known is None:
        return found
    return xr.concat(xr.align(known, found, join="outer"), "hazard").max("hazard").rename(PLACE_COLOUR)


def simulate_single(case: Case, part: Path, progress: Progress | None) -> None:
    """Simulate a case that has no ensemble and write all it gives into the folder `part`."""
    write_case(case, part)
    with frames_in(part):
        done = simulate(case, part_of(progress, 0.0, HAZARDS_SHARE))
    write_outcomes(done, part)
    write_findings(done.exposures, done.levels, part)
    write_result(done.balances, done.notes, part)
    part_of(progress, HAZARDS_SHARE, 1.0)(1.0)


def part_of(progress: Progress | None, begin: float, end: float) -> Progress:
    """Return the progress of a part of the whole that goes from the share `begin` to `end`; nothing is told where nobody asks."""
    return lambda share: None if progress is None else progress(begin + share * (end - begin))


def graded(exposures: Mapping[str, Exposure], case: Case) -> pd.DataFrame:
    """Return the levels of all hazards in one table."""
    tables = [grade(exposure, case.sheet(name)) for name, exposure in exposures.items()]
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def write_case(case: Case, part: Path) -> None:
    """Write the scenario, the folder its paths are relative to, and the forcing as written."""
    raw = case.raw | {"name": case.title} | ({"continues": case.earlier.id} if case.earlier else {})
    (part / "scenario.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True, sort_keys=False), "utf-8")
    (part / "base.txt").write_text(str(case.base), "utf-8")
    stored_drivers.save(case.drivers()[0], part / DRIVERS)


def write_outcomes(done: Simulated, part: Path) -> None:
    """Write fields, tables, own places and state of each hazard."""
    for name, outcome in done.outcomes.items():
        _write_outcome(part, name, outcome)


def write_findings(exposures: Mapping[str, Exposure], levels: pd.DataFrame, part: Path) -> None:
    """Write the exposure to each hazard, and the levels."""
    for name, exposure in exposures.items():
        write_exposure(part / "exposure" / name, exposure)
    levels.to_parquet(part / "levels.parquet")


def write_result(balances: Mapping[str, Any], notes: list[Any], part: Path) -> None:
    """Write the balances and notes."""
    write_json(part / RESULT, {"balances": balances, "notes": notes})


def _apart(case: Case, exposures: Mapping[str, Exposure]) -> list[Any]:
    """Return the note on people at places whose models count them alone, where there are other hazards, which do not."""
    own = {name: site for name, e in exposures.items() if e.basis == "model" and (site := site_of(case.models[name]))}
    sites = [case.city.place_name(site) for site in own.values()]
    return [("apart", {"sites": sites})] if sites and len(exposures) > len(sites) else []


def _own_notes(case: Case, notes: list[Any]) -> list[Any]:
    """Return the notes on forcing with those on the run that this goes on from, the order of hazards, what the city's data lack."""
    city, earlier = case.city, case.earlier
    if earlier is not None:
        start = case.clock.start.astimezone(city.tz).strftime("%H:%M")
        notes.append(("continues", {"run": earlier.id, "time": start}))
        if earlier.scenario.ensemble.members > 1:
            notes.append(("continues_control", {"run": earlier.id}))
    notes += needs.read_later(case.models, case.drivers()[0])
    notes += [("layer_missing", {"layer": name}) for name in TOLD_LAYERS if not len(getattr(city, name))]
    gap = terrain_gap(city)
    return notes + (gap.notes() if gap else []) + [finding.note() for finding in city.findings]


def _unread(case: Case, drivers: Drivers) -> list[Any]:
    """Return the notes on the kinds of forcing of which no hazard of the case reads anything, and on parts of places at which none stands,
    where there are such."""
    idle = set(unread(drivers, case.models.values()))
    given = {key: {v.name for v in kind.gives} & set(drivers) for key, kind in FORCINGS.items()}
    keys = [f"forcing.{key}" for key, names in given.items() if names and names <= idle]
    notes: list[Any] = [("forcing_unread", {"found": keys})] if keys else []
    sites = {site_of(model) for model in case.models.values()}
    named = [str(p) for n, a in drivers.items() if n not in idle and "place" in a.dims for p in a["place"].values]
    lost = [p for p in named if (whole := case.city.part_of(p)) is not None and whole not in sites]
    return notes + ([("forcing_nowhere", {"places": [case.city.place_name(p) for p in lost]})] if lost else [])


def _write_outcome(part: Path, name: str, outcome: Outcome) -> None:
    """Write fields, tables, own places and state of one hazard.

    A chunk is one output step of a field on cells, and all of a field on ids.
    """
    fields = to_store(outcome.fields)
    fields.attrs |= {"Conventions": "CF-1.10", "hazard": name}
    encoding = {
        v: {
            "chunks": tuple(
                1 if d == "time" and "x" in fields[v].dims else max(n, 1) for d, n in fields[v].sizes.items()
            )
        }
        for v in fields.data_vars
    }
    fields.to_zarr(part / "fields.zarr", group=name, mode="a", encoding=encoding, consolidated=False)
    (part / "tables").mkdir(exist_ok=True)
    for table, frame in outcome.tables.items():
        frame.to_parquet(part / "tables" / f"{name}-{table}.parquet")
    if outcome.places is not None:
        (part / "places").mkdir(exist_ok=True)
        outcome.places.to_parquet(part / "places" / f"{name}.parquet")
    outcome.state.save(part / f"state-{name}.npz")


def read_places(folder: Path, hazard: str) -> gpd.GeoDataFrame | None:
    """Return the places that only this hazard knows; None where it has none."""
    path = folder / "places" / f"{hazard}.parquet"
    return gpd.read_parquet(path) if path.exists() else None


def write_json(path: Path, content: Any) -> None:
    """Write plain JSON; numbers of arrays become plain ones, what else is unknown its text."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1, default=_plain), "utf-8")


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    return str(value)
