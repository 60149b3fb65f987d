"""Smoke: a puff from one place that the wind carries over cells of its own grid, which reaches beyond the city on one side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import xarray as xr
from annotated_types import Ge, Gt, Le

from twin.grid import Grid
from twin.hazard import Balance, Outcome, State
from twin.variables import Unit, Variable, conform

MG = "mg m-3"
DENSITY = Variable(
    "smoke_density", MG, ("time", "y", "x"), "烟雾浓度", "smoke density", 0.0, 1e6, tags=frozenset({"harms_people"})
)
VISIBILITY = Variable("visibility", "m", ("time", "y", "x"), "能见度", "visibility", 0.0, 2e4)
HIGHEST = Variable("highest_density", MG, ("y", "x"), "最高烟雾浓度", "highest smoke density", 0.0, 1e6)
LOWEST = Variable("lowest_visibility", "m", ("y", "x"), "最低能见度", "lowest visibility", 0.0, 2e4)
DOSE = Variable("smoke_dose", "mg min m-3", ("y", "x"), "烟雾剂量", "smoke dose", 0.0, 1e9)

#: Visibility in clean air, m, and the visibility times the density, m mg m-3.
CLEAN, KOSCHMIEDER = 2e4, 400.0


@dataclass(frozen=True)
class Smoke:
    needs: ClassVar = (("wind",),)
    reads: ClassVar = ()
    gives: ClassVar = (DENSITY,)

    rate_g_s: Annotated[float, Gt(0), Unit("g s-1")] = 40.0
    cell_m: Annotated[float, Ge(5), Le(200), Unit("m")] = 35.0
    reach_m: Annotated[float, Gt(0), Unit("m")] = 595.0
    layer_m: Annotated[float, Gt(0), Unit("m")] = 10.0
    settles_s: Annotated[float, Gt(0), Unit("s")] = 1800.0

    def grid(self, city):
        """Return the cells: a square around a place in the west of the city, so that the city's east lies outside it."""
        x, y = city.grid.west + 0.31 * (city.grid.east - city.grid.west), city.grid.north - 300.0
        n = 2 * round(self.reach_m / self.cell_m)
        return Grid(city.grid.crs, x - n * self.cell_m / 2, y + n * self.cell_m / 2, self.cell_m, n, n)

    def simulate(self, city, drivers, clock, actions=(), rng=None, state=None, progress=None):
        grid = self.grid(city)
        state = state and state.check("smoke", grid.hash)
        mass = state.arrays["mass"].copy() if state else np.zeros(grid.shape)
        before, volume = mass.sum(), grid.cell_area_m2 * self.layer_m
        ledger = {"source": 0.0, "settled": 0.0, "blown": 0.0}
        density = lambda: 1e3 * mass / volume  # noqa: E731 - g per cell to mg m-3
        frames, dose, highest = [density()], np.zeros(grid.shape), density()
        for k in range(clock.steps):
            u, v = (_value(drivers, name, clock.times[k]) for name in ("eastward_wind", "northward_wind"))
            parts = max(1, int(np.ceil(clock.step_s * (abs(u) + abs(v)) / self.cell_m / 0.5)))
            dt = clock.step_s / parts
            for part in range(parts):
                emitted = self.rate_g_s * _strength(actions, k * clock.step_s + part * dt) * dt
                mass[grid.ny // 2, grid.nx // 2] += emitted
                ledger["source"] += emitted
                ledger["blown"] += _carry(mass, u * dt / self.cell_m, v * dt / self.cell_m)
                settled = mass * -np.expm1(-dt / self.settles_s)
                mass -= settled
                ledger["settled"] += settled.sum()
                dose += density() * dt / 60.0
                highest = np.maximum(highest, density())
            frames.append(density())
        values = np.array(frames)
        fields = xr.Dataset(
            {
                "smoke_density": (("time", "y", "x"), values),
                "visibility": (("time", "y", "x"), _visibility(values)),
                "highest_density": (("y", "x"), highest),
                "lowest_visibility": (("y", "x"), _visibility(highest)),
                "smoke_dose": (("y", "x"), dose),
            },
            coords={"time": clock.times.values, "y": grid.y, "x": grid.x},
        )
        balance = Balance(
            "g",
            {"source": ledger["source"]},
            {k: ledger[k] for k in ("settled", "blown")},
            {"air": mass.sum() - before},
            1e-9,
        )
        worst = {"x": float(grid.x[values.max(axis=(0, 1)).argmax()]), "density": float(highest.max())}
        return Outcome(
            conform(fields, DENSITY, VISIBILITY, HIGHEST, LOWEST, DOSE),
            {},
            balance.check("smoke"),
            State("smoke", grid.hash, {"mass": mass}),
            (("densest", worst),),
        )


def _value(drivers, name, time):
    """Return the wind at a time, m/s; calm where nothing says."""
    return float(drivers[name].sel(time=time, method="ffill")) if name in drivers else 0.0


def _visibility(density):
    return np.minimum(CLEAN, KOSCHMIEDER / np.maximum(density, 1e-9))


def _strength(actions, t):
    """Return the share of the full rate at `t`: foam takes from it, a flare-up adds to it."""
    active = [a for a in actions if a.active(t)]
    share = np.prod([1.0 - a.values["share"] for a in active if a.kind == "foam"])
    return float(share * np.prod([a.values["times"] for a in active if a.kind == "flare_up"]))


def _carry(mass, cx, cy):
    """Move mass by upwind fluxes at Courant numbers `cx` east and `cy` north; return what leaves over the rim."""
    wide, high = np.pad(mass, ((0, 0), (1, 1))), np.pad(mass, ((1, 1), (0, 0)))
    east = cx * (wide[:, :-1] if cx > 0 else wide[:, 1:])
    north = cy * (high[1:] if cy > 0 else high[:-1])
    mass += east[:, :-1] - east[:, 1:] + north[1:] - north[:-1]
    return float(east[:, -1].sum() - east[:, 0].sum() + north[0].sum() - north[-1].sum())
