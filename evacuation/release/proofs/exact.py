"""Cases with an exact answer: plume, puff, room, ledger, threads, a run cut in two, and what halving steps changes."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any

import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.special import gamma

from evacuation.release.cloud import Cloud, Emission
from evacuation.release.dilution import PASSIVE, even
from evacuation.release.kernels import loads
from evacuation.release.proofs.worlds import even_air, town, wind
from evacuation.release.release import Release
from twin.clock import Clock
from twin.grid import Grid
from twin.hazard import Action, Outcome
from twin.jit import on_threads
from twin.proof import Reference, one_and_many
from twin.streams import stream

#: u* (m s-1), 1 / L (m-1), sigma_v / u* of neutral, stable and unstable air.
AIRS = {"neutral": (0.40, 0.0, 1.92), "stable": (0.20, 0.02, 1.92), "unstable": (0.35, -0.02, 3.0)}
Z0, KAPPA, HEIGHT, HIGHEST = 0.1, 0.4, 1.5, 1e4


class Similarity:
    """The growth of a cloud near the ground, written once more and integrated to 1e-10."""

    def __init__(self, ustar: float, inv_l: float, lateral: float) -> None:
        self.ustar, self.inv_l, self.sigma_v = ustar, inv_l, lateral * ustar

    def log_law(self, z: float) -> float:
        """Return kappa u / u*."""

        def psi(height: float) -> float:
            zeta = height * self.inv_l
            if zeta >= 0:
                return -6.0 * zeta
            x = (1.0 - 19.3 * zeta) ** 0.25
            return math.log((1 + x) ** 2 * (1 + x**2) / 8) - 2 * math.atan(x) + math.pi / 2

        z = max(z, 2 * Z0)
        return math.log(z / Z0) - psi(z) + psi(Z0)

    def exponents(self, zbar: float) -> tuple[float, float]:
        """Return s and m at 0.6 of the mean height."""
        zeta = 0.6 * zbar * self.inv_l
        shear = 1 + 6 * zeta if zeta >= 0 else (1 - 19.3 * zeta) ** -0.25
        m = min(shear / self.log_law(0.6 * zbar), 0.6)
        bent = 7.8 * zeta / (0.95 + 7.8 * zeta) if zeta >= 0 else 5.8 * zeta / (1 - 11.6 * zeta)
        return max(1 + m + bent, 1.0), m

    def motion(self, zbar: float) -> tuple[float, float]:
        """Return speed and growth of the mean height."""
        s, m = self.exponents(zbar)
        s = s if abs(s - 1) >= 1e-3 else 1.001
        p = (s * (gamma(2 / s) / gamma(1 / s)) ** s) ** (1 / (1 - s))
        s, m = self.exponents(zbar)
        c = (gamma((m + 1) / s) / gamma(1 / s)) ** (1 / m) * gamma(1 / s) / gamma(2 / s)
        zeta = p * zbar * self.inv_l
        mixing = 0.95 + 7.8 * zeta if zeta >= 0 else 0.95 * (1 - 11.6 * zeta) ** -0.5
        moved = self.log_law(c * zbar)
        return self.ustar / KAPPA * moved, self.ustar * KAPPA * moved / (mixing * self.log_law(p * zbar))

    def memory(self, zbar: float) -> float:
        """Return the Lagrangian time of sideways motion, s: 2 sigma_v^2 / (3 eps)."""
        zeta = zbar * self.inv_l
        phi = 1 + 5 * zeta if zeta >= 0 else (1 + 0.5 * abs(zeta) ** (2 / 3)) ** 1.5
        like = 1.92 if zeta >= 0 else (12 - HIGHEST * self.inv_l) ** (1 / 3)
        eddies = max(self.sigma_v, like * self.ustar)
        return 2 * eddies**2 * KAPPA * zbar / (3.0 * self.ustar**3 * phi)

    def track(self, zbar: float, seconds: float) -> Any:
        """Return x, mean height, sideways variance from a point and half its growth as a dense solution of time."""

        def change(_: float, y: Any) -> list[float]:
            return [*self.motion(y[1]), 2 * y[3], self.sigma_v**2 - y[3] / self.memory(y[1])]

        return solve_ivp(change, (0.0, seconds), [0.0, zbar, 0.0, 0.0], rtol=1e-10, atol=1e-9, dense_output=True).sol

    def share(self, zbar: float, z: float) -> float:
        """Return the share per metre of height."""
        s, _ = self.exponents(zbar)
        b = zbar * gamma(1 / s) / gamma(2 / s)
        return float(s / (b * gamma(1 / s)) * math.exp(-((min(z, zbar) / b) ** s)))

    def puff_mean(
        self, track: Any, kg: float, half_width: float, x: float, y: float, begin: float, end: float
    ) -> float:
        """Return the mean concentration at (x, y) from age `begin` to `end` of a puff that moves along x."""

        def c(age: float) -> float:
            middle, zbar, spread, _ = (float(v) for v in track(age))
            w = math.sqrt(spread + half_width**2 / 3.0)
            off = ((x - middle) ** 2 + y**2) / (2 * w * w)
            return kg * math.exp(-off) / (2 * math.pi * w * w) * self.share(zbar, HEIGHT)

        return float(quad(c, begin, end, epsrel=1e-8)[0]) / (end - begin)


@cache
def plume(_: Reference) -> dict[str, float]:
    """Return the largest relative errors of a steady plume from 100 to 2000 m, on its axis and one width beside, by stability.

    Held against the integral of puffs over their age; `slender` against the plume formula that leaves out spread along the wind.
    """
    found, slender = {}, 0.0
    for name, values in AIRS.items():
        law, air, cloud = Similarity(*values), even_air(*values, z0=Z0), Cloud()
        source = Emission(0, 0.0, 0.0, 1.0, 0.0, PASSIVE, 1.2, 0.5, 1.0)
        seconds = 1600.0
        for k in range(int(seconds / 20.0)):
            cloud.step([source], 20.0, 8, 8 * k, air, 20.0 * k)
        ages = np.linspace(0.0, seconds, 40001)
        far, high, spread, _ = law.track(1.0, seconds)(ages)
        wide = np.sqrt(spread + 0.5**2 / 3.0)
        share = np.array([law.share(z, HEIGHT) for z in high])
        worst = 0.0
        for x in (100.0, 200.0, 500.0, 1000.0, 2000.0):
            k = int(np.searchsorted(far, x))
            for y in (0.0, float(wide[k])):
                puffs = np.exp(-((x - far) ** 2 + y**2) / (2 * wide**2)) * share / (2 * math.pi * wide**2)
                exact = float(((puffs[1:] + puffs[:-1]) / 2).sum() * (ages[1] - ages[0]))
                got = float(cloud.at(np.array([x]), np.array([y]), air)[0])
                worst = max(worst, abs(got / exact - 1.0))
                formula = share[k] * math.exp(-0.5 * (y / wide[k]) ** 2)
                formula /= law.motion(high[k])[0] * math.sqrt(2 * math.pi) * wide[k]
                slender = max(slender, abs(got / formula - 1.0))
        found[name] = worst
    return found | {"worst": max(found.values()), "slender": slender}


@cache
def puff(_: Reference) -> dict[str, float]:
    """Return the largest relative error of a sudden puff, mean over a step, at its middle and one width off, by stability."""
    found = {}
    for name, values in AIRS.items():
        law, air, cloud = Similarity(*values), even_air(*values, z0=Z0), Cloud()
        dt, worst = 20.0, 0.0
        track = law.track(1.0, 1200.0)
        for k in range(60):
            cloud.step(
                [Emission(0, 0.0, 0.0, 0.0, 5.0, PASSIVE, 1.2, 2.0, 1.0)] if k == 0 else [], dt, 8, 8 * k, air, dt * k
            )
            if (k + 1) % 15 == 0:
                t = dt * (k + 1)
                x, _, spread, _ = track(t - dt / 2)
                sigma = math.sqrt(spread + 2.0**2 / 3.0)
                for dx, dy in ((0.0, 0.0), (sigma, 0.0), (0.0, sigma), (-sigma, 0.5 * sigma)):
                    exact = law.puff_mean(track, 5.0, 2.0, x + dx, dy, t - dt, t)
                    got = float(cloud.at(np.array([x + dx]), np.array([dy]), air)[0])
                    worst = max(worst, abs(got / exact - 1.0))
        found[name] = worst
    return found | {"worst": max(found.values())}


def room(_: Reference) -> float:
    """Return the largest relative error of a room's air and of its mean in a cloud that comes, doubles and goes."""
    a, dt, worst = 0.5 / 3600.0, 120.0, 0.0
    outside = np.repeat([0.0, 1e-5, 2e-5, 0.0], 30)
    c, at_start = 0.0, 0.0
    for k, c_out in enumerate(outside):
        if k % 30 == 0:
            at_start = c
        began = c
        c, mean = loads.indoors(c, c_out, a, dt)
        t = (k % 30 + 1) * dt
        exact = c_out + (at_start - c_out) * math.exp(-a * t)
        between = quad(lambda s, o=c_out, b=began: o + (b - o) * math.exp(-a * s), 0.0, dt, epsrel=1e-12)[0] / dt
        if exact > 0:
            worst = max(worst, abs(c / exact - 1.0), abs(mean / between - 1.0))
    return worst


