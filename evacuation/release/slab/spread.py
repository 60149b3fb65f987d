"""A slab from its source to where it is asked for: plume, then puff, and the concentrations that follow from them.

Concentration (Ermak 1990, UCRL-MA-105607, section 2.6): the mean over a slab is spread over flat middles with soft edges across
and along the wind and over a bell with its image in height. Averaging widens the slab by the meandering of the wind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from evacuation.release.kernels import slab_mixing as f
from evacuation.release.kernels import slab_plume, slab_puff
from evacuation.release.kernels.equilibrium import GAS
from evacuation.release.kernels.slab_air import Ambient
from evacuation.release.slab.ambient import spread_rate
from evacuation.release.slab.sources import Burst, EvaporatingPool, Jet
from twin.errors import NumericsError, ScenarioError

Array = NDArray[np.float64]

ROWS = 12_000
#: A puff is followed no longer than this, s.
LONGEST_S = 7 * 86400.0
#: The first air over a pool is that of this share of its half width.
FIRST = 1e-3
#: Stirring of the air over a pool per speed of its vapour (Ermak 1990).
STIRS = 0.05
ROOT_2 = math.sqrt(2.0)


@dataclass(frozen=True)
class Slab:
    """A slab on its way: `table` (row, field of `kernels.slab_mixing`) by rising X, a plume in its first `plume` rows, then a puff.

    seconds, kg_s: duration and rate of the source (of a sudden release 0 and 0).
    """

    table: Array
    plume: int
    seconds: float
    kg_s: float
    molar: float
    air: Ambient
    jet: bool

    def at(self, x: Array | float, field: int) -> Array:
        """Return a field where the middle of the cloud is x (m) downwind."""
        return np.asarray(np.interp(x, self.table[:, f.X], self.table[:, field]))

    def volume_share(self, x: Array | float) -> Array:
        """Return the share of the substance in the volume, mean over the slab."""
        m, humid = self.at(x, f.SHARE), self._molar_air
        return np.asarray(humid * m / (self.molar + (humid - self.molar) * m))

    @property
    def _molar_air(self) -> float:
        return self.air.density * GAS * self.air.temperature / self.air.pressure

    def lasts(self, x: Array | float) -> Array:
        """Return how long the cloud takes to pass, s: never shorter than the source lasted, never longer than further on."""
        passing = np.full(len(self.table), self.seconds)
        puff = slice(self.plume, None)
        passing[puff] = 2.0 * self.table[puff, f.LONG] / np.maximum(self.table[puff, f.SPEED], 1e-9)
        passing = np.maximum(np.minimum.accumulate(passing[::-1])[::-1], self.seconds)
        return np.asarray(np.interp(x, self.table[:, f.X], passing))

    def softness(self, x: Array | float, averaged_s: float) -> tuple[Array, Array]:
        """Return (soft edge, half width) across the wind, m, of a mean over `averaged_s`."""
        wide, flat = self.at(x, f.WIDE), self.at(x, f.FLAT)
        soft_2 = np.maximum(wide**2 - flat**2, 0.0) / 3.0
        near, bend = spread_rate(self.air, 0.0), f.BEND
        plain = 2.0 * near / bend * (np.sqrt(1.0 + bend * (np.asarray(x) - self.table[0, f.X])) - 1.0)
        seconds = np.minimum(self.lasts(x), averaged_s)
        more = np.array([spread_rate(self.air, float(s)) for s in np.atleast_1d(seconds)]).reshape(np.shape(seconds))
        meander = plain * (1.0 - self._straight(x) if self.jet else 1.0)
        soft = np.sqrt(soft_2 + ((more / near) ** 2 - 1.0) * meander**2)
        return soft, np.sqrt(flat**2 + 3.0 * soft**2)

    def _straight(self, x: Array | float) -> Array:
        """Return the share of the way that the jet's own speed carried it straight, 0 to 1."""
        m = np.minimum(self.at(x, f.SHARE), 1.0 - 1e-9)
        first = self.table[0]
        r3 = self.air.density * self.at(x, f.WIND) * (1.0 - m)
        r3 = r3 / (first[f.DENSITY] * first[f.SPEED] * m)
        r = np.maximum(r3 ** (1.0 / 3.0), 1e-6)
        log = np.log((1.0 - r + r * r) / (1.0 + r) ** 2)
        turn = np.arctan((2.0 * r - 1.0) / f.ROOT_3) + math.atan(1.0 / f.ROOT_3)
        return np.where(
            r < 0.1, 1.0, np.clip(2.0 / (3.0 * np.maximum(r3, 1e-9)) * (0.5 * log + f.ROOT_3 * turn), 0.0, 1.0)
        )

    def height_spread(self, x: Array | float) -> Array:
        """Return the spread in height about the centre, m."""
        deep, centre = self.at(x, f.DEPTH), self.at(x, f.CENTRE)
        return np.where(centre > 0.5 * deep, 0.5 * deep, deep - centre) / f.ROOT_3

    def scale(self, x: Array | float) -> Array:
        """Return the volume share that the shapes along, across and in height multiply; the mass in the cloud is kept by it."""
        sigma, wide, flat = self.height_spread(x), self.at(x, f.WIDE), self.at(x, f.FLAT)
        ratio = np.ones(np.shape(x))
        if self.plume < len(self.table):
            long = self.at(x, f.LONG) / np.maximum(self.at(x, f.FLAT_X), 1e-9)
            ratio = np.where(np.asarray(x) >= self.turns_m, long, 1.0)
        deep = self.at(x, f.DEPTH)
        return np.asarray(ratio * wide * deep * self.volume_share(x) / (4.0 * math.sqrt(2.0 * math.pi) * flat * sigma))

    @property
    def turns_m(self) -> float:
        """Distance at which the plume turns into a puff, m."""
        return float(self.table[max(self.plume - 1, 0), f.X])

    def across(self, x: Array | float, y: Array | float, averaged_s: float) -> Array:
        """Return the shape across the wind: 2 in a flat middle, falling to 0."""
        return _flat(y, self.at(x, f.FLAT), self.softness(x, averaged_s)[0])

    def upward(self, x: Array | float, z: float) -> Array:
        """Return the shape in height: a bell at the centre and its image below the ground."""
        sigma, centre = self.height_spread(x), self.at(x, f.CENTRE)
        return np.asarray(np.exp(-0.5 * ((z - centre) / sigma) ** 2) + np.exp(-0.5 * ((z + centre) / sigma) ** 2))

    def along(self, x: Array | float, seconds: float) -> Array:
        """Return the shape along the wind at x (m), `seconds` after the source began."""
        plume, puff = self.table[: self.plume], self.table[self.plume :]
        times = np.concatenate([2.0 * plume[:, f.TIME], puff[:, f.TIME]])
        first = self.table[0, f.X]
        reach = (self.table[self.plume, f.LONG] if len(puff) else plume[-1, f.X] - first) / max(
            self.turns_m - first, 1e-9
        )
        long = np.concatenate([(plume[:, f.X] - first) * reach, puff[:, f.LONG]])
        flat = np.concatenate([slab_puff.SHARP * long[: self.plume], puff[:, f.FLAT_X]])
        middle = np.interp(seconds, times, self.table[:, f.X])
        soft = np.interp(seconds, times, np.sqrt(np.maximum(long**2 - flat**2, 0.0) / 3.0))
        return _flat(np.asarray(x) - middle, np.interp(seconds, times, flat), soft)

    def passing(self, x: Array, averaged_s: float) -> Array:
        """Return the shape along the wind as the cloud passes, mean over `averaged_s` about its middle: 2 for a long cloud."""
        plume = np.full(np.shape(x), 2.0 * min(self.seconds / averaged_s, 1.0))
        if self.plume == len(self.table):
            return plume
        flat, long = self.at(x, f.FLAT_X), self.at(x, f.LONG)
        soft = ROOT_2 * np.maximum(np.sqrt(np.maximum(long**2 - flat**2, 0.0) / 3.0), 1e-9)
        way = np.maximum(self.at(x, f.SPEED), 1e-9) * averaged_s
        ends = [(flat + sign * 0.5 * way) / soft for sign in (1.0, -1.0)]
        parts = [z * erf(z) + np.exp(-np.minimum(z * z, 700.0)) / math.sqrt(math.pi) for z in ends]
        return np.where(x >= self.turns_m, 2.0 * soft / way * (parts[0] - parts[1]), plume)

    def highest(self, x: Array | float, z: float, averaged_s: float) -> Array:
        """Return the highest mean over `averaged_s` at distances x (m) and height z (m), as a share of the volume, at most 1."""
        x = np.asarray(x, float)
        c = self.scale(x) * self.passing(x, averaged_s) * self.across(x, 0.0, averaged_s) * self.upward(x, z)
        return np.minimum(c, 1.0)

    def moment(self, x: Array, y: Array, z: float, seconds: float, averaged_s: float) -> Array:
        """Return the concentration at points (m along and across the wind) `seconds` after the source began, a share of the volume.

        Meandering is that of a mean over `averaged_s`.
        """
        shape = self.along(x, seconds) * self.across(x, y, averaged_s) * self.upward(x, z)
        return np.minimum(self.scale(x) * shape, 1.0)


