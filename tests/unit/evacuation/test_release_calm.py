"""Calm air: the cloud keeps its way, members go all round, and nobody is told where the wind comes from."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
import xarray as xr

from evacuation.release.members import draw, spread
from evacuation.release.proofs.worlds import NORTH, WEST, town, wind
from evacuation.release.release import Release
from evacuation.release.weather import Weather, wider
from scenarios.case.hazards import reported, sheet
from twin.blocks import Section, Table, Text
from twin.city import City
from twin.clock import Clock
from twin.hazard import Outcome
from twin.words import LANGS, written

CLOCK = Clock(datetime(2026, 6, 20, 18, 0, tzinfo=timezone(timedelta(hours=8))), 1200.0, 300.0)
LEAK = Release(substance="chlorine", site="works/T1", mass_kg=600.0, hole_mm=3.0, wind_members=12)
#: From 100 degrees, then still.
DIES = {0.0: (-2.95, 0.52), 400.0: (0.0, 0.0)}


@pytest.fixture(scope="module")
def city() -> City:
    return town()


def on_grid(rows: dict[float, tuple[float, float]]) -> dict[str, xr.DataArray]:
    """Return a wind in time on a grid on which it is the same everywhere."""
    axes = {"y": NORTH + 125.0 - 250.0 * np.arange(10), "x": WEST - 125.0 + 250.0 * np.arange(10)}
    return {
        f"{name}_grid": series.expand_dims(axes).transpose("time", "y", "x")
        for name, series in wind(CLOCK, rows).items()
    }


def page(city: City, run: Outcome) -> tuple[str, Section]:
    """Return the headline's words in both languages, and its section."""
    section = Section(sheet("release"), run.fields, None, None, run.tables)
    blocks = reported("release", section, city, CLOCK)
    return " ".join(written(b.said, lang) for b in blocks.headline if isinstance(b, Text) for lang in LANGS), blocks


def test_a_cloud_in_the_air_goes_on_as_it_went_when_the_wind_dies(city: City) -> None:
    for drivers in (wind(CLOCK, DIES), on_grid(DIES)):
        weather = Weather(city, drivers, CLOCK)
        before, after = weather.at(0.0), weather.at(500.0)
        assert (after.east, after.north_ward) == pytest.approx((before.east, before.north_ward))
        np.testing.assert_allclose(after.turns, before.turns, atol=1e-12)
        assert after.wind == 0.5 and weather.calm
    late = Weather(city, wind(CLOCK, {0.0: (0.0, 0.0), 400.0: (0.0, 3.0)}), CLOCK).at(0.0)
    assert (late.east, late.north_ward) == (0.0, 1.0), "before any wind is known, the first that will be"


def test_a_still_square_of_the_grid_keeps_its_own_way(city: City) -> None:
    """North in the east of the town until it falls still there; in the west the wind goes on to the east."""
    drivers = on_grid({0.0: (2.0, 0.0), 400.0: (2.0, 0.0)})
    east = drivers["eastward_wind_grid"].copy(data=np.array(drivers["eastward_wind_grid"]))
    north = xr.zeros_like(east)
    east[:, :, 5:], north[0, :, 5:] = 0.0, 2.0
    air = Weather(city, {"eastward_wind_grid": east, "northward_wind_grid": north}, CLOCK).at(500.0)
    assert (air.east, air.north_ward) == pytest.approx((1.0, 0.0))
    np.testing.assert_allclose(air.turned[:, -1], [[0.0, 1.0]] * len(air.turned), atol=1e-12)


def test_members_spread_wider_the_weaker_the_wind() -> None:
    turns, _ = draw(12, 15.0, 0.25, None)
    assert (
        spread(turns, wider(2.0 * np.hypot(np.sin(1.1), np.cos(1.1)))) is turns and spread(turns, wider(9.0)) is turns
    )
    np.testing.assert_allclose(spread(turns, wider(1.0)), 2.0 * turns)
    assert np.abs(spread(20.0 * turns, wider(0.5))).max() == 180.0
    calm = spread(turns, wider(0.49))
    np.testing.assert_allclose(np.sort(calm), np.arange(-165.0, 166.0, 30.0))
    assert (np.argsort(calm) == np.argsort(turns)).all()


