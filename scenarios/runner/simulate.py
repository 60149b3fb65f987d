"""The order of events of one run: forcing, each hazard in turn, then who and what they touch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import yaml

from scenarios.case.case import Case
from scenarios.case.hazards import measures
from scenarios.runner import stored_drivers
from scenarios.runner.exposure_files import write_exposure
from twin.drivers import hand_on, handed
from twin.exposure import Moving, expose
from twin.gaps import terrain_gap
from twin.grade import grade
from twin.hazard import Action, Outcome, Progress
from twin.sheet import CITY
from twin.streams import stream

#: Where a run folder keeps its forcing.
DRIVERS = "drivers.zarr"

#: Layers of a city whose absence a run must tell.
TOLD_LAYERS = ("buildings", "roads", "population", "facilities")


def simulate(case: Case, part: Path, progress: Progress | None) -> None:
    """Simulate each hazard in order and write scenario, fields, tables, exposure, levels and result into the folder `part`.

    A hazard reads the forcing and what the hazards before it gave. Exposure comes last, because people that one hazard moves
    are no longer at home for any of them.
    """
    earlier = case.earlier
    raw = case.raw | ({"continues": earlier.id} if earlier else {})
    (part / "scenario.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True, sort_keys=False), "utf-8")
    (part / "base.txt").write_text(str(case.base), "utf-8")
    drivers, notes = case.drivers()
    notes = _own_notes(case, notes)
    stored_drivers.save(drivers, part / DRIVERS)
    actions, owner = case.actions(), {kind: m.owner for kind, m in measures(case.models).items()}
    outcomes: dict[str, tuple[Outcome, tuple[Action, ...]]] = {}
    for k, (name, model) in enumerate(case.models.items()):
        share = (lambda done, k=k: progress((k + done) / len(case.models))) if progress else None
        mine = tuple(a for a in actions if owner[a.kind] in (name, CITY))
        before = earlier.state(name) if earlier else None
        rng = stream(case.scenario.seed, name)
        outcome = model.simulate(case.city, handed(drivers, model), case.clock, mine, rng, before, share)
        drivers = hand_on(drivers, model, outcome)
        _write_outcome(part, name, outcome)
        outcomes[name] = outcome, mine
        notes += [(f"{name}.{code}", dict(values)) for code, values in outcome.notes]
    moving, graded = Moving.of(drivers), []
    for name, (outcome, mine) in outcomes.items():
        sheet = case.sheet(name)
        exposure = expose(
            case.city, outcome.fields, sheet, mine, places=outcome.places, counts=outcome.counts, moving=moving
        )
        write_exposure(part / "exposure" / name, exposure)
        graded.append(grade(exposure, sheet))
    levels = [table for table in graded if len(table)] or graded[:1]
    pd.concat(levels, ignore_index=True).to_parquet(part / "levels.parquet")
    balances = {name: outcome.balance.as_dict() for name, (outcome, _) in outcomes.items()}
    write_json(part / "result.json", {"balances": balances, "notes": notes})


def _own_notes(case: Case, notes: list[Any]) -> list[Any]:
    """Return the notes on forcing with those on what the city lacks and on the run that this one goes on from."""
    city, earlier = case.city, case.earlier
    if earlier is not None:
        start = case.clock.start.astimezone(city.tz).strftime("%H:%M")
        notes.append(("continues", {"run": earlier.id, "time": start}))
    notes += [("layer_missing", {"layer": name}) for name in TOLD_LAYERS if not len(getattr(city, name))]
    gap = terrain_gap(city)
    return notes + (gap.notes() if gap else [])


def _write_outcome(part: Path, name: str, outcome: Outcome) -> None:
    """Write fields, tables, own places and state of one hazard.

    A chunk is one output step of a field on cells, and all of a field on ids.
    """
    fields = outcome.fields.copy()
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
