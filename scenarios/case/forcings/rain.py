"""Rain: a design storm, a steady rain, a gauge, or a grid of radar or forecast."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import xarray as xr
from pydantic import Field, StrictBool

from hydro.storms.design_storm import alternating, chicago, intensity, pattern
from scenarios.case.forcings.scene import Kind, Note, Scene, TimedFile
from scenarios.case.part import Part
from twin.errors import ScenarioError
from twin.rainfall import RainForm
from twin.readers.grid_series import read_rain_grid
from twin.readers.series import read_rain
from twin.variables import RAIN_RATE, RAIN_RATE_GRID


class DesignRain(Part):
    """A design storm from a city's formula (see `hydro.storms.design_storm`), from `begins` (default: the start of the run)."""

    design: Literal["chicago", "alternating"]
    formula: str
    return_period_years: Annotated[float, Field(gt=0, le=10000)]
    hours: Annotated[float, Field(gt=0, le=24)]
    peak_at: Annotated[float, Field(gt=0, lt=1)] | None = None
    step_minutes: Annotated[float, Field(ge=1, le=60)] = 5
    begins: str | None = None


class PatternRain(Part):
    """A long storm of a city's own table: depth (mm) by duration (minutes), nested around the peak at `peak_at`."""

    design: Literal["pattern"]
    depths_mm: Annotated[dict[Annotated[int, Field(gt=0, le=4320)], Annotated[float, Field(gt=0)]], Field(min_length=2)]
    peak_at: Annotated[float, Field(gt=0, lt=1)]
    step_minutes: Annotated[float, Field(ge=1, le=60)] = 5
    begins: str | None = None


class SteadyRain(Part):
    """Rain of one intensity from `begins` (default: the start of the run)."""

    mm_h: Annotated[float, Field(ge=0, le=1000)]
    hours: Annotated[float, Field(gt=0, le=240)]
    begins: str | None = None


class RainFile(TimedFile):
    """A file of rain; what it does not say of itself is said here (see `twin.rainfall.RainForm`).

    `stamps`: a value belongs to the time after its stamp (start) or before it (end); `cumulative`: it is a running total;
    `gaps`: where values are missing it was dry, or the last value held; `missing`: the numbers that mean no value.
    """

    stamps: Literal["start", "end"] | None = None
    cumulative: StrictBool | None = None
    gaps: Literal["dry", "held"] | None = None
    missing: tuple[float, ...] = ()

    def form(self) -> RainForm:
        """Return how its values are meant."""
        return RainForm(self.stamps, self.cumulative, self.gaps, self.missing)


class GaugeRain(RainFile):
    """Rain from a CSV file (columns `time` and `rain_mm` or `rain_mm_h`, or a `column`) or a SWMM rain file (of a `station_id`).

    `unit` has to be said where no heading says it; `interval_minutes` is how long a value lasts, else the usual step.
    """

    gauge: Path
    unit: Literal["mm", "mm_h", "in", "in_h"] | None = None
    column: str | None = None
    station_id: str | None = None
    interval_minutes: Annotated[float, Field(gt=0, le=1440)] | None = None

    def form(self) -> RainForm:
        """Return how its values are meant."""
        return replace(super().form(), interval_s=self.interval_minutes and self.interval_minutes * 60.0)


class RadarPlace(Part):
    """Where a radar stands, degrees (WGS 84)."""

    lon: Annotated[float, Field(ge=-180, le=180)]
    lat: Annotated[float, Field(ge=-90, le=90)]


class GridRain(RainFile):
    """Rain from a NetCDF file on a grid; `variable`, `units` (mm/h, mm, m, ...) and `crs` where the file does not say.

    `radar` is the place that axes in km from a radar count from. Its times are UTC unless `timezone` is written.
    """

    grid: Path
    variable: str | None = None
    units: str | None = None
    crs: str | None = None
    radar: RadarPlace | None = None


