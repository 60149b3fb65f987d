"""Air changes of rooms: the infiltration by hand, its order, the exact box with it, and what a run says of it."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from evacuation.release import advice
from evacuation.release.air_changes import AirChanges, OfBuildings, infiltration, leaks_m
from evacuation.release.history import History
from evacuation.release.kernels import loads
from evacuation.release.members import Shares
from evacuation.release.proofs.worlds import CRS, even_air, town, wind
from evacuation.release.release import Release
from evacuation.release.substances import substance
from evacuation.release.toxicity import limits_of
from twin.city import City, empty_table
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.hazard import Outcome

CLOCK = Clock(datetime(2026, 6, 20, 18, 0, tzinfo=timezone(timedelta(hours=8))), 1800.0, 300.0)
WINDS = wind(CLOCK, {0.0: (2.0, 0.3), 900.0: (4.0, 0.6)})
LEAK = Release(
    substance="chlorine", site="works/T1", hole_mm=12.0, wind_members=2, warned_min=2.0, air_changes_shut="buildings"
)
LIMITS = limits_of(substance("ammonia"))


def built(year: float | None) -> City:
    """Return the made-up town with all its houses of a year."""
    city = town()
    return city if year is None else replace(city, buildings=city.buildings.assign(built=year))


def of(city: City, ustar: float = 0.4, arrays=None) -> OfBuildings:
    """Return the air changes of a city in air of even roughness (0.1 m), neutral, at 20 degrees."""
    changes = OfBuildings(1.5 / 3600.0, city, city.grid, arrays, np.ones(0), np.zeros(0, np.int64))
    changes.blow(0, even_air(ustar, 0.0, 1.9))
    return changes


def by_hand(year: float, floors: int, ustar: float) -> float:
    """Return air changes (s-1) with windows shut at 20 degrees over roughness 0.1 m: 2 K across the walls, R = 0.5, C = 0.24."""
    height = 3.0 * floors
    leaks = math.exp(20.7 - 0.0107 * year - 0.22) / 1000.0 * (2.5 / height) ** 0.3 / 2.5
    blows = ustar / 0.4 * math.log(height / 0.1)
    stack = 2.0 * (1.25 / 3.0) ** 2 * 9.81 * height / 293.15
    return leaks * math.sqrt(stack + (0.24 * 0.5 ** (1 / 3) * blows) ** 2)


def test_it_is_the_infiltration_by_hand() -> None:
    (rates,) = of(built(1960.0)).rates[1:]
    np.testing.assert_allclose(rates, by_hand(1960.0, 5, 0.4), rtol=1e-12)
    assert 0.2 < 3600.0 * rates[0] < 1.0, "a home of 1960 in a fresh wind"


def test_more_air_comes_in_by_age_wind_and_cold_and_through_a_higher_stack() -> None:
    ones, height = np.ones(6), np.array([3.0, 6.0, 9.0, 18.0, 54.0, 90.0])
    years = leaks_m(np.array([1850.0, 1900.0, 1930.0, 1960.0, 2000.0, 2020.0]), 9.0 * ones)
    assert (np.diff(years)[1:4] < 0).all() and years[0] == years[1] and years[4] == years[5]
    leaks = leaks_m(1980.0 * ones, height)
    assert (np.diff(leaks) < 0).all(), "for its volume a high building has less of a leak,"
    assert (np.diff(infiltration(leaks, height, 0.0 * ones, 273.15)) > 0).all(), "but its stack draws more"
    winds = np.array([0.0, 0.5, 1.0, 3.0, 6.0, 12.0])
    assert (np.diff(infiltration(leaks[:1], height[:1], winds, 293.15)) > 0).all()
    colder = [infiltration(leaks, height, 2.0 * ones, k) for k in (290.0, 283.0, 273.0)]
    assert (colder[0] < colder[1]).all() and (colder[1] < colder[2]).all()
    assert (infiltration(leaks, height, 0.0 * ones, 296.0) > 0).all(), "no room is ever tight"


@pytest.mark.parametrize("given", [True, False])
def test_rooms_follow_the_exact_box(given: bool) -> None:
    """An even cloud: windows open for five minutes, then shut; air indoors C - (C - C_5) exp(-a t), of the run and of its members."""
    city = built(1960.0)
    open_s, shut_s, dt, c = 1.5 / 3600.0, by_hand(1960.0, 5, 0.4), 60.0, 1e-4
    member = np.ones(1), np.zeros(1, np.int64)
    changes = (
        AirChanges(open_s, shut_s, city.grid.shape, 1) if given else OfBuildings(open_s, city, city.grid, None, *member)
    )
    history = History(city.grid.shape, LIMITS, 0.0, dt, 20, None)
    shares = Shares(1, city.grid.shape, LIMITS, 0.0, dt, None)
    outside = np.full(city.grid.shape, c)
    for k in range(20):
        changes.blow(history.count, even_air(0.4, 0.0, 1.9))
        history.add(outside, dt)
        shares.add(outside[None], dt, changes, shut=k >= 5, moment=k * dt)
    rooms = advice.indoors(history, LIMITS.curves[2], 5 * dt, changes)
    t = dt * np.arange(1, 21)
    left = np.exp(-open_s * np.minimum(t, 300.0) - shut_s * np.maximum(t - 300.0, 0.0))
    np.testing.assert_allclose(
        rooms.air, np.repeat((c * (1.0 - left))[:, None], city.grid.nx * city.grid.ny, 1), rtol=1e-6
    )
    np.testing.assert_allclose(shares.air, c * (1.0 - left[-1]), rtol=1e-12)


def test_each_wind_member_has_the_air_changes_of_its_own_wind() -> None:
    """Twice the wind is twice u*; air of another class has that class's wind at the roof; windows open are open for all."""
    city = built(1960.0)
    air = even_air(0.4, 0.0, 1.9)
    other = even_air(0.3, 1.0 / 50.0, 1.9)
    changes = OfBuildings(1.5 / 3600.0, city, city.grid, None, np.array([1.0, 2.0, 1.0]), np.array([0, 0, 2]))
    changes.blow(0, replace(air, beside=(air, other)))
    np.testing.assert_allclose(changes.shut[0], by_hand(1960.0, 5, 0.4), rtol=1e-12)
    np.testing.assert_allclose(changes.shut[1], by_hand(1960.0, 5, 0.8), rtol=1e-12)
    alone = OfBuildings(1.5 / 3600.0, city, city.grid, None, np.ones(0), np.zeros(0, np.int64))
    alone.blow(0, other)
    np.testing.assert_allclose(changes.shut[2], alone.rates[1], rtol=1e-12)
    fade, kept = changes.members_fading(True, 60.0)
    np.testing.assert_allclose(fade, np.exp(-60.0 * changes.shut), rtol=1e-12)
    assert (np.diff(changes.members_fading(False, 60.0)[0], axis=0) == 0.0).all() and (kept > fade).all()