START = datetime(2026, 6, 20, 18, 0, tzinfo=timezone(timedelta(hours=8)))
WINDS = {0.0: (2.0, 0.3), 700.0: (1.5, 1.0), 1500.0: (2.5, -0.5)}


def leak(clock: Clock, drivers: Any, actions: tuple[Action, ...] = (), state: Any = None, **changes: Any) -> Outcome:
    """Return a leak of chlorine in the made-up town."""
    model = Release(substance="chlorine", site="works/T1", mass_kg=600.0, start_min=5.0, wind_members=4)
    return replace(model, **changes).simulate(town(), drivers, clock, actions, stream(7, "release"), state)


@cache
def mass(_: Reference) -> dict[str, float]:
    """Return the largest error of the ledger of leaks from a hole and at once, with pool, water curtain and a shut valve."""
    clock = Clock(START, 3600.0, 300.0)
    actions = (
        Action("water_curtain", "works/T1", 600.0, 1500.0, {"share": 0.4}),
        Action("shut_valve", "works/T1", 420.0, 480.0),
    )
    hole = leak(clock, wind(clock, WINDS), actions)
    sudden = leak(clock, wind(clock, WINDS), outflow="sudden")
    fast = leak(clock, wind(clock, {0.0: (12.0, 0.0)}), puffs_per_step=4)
    runs = {"hole": hole, "sudden": sudden, "far": fast}
    found = {name: abs(run.balance.error) for name, run in runs.items()}
    return found | {"worst": max(found.values()), "lost": fast.balance.went_out["out_of_sight"]}