def test_a_calm_may_bring_the_gas_to_every_side(city: City) -> None:
    run = LEAK.simulate(city, wind(CLOCK, {0.0: (0.0, 0.0)}), CLOCK)
    likely = run.fields["probability_aegl2"]
    away = [(300.0, 0.0), (-300.0, 0.0), (0.0, 300.0), (0.0, -300.0)]
    sides = [likely.sel(x=WEST + 300.0 + e, y=NORTH - 1010.0 + n, method="nearest").item() for e, n in away]
    assert min(sides) > 0.0 and max(sides) < 1.0
    assert run.tables["wind"]["from_deg"].isna().all() and {"calm", "wider"} <= {code for code, _ in run.notes}
    text, blocks = page(city, run)
    assert "calm, direction not known" in text and "静风,风向未知" in text and "from the west" not in text
    assert [mark.toward_deg for mark in blocks.marks] == [None]


def test_a_calm_before_the_leak_says_nothing_of_the_gas(city: City) -> None:
    blown = {0.0: (0.0, 0.0), 500.0: (2.0, 0.0)}
    run = replace(LEAK, wind_members=0, start_min=10.0).simulate(city, wind(CLOCK, blown), CLOCK)
    assert "calm" not in set(run.tables["advice"]["reason"]) and not run.tables["assumed"]["calm"].any()


@pytest.mark.parametrize("gridded", [False, True])
def test_a_run_that_goes_on_knows_how_the_wind_blew_before_it(city: City, gridded: bool) -> None:
    first, rest = CLOCK.first(600.0), CLOCK.after(600.0)
    blown = on_grid if gridded else (lambda rows: wind(CLOCK, rows))
    model = replace(LEAK, wind_members=4)
    state = model.simulate(city, blown(DIES), first).state
    still = blown({600.0: (0.0, 0.0)})
    whole = model.simulate(city, blown(DIES), CLOCK)
    run = model.simulate(city, still, rest, state=state)
    np.testing.assert_array_equal(
        run.fields["gas_concentration"].isel(time=-1), whole.fields["gas_concentration"].isel(time=-1)
    )
    windy = model.simulate(city, blown({600.0: (-3.0, 0.0)}), rest, state=state)
    assert windy.tables["assumed"]["calm"].all() and "calm_few" in {code for code, _ in windy.notes}
    assert not (windy.tables["advice"]["reason"] == "not_met").any(), "in the calm before it gas may have gone any way"


@pytest.mark.parametrize("members", [0, 4])
def test_with_too_few_members_a_calm_leaves_no_block_safe(city: City, members: int) -> None:
    run = replace(LEAK, wind_members=members).simulate(city, wind(CLOCK, {0.0: (0.0, 0.0)}), CLOCK)
    told = run.tables["advice"]
    spared = (told["advice"] == "none").to_numpy()
    assert spared.any() and (told["reason"][spared] == "calm").all()
    assert np.isnan(run.fields["stay_or_leave"].values[spared]).all()
    text, blocks = page(city, run)
    assert "every side of the source" in text and "calm_few" in {code for code, _ in run.notes}
    ahead, advice = (b for b in blocks.blocks if isinstance(b, Table) and len(b.rows) == len(told))
    for table in (ahead, advice):
        said = {written(cell.said if hasattr(cell, "said") else cell, "en") for row in table.rows for cell in row}
        assert "no action" not in said and "not known" in said
    assert not {"–", "no action"} & {written(c.said if isinstance(c, Text) else c, "en") for r in ahead.rows for c in r}


def test_nobody_is_sent_out_of_doors_in_a_calm_of_which_no_direction_is_known(city: City) -> None:
    hour = Clock(CLOCK.start, 3600.0, 300.0)
    quick = replace(LEAK, wind_members=0, ready_min=2.0, warned_min=1.0, air_changes_shut=3.0)
    blows = quick.simulate(city, wind(hour, {0.0: (0.6, 0.0)}), hour).tables["advice"]
    still = quick.simulate(city, wind(hour, {0.0: (0.0, 0.0)}), hour).tables["advice"]
    assert (blows["advice"] == "leave").any() and not (still["advice"] == "leave").any()
    told = still[still["reason"] == "calm_ways"]
    assert len(told) and (told["advice"] == "stay").all() and told[["dose_leave", "walk_deg"]].isna().all(axis=None)
    assert (told["rescue"] == (told["dose_stay"] >= 1.0)).all()