def _flat(y: Array | float, flat: Array, soft: Array) -> Array:
    """Return erf((y + b) / sqrt2 s) - erf((y - b) / sqrt2 s): 2 between -b and b, with edges of softness s."""
    edge = ROOT_2 * np.maximum(soft, 1e-9)
    return np.asarray(erf((y + flat) / edge) - erf((y - flat) / edge))


def spread(source: Jet | EvaporatingPool | Burst, air: Ambient, reach_m: float) -> Slab:
    """Return the slab of a source in this air as far as `reach_m` (m).

    Raises ScenarioError for a source of no mass, area or time, NumericsError where the cloud does not get that far.
    """
    for name in ("kg_s", "kg", "seconds", "area_m2"):
        if not getattr(source, name, 1.0) > 0.0:
            raise ScenarioError("slab_input", what=name, found=getattr(source, name))
    liquid = source.liquid
    matter = source.fluid.matter(source.at, liquid)
    rows = np.zeros((ROWS, f.FIELDS))
    if isinstance(source, Burst):
        start = source.start(air)
        slab_puff.begin_burst(start, air)
        count, status = slab_puff.puff(rows, start, 0.25 * source.kg, reach_m, LONGEST_S, matter, air)
        return Slab(_done(rows, count, status), 0, 0.0, 0.0, source.fluid.molar, air, False)
    if isinstance(source, Jet):
        start = source.start(air)
        slab_plume.begin_jet(start, air)
        count, status, _ = slab_plume.plume(
            rows, start, source.kg_s, -1e9, 0.0, 0.5 * source.seconds, reach_m, matter, air
        )
    else:
        count, status = _over_pool(rows, source, reach_m, air)
    plume = _done(rows, count, status)
    table = plume
    if plume[-1, f.X] < reach_m - 1e-6:
        mass, start = 0.25 * source.kg_s * source.seconds, np.zeros(f.FIELDS)
        slab_puff.of_plume(start, plume[-1], source.seconds, mass, air)
        count, status = slab_puff.puff(rows, start, mass, reach_m, LONGEST_S, matter, air)
        table = np.concatenate([plume, _done(rows, count, status)])
    return Slab(table, len(plume), source.seconds, source.kg_s, source.fluid.molar, air, isinstance(source, Jet))


def _over_pool(rows_out: Array, pool: EvaporatingPool, reach_m: float, air: Ambient) -> tuple[int, int]:
    """Write the plume of a pool; a cloud too heavy for the wind spreads upwind first, until the wind can carry it off (Ermak 1990)."""
    matter, edge = pool.fluid.matter(pool.at, 0.0), pool.half_m
    stir = STIRS * pool.rising(air)
    for _ in range(40):
        start = np.zeros(f.FIELDS)
        slab_plume.begin_pool(start, pool.kg_s, edge, stir, FIRST * edge, matter, air)
        count, status, widened = slab_plume.plume(
            rows_out, start, pool.kg_s, edge, stir, 0.5 * pool.seconds, reach_m, matter, air
        )
        wider = math.sqrt(edge * (edge + widened))
        if wider <= edge * (1.0 + 1e-3):
            break
        edge = wider
    return count, status


def _done(rows: Array, count: int, status: int) -> Array:
    """Return the rows that were written; raise NumericsError where the cloud did not get to its end."""
    if status != slab_plume.DONE:
        raise NumericsError("slab_stuck", x=float(rows[max(count - 1, 0), f.X]))
    return rows[:count].copy()