@cache
def threads(_: Reference) -> float:
    """Return the largest difference of any field between one thread and all."""
    clock, found = Clock(START, 1800.0, 300.0), []
    for count in one_and_many():
        with on_threads(count):
            found.append(leak(clock, wind(clock, WINDS)).fields)
    gaps = [np.abs(found[0][v].values - found[1][v].values) for v in found[0]]
    return max(float(np.nanmax(gap, initial=0.0)) for gap in gaps)


@cache
def restart(_: Reference) -> float:
    """Return the largest difference of any field and of the advice between a run cut in two and the whole one.

    Fields of now and in 20 minutes are left out: now is another moment for a run that goes on.
    """
    whole_clock = Clock(START, 3600.0, 300.0)
    drivers = wind(whole_clock, WINDS)
    whole = leak(whole_clock, drivers)
    first = leak(whole_clock.first(1500.0), drivers)
    second = leak(whole_clock.after(1500.0), drivers, state=first.state)
    differs = 0.0
    for name in (n for n in whole.fields if "ahead" not in whole.fields[n].dims):
        a, b = whole.fields[name], second.fields[name]
        if "time" in a.dims:
            a = a.isel(time=slice(5, None))
        if name in ("leave_before", "advice_from"):
            a = a - 1500.0
        gap = np.abs(a.values - b.values)
        differs = max(
            differs, float(np.nanmax(gap, initial=0.0)), float((np.isnan(a.values) != np.isnan(b.values)).any())
        )
    return differs


@cache
def refine(_: Reference) -> dict[str, float]:
    """Return how much arc maxima and crosswind integrals of the time integral move beyond 200 m when something is halved."""

    def arcs(step: float, parts: int, cell: float) -> np.ndarray:
        air = even_air(0.3, 0.0, 1.92, z0=0.3)
        grid = Grid("EPSG:4547", 0.0, 600.0, cell, round(1200 / cell), round(2400 / cell))
        cloud, total, c = Cloud(), np.zeros(grid.shape), np.zeros((1, *grid.shape))
        for k in range(round(1500.0 / step)):
            t = step * k
            jet = [Emission(0, 0.0, 0.0, 2.0, 0.0, even(0.6), 3.2, 1.0, 1.0)] if t < 600.0 else []
            cloud.step(jet, step, parts, parts * k, air, t)
            cloud.onto(grid, air, c)
            total += step * c[0]
        rows = []
        for x in (200.0, 400.0, 800.0, 1600.0):
            at = np.array([np.interp(x, grid.x, row) for row in total])
            rows += [at.max(), at.sum() * cell]
        return np.array(rows)

    base = arcs(20.0, 8, 20.0)
    halved = {"step": arcs(10.0, 4, 20.0), "interval": arcs(20.0, 16, 20.0), "spacing": arcs(20.0, 8, 10.0)}
    found = {name: float(np.abs(other / base - 1.0).max()) for name, other in halved.items()}
    return found | {"worst": max(found.values())}
