"""A source sought from readings that a known source would give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evacuation.release.cloud import Cloud, Emission
from evacuation.release.dilution import PASSIVE
from evacuation.release.locate.posterior import locate
from evacuation.release.locate.readings import Readings, friction
from evacuation.release.proofs.worlds import even_air
from twin.errors import ScenarioError

TRUE, RATE, BACK = (60.0, -20.0), 0.02, 1.3e-6
BOX = (-100.0, -100.0, 100.0, 100.0)


def made(minutes: int = 60, error: float = 0.2) -> Readings:
    """Return an hour of seven detectors on a circle round a source, in a wind that turns slowly."""
    rng = np.random.default_rng(5)
    angle = 2 * np.pi * np.arange(7) / 7
    places = np.column_stack([80.0 * np.cos(angle), 80.0 * np.sin(angle)])
    minute, sensor = (a.ravel() for a in np.meshgrid(np.arange(minutes), np.arange(7), indexing="ij"))
    to = 2.0 * np.pi * minute / minutes
    neutral = np.zeros(len(to))
    ustar = friction(np.full(len(to), 3.0), 10.0, 0.03, neutral)
    ends = np.hstack([places[sensor], places[sensor]])
    blank = Readings(
        sensor=sensor, time_s=60.0 * minute, value=neutral, ends=ends, z=np.full(len(to), 1.5), east=np.cos(to),
        north=np.sin(to), ustar=ustar, inv_l=neutral, lateral=np.full(len(to), 1.92),
    )  # fmt: skip
    value = RATE * blank.seen(*TRUE) * np.exp(error * rng.standard_normal(len(to)))
    return replace(blank, value=value + BACK + 1e-8 * rng.standard_normal(len(to)))


def test_a_footprint_is_the_models_own_plume() -> None:
    """The steady plume of the cloud's pieces, downwind and a width off the axis."""
    air, cloud = even_air(0.4, 0.0, 1.92, z0=0.1), Cloud()
    for k in range(40):
        cloud.step([Emission(0, 0.0, 0.0, 1.0, 0.0, PASSIVE, 1.2, 0.05, 0.5)], 20.0, 20, 20 * k, air, 20.0 * k)
    x, y = np.array([100.0, 200.0, 200.0, 400.0]), np.array([0.0, 0.0, 15.0, 20.0])
    n, zero = len(x), np.zeros(len(x))
    one = Readings(
        sensor=np.arange(n), time_s=zero, value=zero, ends=np.column_stack([x, y, x, y]), z=np.full(n, 1.5), east=np.ones(n),
        north=zero, ustar=np.full(n, 0.4), inv_l=zero, lateral=np.full(n, 1.92), z0=0.1, height=0.5,
    )  # fmt: skip
    np.testing.assert_allclose(one.seen(0.0, 0.0), cloud.at(x, y, air), rtol=0.03)


def test_a_path_reads_the_mean_of_its_points() -> None:
    readings = made(8)
    path = replace(readings, ends=np.tile([80.0, -30.0, 80.0, 30.0], (len(readings), 1)))
    assert (path.points == 30).all()
    at = [replace(readings, ends=np.tile([80.0, y, 80.0, y], (len(readings), 1))) for y in np.arange(-29.0, 30.0, 2.0)]
    np.testing.assert_allclose(path.seen(*TRUE), np.mean([p.seen(*TRUE) for p in at], axis=0), rtol=1e-9)


def test_a_source_is_found_and_its_intervals_hold_the_truth() -> None:
    found = locate(made(), BOX, np.random.default_rng(3), steps=240, burn=120)
    assert np.hypot(found.place[0] - TRUE[0], found.place[1] - TRUE[1]) < 8.0
    assert 0.67 < found.rate() / RATE < 1.5
    assert found.within("x", TRUE[0]) and found.within("y", TRUE[1]) and found.within("rate", RATE)


def test_the_same_readings_give_the_same_answer() -> None:
    one, other = (locate(made(20), BOX, np.random.default_rng(3), steps=40, burn=20) for _ in range(2))
    assert one.samples.equals(other.samples)


def test_too_few_readings_and_an_impossible_wind_are_told() -> None:
    few = made(1)
    with pytest.raises(ScenarioError, match="too few"):
        locate(
            replace(
                few,
                **{
                    n: getattr(few, n)[:3]
                    for n in ("sensor", "time_s", "value", "ends", "z", "east", "north", "ustar", "inv_l", "lateral")
                },
            ),
            BOX,
            np.random.default_rng(1),
        )
    with pytest.raises(ScenarioError, match="no place"):
        locate(made(2), (500.0, 500.0, 510.0, 510.0), np.random.default_rng(1))
