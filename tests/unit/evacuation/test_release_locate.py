"""A source sought from readings that a known source would give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evacuation.release.cloud import Cloud, Emission
from evacuation.release.dilution import PASSIVE
from evacuation.release.locate.posterior import _freed, locate
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
        north=np.sin(to), speed=np.full(len(to), 3.0), ustar=ustar, inv_l=neutral, lateral=np.full(len(to), 1.92),
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
        north=zero, speed=zero + 4.0, ustar=np.full(n, 0.4), inv_l=zero, lateral=np.full(n, 1.92), z0=0.1, height=0.5,
    )  # fmt: skip
    np.testing.assert_allclose(one.seen(0.0, 0.0), cloud.at(x, y, air), rtol=0.03)


def test_a_path_reads_the_mean_along_it() -> None:
    """Against points every 10 cm, across the plume, along it and aslant."""
    readings = made(8)
    for path in ([80.0, -30.0, 80.0, 30.0], [70.0, -20.0, 100.0, -20.0], [70.0, -30.0, 110.0, 25.0]):
        ends = np.tile(path, (len(readings), 1))
        shares = (np.arange(600) + 0.5) / 600
        along = ends[0, :2] + shares[:, None] * (ends[0, 2:] - ends[0, :2])
        at = [replace(readings, ends=np.tile([x, y, x, y], (len(readings), 1))).seen(*TRUE) for x, y in along]
        fine = np.mean(at, axis=0)
        seen = replace(readings, ends=ends).seen(*TRUE)
        np.testing.assert_allclose(seen, fine, rtol=0.02, atol=1e-3 * fine.max())


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
        locate(few.only(np.arange(3)), BOX, np.random.default_rng(1))
    with pytest.raises(ScenarioError, match="no place"):
        locate(
            replace(made(2), east=np.ones(14), north=np.zeros(14)),
            (500.0, 500.0, 510.0, 510.0),
            np.random.default_rng(1),
        )


def told(rates: dict[int, float], at: list[tuple[float, float]], minutes: int = 60, error: float = 0.15) -> Readings:
    """Return an hour of readings of sources at places, whose rates (kg/s by minute from which they hold) are told."""
    blank, rng = made(minutes, 0.0), np.random.default_rng(11)
    rate = np.array([rates[max(m for m in rates if m <= t)] for t in (blank.time_s / 60.0).astype(int)])
    swing = 0.5 * blank.swing[0] * rng.standard_normal(minutes)
    plume = np.zeros(len(blank))
    for k in range(minutes):
        rows = np.flatnonzero(blank.time_s == 60.0 * k)
        plume[rows] = sum(blank.only(rows).seen(x, y, float(swing[k])) for x, y in at)
    value = rate * plume * np.exp(error * rng.standard_normal(len(blank)))
    return replace(blank, value=value + 1e-8 * np.abs(rng.standard_normal(len(blank))))


def away(place: tuple[float, float], true: tuple[float, float]) -> float:
    return float(np.hypot(place[0] - true[0], place[1] - true[1]))


def test_the_order_of_readings_and_when_they_came_change_nothing() -> None:
    """The answer with new readings is that of all of them at once, in whatever order they came."""
    readings = made(20)
    mixed = readings.only(np.random.default_rng(1).permutation(len(readings)))
    one, other = (locate(r, BOX, np.random.default_rng(3), steps=40, burn=20) for r in (readings, mixed))
    assert one.samples.equals(other.samples)


def test_readings_at_a_limit_say_so_much_and_no_more() -> None:
    """Detectors that show nothing below a limit and stand at full scale above another find the source all the same."""
    readings = told({0: RATE}, [TRUE])
    least, most = np.quantile(readings.value, [0.6, 0.9])
    cut = replace(
        readings, value=np.clip(readings.value, least, most), least=np.full(len(readings), least),
        most=np.full(len(readings), most),
    )  # fmt: skip
    assert cut.below.mean() > 0.5 and cut.above.mean() > 0.05
    found = locate(cut, BOX, np.random.default_rng(3), background=0.0, steps=160, burn=80)
    assert away(found.place, TRUE) < 12.0 and found.within("rate", RATE)
    # Taken at their word, values at full scale make the source weaker.
    naive = locate(
        replace(cut, least=None, most=None), BOX, np.random.default_rng(3), background=0.0, steps=160, burn=80
    )
    assert naive.rate() < found.rate()


def test_a_source_that_pauses_is_found_with_its_pauses() -> None:
    readings = told({0: RATE, 20: 0.0, 40: RATE}, [TRUE])
    found = locate(readings, BOX, np.random.default_rng(3), background=0.0, pause_s=600.0, steps=160, burn=80)
    assert away(found.place, TRUE) < 12.0 and found.within("rate", RATE)
    share = found.shut.set_index("from_s")["share"]
    assert share[[1200.0, 1800.0]].min() > 0.5 > share[[0.0, 600.0, 2400.0, 3000.0]].max()


@pytest.mark.parametrize("at", [[TRUE], [(-45.0, 30.0), TRUE]])
def test_the_number_of_sources_is_that_of_the_highest_evidence(at: list[tuple[float, float]]) -> None:
    found = locate(told({0: RATE}, at), BOX, np.random.default_rng(3), background=0.0, most=2, steps=160, burn=80)
    assert len(found.places) == len(at) == 1 + int(np.argmax(found.evidence))
    assert all(away(place, true) < 15.0 for place, true in zip(found.places, at, strict=True))


def test_readings_of_air_without_similarity_are_left_out_or_the_answer_is_a_guess() -> None:
    readings = made(20)
    few = replace(readings, inv_l=np.where(readings.time_s < 300.0, 0.5, 0.0))
    found = locate(few, BOX, np.random.default_rng(3), steps=20, burn=10)
    assert (found.used, found.left_out, found.guessed) == (105, 35, False)
    weak = locate(
        replace(readings, ustar=np.full(len(readings), 0.1)), BOX, np.random.default_rng(3), steps=20, burn=10
    )
    assert (weak.used, weak.left_out, weak.guessed) == (140, 0, True)


def test_walkers_that_hang_where_nothing_is_explained_begin_again_among_the_others() -> None:
    """Two of ten hang 60 below the others in log-probability, one 5 below them: that one stays."""
    rng = np.random.default_rng(3)
    chain = rng.standard_normal((20, 10, 4))
    chain[:, :2] += 1000.0
    log = rng.normal(-2.0, 1.0, (20, 10))
    log[:, :2] -= 60.0
    log[:, 2] -= 5.0
    freed = _freed(chain, log, rng)
    assert (np.abs(freed) < 10.0).all() and len(np.unique(freed[:, 0])) == 10
    np.testing.assert_array_equal(freed[2:], chain[-1, 2:])