Rain = DesignRain | PatternRain | SteadyRain | GaugeRain | GridRain


def build(rain: Rain, scene: Scene) -> tuple[list[xr.DataArray], list[Note]]:
    """Return the rain and what must be said about it (e.g. a formula of unconfirmed source)."""
    notes: list[Note] = []
    if isinstance(rain, DesignRain):
        array = _design(rain, scene, notes)
    elif isinstance(rain, PatternRain):
        array = _pattern(rain, scene, notes)
    elif isinstance(rain, SteadyRain):
        array = _steps([rain.mm_h / 3.6e6], rain.hours * 3600, rain.begins, scene)
    elif isinstance(rain, GaugeRain):
        path = scene.base / rain.gauge
        array = read_rain(
            path,
            scene.tz_of(rain),
            rain.unit,
            rain.form(),
            column=rain.column,
            station=rain.station_id,
            run=(scene.start, scene.end),
        )
        scene.check_covers(pd.DatetimeIndex(array["time"].values), str(path))
    else:
        array = _gridded(rain, scene)
        scene.check_covers(pd.DatetimeIndex(array["time"].values), str(scene.base / rain.grid))
    notes += array.attrs.pop("notes", [])
    _within(array, scene, notes, from_file=isinstance(rain, GaugeRain | GridRain))
    return [array], notes


def _gridded(rain: GridRain, scene: Scene) -> xr.DataArray:
    return read_rain_grid(
        scene.base / rain.grid,
        scene.city.grid,
        rain.variable,
        rain.units,
        rain.form(),
        radar=(rain.radar.lon, rain.radar.lat) if rain.radar else None,
        crs=rain.crs,
        tz=scene.tz_of(rain) if rain.timezone else UTC,
        run=(scene.start, scene.end),
    )


def _within(rain: xr.DataArray, scene: Scene, notes: list[Note], *, from_file: bool) -> None:
    """Say how much of the rain falls within the run; raise ScenarioError when none of it does although some falls."""
    clock = scene.clock
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
    if inside < total * (1.0 - 1e-9) and not scene.continues:
        notes.append(("rain_cut", {"lost": total - inside, "total": total}))
    if from_file and edges[-1] < clock.duration_s:
        dry = clock.times[0] + pd.Timedelta(seconds=float(edges[-1]))
        notes.append(("rain_ends", {"time": dry.tz_localize("UTC").tz_convert(clock.start.tzinfo).strftime("%H:%M")}))


def _design(rain: DesignRain, scene: Scene, notes: list[Note]) -> xr.DataArray:
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
    return _steps(list(depths / 1000.0 / (rain.step_minutes * 60)), rain.step_minutes * 60, rain.begins, scene)


def _pattern(rain: PatternRain, scene: Scene, notes: list[Note]) -> xr.DataArray:
    depths = pattern({float(m): d for m, d in rain.depths_mm.items()}, rain.peak_at, rain.step_minutes)
    hours = len(depths) * rain.step_minutes / 60.0
    notes.append(("pattern_storm", {"hours": hours, "depth": float(depths.sum())}))
    return _steps(list(depths / 1000.0 / (rain.step_minutes * 60)), rain.step_minutes * 60, rain.begins, scene)


def _steps(rates: list[float], step_s: float, begins: str | None, scene: Scene) -> xr.DataArray:
    """Return rates (m/s), each for `step_s` from `begins` on; none before and after."""
    begin_s = scene.seconds(begins)
    seconds = [begin_s + k * step_s for k in range(len(rates) + 1)]
    rates = [*rates, 0.0]
    if begin_s > 0:
        seconds, rates = [0.0, *seconds], [0.0, *rates]
    times = pd.DatetimeIndex([scene.start + pd.Timedelta(seconds=s) for s in seconds])
    return xr.DataArray(rates, dims="time", coords={"time": times}, name=RAIN_RATE.name)


KIND = Kind(Rain, (RAIN_RATE, RAIN_RATE_GRID), build)
