"""What drives a case: rain, river stage; each on its own axes, a value holding over [t_k, t_k+1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hydro.storms.design_storm import alternating, chicago, intensity, pattern
from scenarios.case.schema import (
    DesignRain,
    GaugeRain,
    GaugeStage,
    GridRain,
    PatternRain,
    Scenario,
    SteadyRain,
    clock_time,
)
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.hazard import Drivers
from twin.readers.rain_grid import read_rain_grid
from twin.readers.series import read_rain, read_stage
from twin.variables import RAIN_RATE, RAIN_RATE_GRID, RIVER_STAGE, conform_array

Note = tuple[str, dict[str, Any]]


def build(scenario: Scenario, city: City, clock: Clock, base: Path) -> tuple[Drivers, list[Note]]:
    """Return the drivers of a scenario and what must be said about them (e.g. a formula of unconfirmed source)."""
    parts: list[xr.DataArray] = []
    notes: list[Note] = []
    rain, stage = scenario.forcing.rain, scenario.forcing.river_stage
    if isinstance(rain, DesignRain):
        parts.append(_design(rain, city, clock, notes))
    elif isinstance(rain, PatternRain):
        parts.append(_pattern(rain, city, clock, notes))
    elif isinstance(rain, SteadyRain):
        parts.append(_steps([rain.mm_h / 3.6e6], rain.hours * 3600, clock, _begin(rain.begins, city, clock)))
    elif isinstance(rain, GaugeRain):
        parts.append(_covering(read_rain(base / rain.gauge, city.tz, rain.unit), clock, base / rain.gauge))
    elif isinstance(rain, GridRain):
        parts.append(
            _covering(
                read_rain_grid(
                    base / rain.grid,
                    city.grid,
                    rain.variable,
                    rain.units,
                    radar=(rain.radar.lon, rain.radar.lat) if rain.radar else None,
                ),
                clock,
                base / rain.grid,
            )
        )
    if isinstance(stage, GaugeStage):
        parts.append(_covering(read_stage(base / stage.gauge, city.tz), clock, base / stage.gauge))
    elif stage is not None:
        parts.append(xr.DataArray([float(stage)], dims="time", coords={"time": clock.times[:1]}, name="river_stage"))
    for part in parts:
        if part.attrs.get("dips"):
            notes.append(("rain_dips", {"count": part.attrs["dips"]}))
        if part.name != "river_stage":
            _within(part, clock, notes, from_file=isinstance(rain, GaugeRain | GridRain))
    known = {v.name: v for v in (RAIN_RATE, RAIN_RATE_GRID, RIVER_STAGE)}
    return {str(part.name): conform_array(part, known[str(part.name)]) for part in parts}, notes


def _within(rain: xr.DataArray, clock: Clock, notes: list[Note], *, from_file: bool) -> None:
    """Say how much of the rain falls within the run; raise ScenarioError when none of it does although some falls."""
    edges = np.array([clock.seconds(t) for t in rain["time"].values])
    whole = np.diff(np.append(edges, edges[-1]))
    cut = np.diff(np.clip(np.append(edges, edges[-1]), 0.0, clock.duration_s))
    depth = rain.values.reshape(len(rain), -1).mean(axis=1) * 1000.0
    total, inside = float((depth * whole).sum()), float((depth * cut).sum())
    if total > 0 and inside <= 0:
        raise ScenarioError(
            "rain_outside",
            found=f"{rain['time'].values[0]} .. {rain['time'].values[-1]} UTC",
            expected=f"{clock.times[0]} .. {clock.times[-1]} UTC",
        )
    if inside < total * (1.0 - 1e-9):
        notes.append(("rain_cut", {"lost": total - inside, "total": total}))
    if from_file and edges[-1] < clock.duration_s:
        dry = clock.times[0] + pd.Timedelta(seconds=float(edges[-1]))
        notes.append(("rain_ends", {"time": dry.tz_localize("UTC").tz_convert(clock.start.tzinfo).strftime("%H:%M")}))


def files_of(scenario: Scenario, base: Path) -> list[Path]:
    """Return every file the forcing reads, for the run's identity."""
    rain, stage = scenario.forcing.rain, scenario.forcing.river_stage
    found = [rain.gauge] if isinstance(rain, GaugeRain) else [rain.grid] if isinstance(rain, GridRain) else []
    return [base / f for f in found + ([stage.gauge] if isinstance(stage, GaugeStage) else [])]


def _design(rain: DesignRain, city: City, clock: Clock, notes: list[Note]) -> xr.DataArray:
    formula = intensity(rain.formula, rain.return_period_years)
    peak_at = rain.peak_at if rain.peak_at is not None else formula.peak_at
    if peak_at is None:
        raise ScenarioError("peak_unknown", formula=formula.formula)
    storm = {"chicago": chicago, "alternating": alternating}[rain.design]
    depths = storm(formula, rain.hours * 60, peak_at, rain.step_minutes)
    notes.append(
        (
            "design_storm",
            {
                "formula": formula.formula,
                "years": rain.return_period_years,
                "hours": rain.hours,
                "depth": float(depths.sum()),
                "source": formula.source,
            },
        )
    )
    if not formula.confirmed:
        notes.append(
            (
                "formula_unconfirmed",
                {"formula": formula.formula, "confidence": formula.confidence, "status": formula.status},
            )
        )
    begin = _begin(rain.begins, city, clock)
    return _steps(list(depths / 1000.0 / (rain.step_minutes * 60)), rain.step_minutes * 60, clock, begin)


def _pattern(rain: PatternRain, city: City, clock: Clock, notes: list[Note]) -> xr.DataArray:
    depths = pattern({float(m): d for m, d in rain.depths_mm.items()}, rain.peak_at, rain.step_minutes)
    hours = len(depths) * rain.step_minutes / 60.0
    notes.append(("pattern_storm", {"hours": hours, "depth": float(depths.sum())}))
    begin = _begin(rain.begins, city, clock)
    return _steps(list(depths / 1000.0 / (rain.step_minutes * 60)), rain.step_minutes * 60, clock, begin)


def _begin(text: str | None, city: City, clock: Clock) -> float:
    """Return when rain begins, in seconds on the clock."""
    return clock.seconds(clock_time(text, clock.start.astimezone(city.tz))) if text else 0.0


def _steps(rates: list[float], step_s: float, clock: Clock, begin_s: float) -> xr.DataArray:
    """Return rates (m/s), each for `step_s` from `begin_s` on; none before and after."""
    seconds = [begin_s + k * step_s for k in range(len(rates) + 1)]
    rates = [*rates, 0.0]
    if begin_s > 0:
        seconds, rates = [0.0, *seconds], [0.0, *rates]
    times = pd.DatetimeIndex([clock.times[0] + pd.Timedelta(seconds=s) for s in seconds])
    return xr.DataArray(rates, dims="time", coords={"time": times}, name="rain_rate")


def _covering(series: xr.DataArray, clock: Clock, path: Path) -> xr.DataArray:
    """Return the series if it begins by the start of the run and overlaps it."""
    times = pd.DatetimeIndex(series["time"].values)
    if times[0] > clock.times[0] or times[-1] <= clock.times[0]:
        raise ScenarioError(
            "series_elsewhen",
            where=str(path),
            found=f"{times[0]} .. {times[-1]} UTC",
            expected=f"{clock.times[0]} UTC",
        )
    return series