def test_a_number_is_one_room_for_all_to_the_bit() -> None:
    shape, dt, curve = (4, 5), 60.0, LIMITS.curves[2]
    history = History(shape, LIMITS, 0.0, dt, 30, None)
    for c in np.random.default_rng(3).exponential(1e-3, (30, *shape)):
        history.add(c, dt)
    rooms = advice.indoors(history, curve, 600.0, AirChanges(1.5 / 3600.0, 0.5 / 3600.0, shape, 0))
    for i, outside in enumerate(history.frames.reshape(30, -1).T.astype(float)):
        c, load = 0.0, 0.0
        for k in range(30):
            c, mean = loads.indoors(c, outside[k], (1.5 if k < 10 else 0.5) / 3600.0, dt)
            load += dt * loads.load_rate(mean, curve.log_t, curve.log_c, curve.n_short, curve.n_long)
            assert rooms.air[k, i] == c and rooms.load[k + 1, i] == pytest.approx(load, rel=1e-14)


def run(city: City, clock: Clock = CLOCK, state=None, **changes) -> Outcome:
    return replace(LEAK, **changes).simulate(city, WINDS, clock, state=state)


def test_people_in_old_houses_meet_more() -> None:
    old, new = run(built(1920.0)), run(built(2000.0))
    doses = [o.fields["indoor_dose"].values for o in (old, new)]
    met = doses[0] > 0.01
    assert met.sum() > 50 and np.median(doses[0][met] / doses[1][met]) > 2.0 and (doses[0] >= doses[1]).all()
    np.testing.assert_array_equal(old.fields["outdoor_dose"], new.fields["outdoor_dose"])
    assert old.state.arrays["members_rooms"].sum() > 1.05 * new.state.arrays["members_rooms"].sum()
    assert "rooms_age" not in dict(old.notes)


def test_the_wind_of_each_frame_counts_and_a_run_cut_in_two_is_the_whole() -> None:
    city = built(None)
    whole, first = run(city), run(city, CLOCK.first(1200.0))
    slow, fast = whole.state.arrays["air_changes"][whole.state.arrays["air_changes_of"][[0, -1]] - 1]
    assert (fast > 1.2 * slow).all() and len(whole.state.arrays["air_changes_of"]) == len(whole.state.arrays["frames"])
    second = run(city, CLOCK.after(1200.0), first.state)
    for name in ("indoor_dose", "toxic_load_indoors", "stay_or_leave"):
        np.testing.assert_array_equal(whole.fields[name], second.fields[name])
    inside = [o.state.arrays["reached_inside"] for o in (whole, second)]
    np.testing.assert_allclose(*inside, rtol=1e-12)
    with pytest.raises(ScenarioError, match="air_changes_shut"):
        run(city, CLOCK.after(1200.0), run(city, CLOCK.first(1200.0), air_changes_shut=0.5).state)


def test_what_is_not_known_of_the_buildings_is_said() -> None:
    half = town()
    half = replace(half, buildings=half.buildings.assign(built=[1990.0, np.nan] * (len(half.buildings) // 2)))
    bare = replace(half, buildings=empty_table("buildings", CRS))
    seen = {name: dict(run(city).notes) for name, city in (("none", built(None)), ("half", half), ("bare", bare))}
    many = len(half.buildings)
    assert seen["none"]["rooms_age"] == {"count": many, "of": many, "year": 1950}
    assert seen["half"]["rooms_age"] == {"count": many // 2, "of": many, "year": 1950}
    assert seen["bare"]["rooms_no_buildings"] == {"floors": 3, "year": 1950} and "rooms_age" not in seen["bare"]
    np.testing.assert_allclose(of(bare).rates[1], by_hand(1950.0, 3, 0.4), rtol=1e-12)
    assert "rooms_of_buildings" not in dict(run(half, air_changes_shut=0.5).notes)
