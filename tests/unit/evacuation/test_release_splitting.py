"""Pieces wider than the wind is even: what splitting keeps exactly, and that a cloud in air that spreads comes out as wide as it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evacuation.release import splitting
from evacuation.release.cloud import Cloud, Emission
from evacuation.release.dilution import PASSIVE
from evacuation.release.kernels import growth
from evacuation.release.proofs.worlds import even_air
from evacuation.release.splitting import split, too_wide
from evacuation.release.weather import Air

TILE_M, COUNT, WIND = 250.0, 40, 3.0
EVEN = replace(
    even_air(0.3, 0.0, 1.92, z0=0.1), z0=np.full((COUNT, COUNT), 0.1), ustar=np.full((COUNT, COUNT), 0.3),
    west=-2000.0, north=5000.0, tile_m=TILE_M,
)  # fmt: skip


def blowing(east: np.ndarray, north_ward: np.ndarray) -> Air:
    """Return air whose wind (m/s) differs from tile to tile."""
    speed = np.hypot(east, north_ward)
    turned = np.stack([east / speed, north_ward / speed], axis=-1)
    return replace(
        EVEN, ustar=EVEN.ustar * speed / WIND, turned=turned, blown=np.stack([east, north_ward], axis=-1), wind=WIND
    )


def spreading(per_s: float) -> Air:
    """Return wind to the east that spreads: northward as `per_s` times the way north of the middle."""
    y = EVEN.north - TILE_M * (np.arange(COUNT) + 0.5)
    return blowing(np.full((COUNT, COUNT), WIND), np.repeat(per_s * y[:, None], COUNT, axis=1))


def puffs(y: np.ndarray, sigma: float, mass: np.ndarray) -> Cloud:
    """Return passive puffs of mean height 60 m at x = 0, each `sigma` wide."""
    cloud = Cloud()
    for k, kg in zip(y, mass, strict=True):
        cloud.step([Emission(0, 0.0, k, 0.0, kg, PASSIVE, 1.2, 1.0, 60.0, turb=sigma)], 1e-6, 1, 0, EVEN, 0.0)
    return cloud


def across(cloud: Cloud) -> float:
    """Return the variance of all gas across the wind, m2."""
    share = cloud.mass / cloud.mass.sum()
    y, own = cloud.ends[growth.Y, 1], cloud.ends[growth.BOX, 1] ** 2 + cloud.ends[growth.TURB, 1] ** 2
    return float(share @ (own + y**2) - (share @ y) ** 2)


def carried(cloud: Cloud, air: Air, seconds: float = 900.0) -> Cloud:
    for k in range(round(seconds / 20.0)):
        cloud.step([], 20.0, 1, 0, air, 20.0 * k)
    return cloud


def asked(cloud: Cloud, air: Air) -> bool:
    return bool(too_wide(cloud.ends, cloud.mass, cloud.round, cloud.chain[0], air).any())


@pytest.mark.parametrize("round_", [True, False])
def test_parts_keep_mass_centre_and_second_moments(round_: bool) -> None:
    rng = np.random.default_rng(7)
    ends = rng.uniform(-1000.0, 1000.0, (growth.FIELDS, 2, 6))
    ends[[growth.BOX, growth.TURB]] = rng.uniform(100.0, 400.0, (2, 2, 6))
    ends[growth.SOURCE], mass = 3.0, rng.uniform(1.0, 5.0, 6)
    parts, part_mass, whole = split(ends, mass, np.full(6, round_))
    assert (np.diff(whole) >= 0).all() and len(whole) == 6 * (5 if round_ else 3)
    for k in range(6):
        mine, own = whole == k, ends[:, :, k]
        share = part_mass[mine] / mass[k]
        assert share.sum() == pytest.approx(1.0, abs=1e-15)
        np.testing.assert_allclose(parts[growth.SOURCE][:, mine], 3.0 * np.stack([share, share]), rtol=1e-12)
        way = own[[growth.X, growth.Y], 1] - own[[growth.X, growth.Y], 0]
        side = np.array([-way[1], way[0]]) / np.hypot(*way)
        for e in (0, 1):
            at, width = parts[[growth.X, growth.Y], e][:, mine], np.hypot(*parts[[growth.BOX, growth.TURB], e][:, mine])
            middle = own[[growth.X, growth.Y], e]
            np.testing.assert_allclose(at @ share, middle, atol=1e-9)
            moments = (share * (at - middle[:, None])) @ (at - middle[:, None]).T
            whole_var = own[growth.BOX, e] ** 2 + own[growth.TURB, e] ** 2
            # a line's width is across it only
            wanted = whole_var * (np.eye(2) if round_ else np.outer(side, side))
            kept = share @ width**2 * (np.eye(2) if round_ else np.outer(side, side))
            np.testing.assert_allclose(moments + kept, wanted, atol=1e-9 * whole_var)


def test_only_what_is_wide_in_wind_that_differs_is_split() -> None:
    wide, slim = puffs(np.zeros(1), 300.0, np.ones(1)), puffs(np.zeros(1), 50.0, np.ones(1))
    shear = spreading(1e-3)
    assert asked(wide, shear) and not asked(slim, shear)
    even = blowing(np.full((COUNT, COUNT), WIND), np.zeros((COUNT, COUNT)))
    assert not asked(wide, even) and not asked(wide, EVEN)
    wide.ends[growth.BOX] = 400.0  # held together by its weight
    assert not asked(wide, shear)


def test_a_cloud_in_air_that_spreads_is_as_wide_as_its_gas_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wind that spreads widens a cloud; one piece follows its middle alone and misses that. The truth is told by 41 slim puffs."""
    air, sigma, slim = spreading(5e-4), 300.0, 60.0
    y = np.linspace(-4.0, 4.0, 41) * sigma
    weight = np.exp(-0.5 * y**2 / (sigma**2 - slim**2))
    truth = across(carried(puffs(y, slim, weight / weight.sum()), air))
    parts = carried(puffs(np.zeros(1), sigma, np.ones(1)), air)
    monkeypatch.setattr(splitting, "DIFFERS", np.inf)
    one = carried(puffs(np.zeros(1), sigma, np.ones(1)), air)
    assert len(one.mass) == 1 and 5 <= len(parts.mass) < 500
    assert parts.airborne_kg == pytest.approx(1.0, rel=1e-12)
    widths = [np.sqrt(across(cloud)) for cloud in (one, parts)]
    assert widths[0] < 0.8 * np.sqrt(truth)
    assert widths[1] == pytest.approx(np.sqrt(truth), rel=0.08)


def test_a_plume_where_winds_part_reaches_both_sides() -> None:
    """North of the middle the air turns left, south of it right: a plume in between thins out along the middle."""
    turn = np.where(np.arange(COUNT) < COUNT // 2, 1.0, -1.0)[:, None] * np.ones((COUNT, COUNT))
    turn[:, :16] = 0.0  # even for the first 2 km
    air = blowing(np.full((COUNT, COUNT), WIND), 2.0 * turn)
    plume = Emission(0, -1900.0, 0.0, 1.0, 0.0, PASSIVE, 1.2, 1.0, 1.0, turb=150.0)
    cloud = Cloud()
    for k in range(100):
        cloud.step([plume], 20.0, 8, 8 * k, air, 20.0 * k)
    assert cloud.airborne_kg == pytest.approx(2000.0, rel=1e-12)
    far = np.full(3, 5000.0)
    c = cloud.at(far, np.array([-1200.0, 0.0, 1200.0]), air)
    assert c[0] > 0.2 * c.max() and c[2] > 0.2 * c.max()
    assert (cloud.chain[0] == 0).all() and len(cloud.mass) < 1500
