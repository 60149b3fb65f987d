"""What the members of a run differ in beside the wind: how much leaks; and what a run of one wind alone says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from evacuation.release import members
from evacuation.release.air_changes import AirChanges
from evacuation.release.cloud import Cloud, Emission
from evacuation.release.dilution import even
from evacuation.release.proofs.worlds import even_air, town, wind
from evacuation.release.release import Release
from evacuation.release.substances import substance
from evacuation.release.toxicity import limits_of
from scenarios.case.hazards import reported, sheet
from twin.blocks import Section, Table, Text
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.hazard import Action, Outcome
from twin.streams import stream
from twin.words import written

CLOCK = Clock(datetime(2026, 6, 20, 4, tzinfo=UTC), 1200.0, 300.0)
EAST = wind(CLOCK, {0.0: (2.0, 0.0)})
#: Empty well before the end.
SHORT = Release(substance="chlorine", site="works/T1", mass_kg=600.0, hole_mm=25.0, cell_m=40.0, wind_members=6)
#: Still running at the end.
LONG = replace(SHORT, mass_kg=2000.0, hole_mm=6.0)


@pytest.fixture(scope="module")
def city() -> City:
    return town()


@pytest.fixture(scope="module")
def short(city: City) -> Outcome:
    return simulate(city)


@pytest.fixture(scope="module")
def long(city: City) -> Outcome:
    return simulate(city, LONG)


@pytest.fixture(scope="module")
def off(city: City) -> Outcome:
    return simulate(city, LONG, source_sd=0.0)


def simulate(city: City, model: Release = SHORT, actions: tuple[Action, ...] = (), **changes: Any) -> Outcome:
    return replace(model, **changes).simulate(city, EAST, CLOCK, actions, stream(7, "release"))


def codes(run: Outcome) -> dict[str, Any]:
    return dict(run.notes)


def let_go(run: Outcome) -> tuple[np.ndarray, np.ndarray]:
    """Return what each member has in the air, kg, and its factor."""
    kept = run.state.arrays
    factors = kept["cloud_strengths"][0]
    return np.bincount(kept["cloud_chain"][0], kept["cloud_mass"], len(factors)), factors


def test_the_factors_have_the_median_one_and_the_spread_that_is_asked() -> None:
    drawn = members.strengths(20_000, 0.4, stream(3, "release"))
    assert drawn.shape == (1, 20_001) and drawn[0, 0] == 1.0
    logs = np.log(drawn[0, 1:])
    assert abs(logs.mean()) < 4.0 * 0.4 / np.sqrt(20_000) and logs.std() == pytest.approx(0.4, rel=0.03)
    assert drawn[0, 1:].mean() == pytest.approx(np.exp(0.5 * 0.4**2), rel=0.02)
    assert (members.strengths(5, 0.0, None) == 1.0).all()


def test_switched_off_a_run_is_to_the_bit_what_it_is_without_factors(
    city: City, off: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "strengths", lambda *_: None)
    bare = simulate(city, LONG)
    for name, values in bare.state.arrays.items():
        np.testing.assert_array_equal(off.state.arrays[name], values, err_msg=name)
    assert "source_one" in codes(off)


def test_the_mean_and_the_other_draws_stay_what_they_are_and_members_differ(off: Outcome, long: Outcome) -> None:
    for name in ("cloud_turns", "cloud_factors", "cloud_classes"):
        np.testing.assert_array_equal(off.state.arrays[name], long.state.arrays[name])
    np.testing.assert_array_equal(off.fields["gas_concentration"], long.fields["gas_concentration"])
    assert (off.state.arrays["reached"] != long.state.arrays["reached"]).any()
    assert codes(long)["source_varied"] == {"percent": 40.0} and "source_one" not in codes(long)


def test_two_plans_draw_the_same_factors(city: City, long: Outcome) -> None:
    patched = simulate(city, LONG, actions=(Action("patch", "works/T1", 60.0, None, {"share": 0.5}),))
    (mine, factors), (less, same) = let_go(long), let_go(patched)
    np.testing.assert_array_equal(factors, same)
    assert (less < 0.6 * mine).all()


def test_each_member_lets_go_its_factor_of_the_source_while_the_tank_lasts(long: Outcome) -> None:
    tank, (airborne, factors) = long.tables["tanks"].iloc[0], let_go(long)
    gone = tank["out_kg"] - tank["pool_kg"]
    assert factors.max() * gone < 2000.0 and len(set(factors)) == 7
    np.testing.assert_allclose(airborne, factors * gone, rtol=1e-9)


def test_no_member_lets_go_more_than_the_tank_holds_and_none_is_lost(short: Outcome) -> None:
    """What leaks faster is empty sooner: all is out, not a gram more."""
    tank, (airborne, factors) = short.tables["tanks"].iloc[0], let_go(short)
    gone = tank["out_kg"] - tank["pool_kg"]
    assert (factors * gone > 600.0).any() and (factors < 1.0).any()
    np.testing.assert_allclose(airborne, np.minimum(factors * gone, 600.0), rtol=1e-9)


def test_of_a_tank_of_which_nobody_says_what_it_holds_that_varies_too(city: City) -> None:
    bare = replace(city, facilities=city.facilities.assign(mass_kg=np.nan))
    run = simulate(bare, mass_kg=None, hole_mm=200.0)
    tank, (airborne, factors) = run.tables["tanks"].iloc[0], let_go(run)
    assert "tank_assumed" in codes(run) and tank["left_kg"] == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(airborne, factors * (tank["out_kg"] - tank["pool_kg"]), rtol=1e-9)
    assert airborne.max() > tank["out_kg"]


def test_what_comes_all_at_once_is_what_the_tank_holds(city: City) -> None:
    run = simulate(city, outflow="sudden")
    assert (let_go(run)[1] == 1.0).all() and "source_one" in codes(run)


def test_detectors_tell_all_of_a_source_that_is_sought(city: City) -> None:
    with pytest.raises(ScenarioError, match="source_sd"):
        simulate(city, site="detected", mass_kg=None, hole_mm=Release.hole_mm, source_sd=0.2)


def test_a_stronger_member_of_a_dense_gas_is_the_cloud_of_a_stronger_source() -> None:
    """The weight of what it lets go spreads it: not the mean's cloud times a factor."""
    air = even_air(0.3, 0.0, 1.92, z0=0.3)
    gas = Emission(0, 0.0, 0.0, 2.0, 0.0, even(0.6), 3.2, 1.0, 1.0)
    both, alone = Cloud(np.zeros(1), np.ones(1), strengths=np.array([[1.0, 2.0]])), Cloud()
    for k in range(12):
        both.step([gas], 20.0, 8, 8 * k, air, 20.0 * k)
        alone.step([replace(gas, kg_s=4.0)], 20.0, 8, 8 * k, air, 20.0 * k)
    mine = both.chain[0] == 1
    np.testing.assert_array_equal(both.mass[mine], alone.mass)
    np.testing.assert_array_equal(both.ends[:, :, mine], alone.ends)
    assert mine.sum() < len(mine) - mine.sum(), "a wider cloud, whose pieces are joined sooner"


def test_probabilities_are_less_certain_with_the_source_than_without_it(city: City) -> None:
    """In one wind: without the source every place is met by all or by none; with it zones of 10 and 90 % part."""
    same = {"direction_sd_deg": 0.0, "speed_sd": 0.0, "stability_share": 0.0, "wind_members": 12}
    off, on = (simulate(city, LONG, **same, source_sd=sd) for sd in (0.0, 0.4))
    assert set(np.unique(off.fields["probability_aegl3"])) == {0.0, 1.0}
    between = (on.fields["probability_aegl3"] > 0.0) & (on.fields["probability_aegl3"] < 1.0)
    assert between.any()
    area = {
        name: run.tables["zones"].query("level == 'AEGL-3'").set_index("likely")["area_m2"]
        for name, run in (("off", off), ("on", on))
    }
    assert area["on"].loc[0.9] < area["off"].loc[0.9] == area["off"].loc[0.1] < area["on"].loc[0.1]


def test_one_wind_alone_leaves_no_block_without_gas_called_safe(city: City, short: Outcome) -> None:
    run = simulate(city, wind_members=0)
    told = run.tables["advice"]
    spared = (told["advice"] == "none").to_numpy()
    assert spared.any() and (told["reason"][spared] == "one_wind").all()
    assert np.isnan(run.fields["stay_or_leave"].values[spared]).all()
    blocks = reported("release", Section(sheet("release"), run.fields, None, None, run.tables), city, CLOCK).blocks
    (table,) = (b for b in blocks if isinstance(b, Table) and len(b.rows) == len(told))
    said = " ".join(written(c.said if isinstance(c, Text) else c, "en") for row in table.rows for c in row)
    assert "only this one wind" in said and "no action" not in said
    reasons = set(short.tables["advice"]["reason"])
    assert "one_wind" not in reasons and "not_met" in reasons


def test_where_nothing_came_out_one_wind_is_enough(city: City) -> None:
    shut = simulate(city, wind_members=0, actions=(Action("shut_valve", "works/T1", 0.0),))
    assert set(shut.tables["advice"]["reason"]) == {"not_met"}


def test_windows_are_shut_before_the_gas_comes_in_a_tenth_of_the_members(city: City) -> None:
    """By hand: gas in three of ten members, the first at 60 s; and of a run: never later than in the mean wind, somewhere sooner."""
    limits, rooms = limits_of(substance("chlorine")), AirChanges(1e-4, 1e-4, (1, 2), 10)
    shares = members.Shares(10, (1, 2), limits, 0.0, 60.0, None)
    for k, met in enumerate((0, 1, 1, 3)):
        c = np.zeros((10, 1, 2))
        c[:met, 0, 0] = 1e-3
        shares.add(c, 60.0, rooms, False, 60.0 * k)
    np.testing.assert_array_equal(shares.arrival(0.1), [[60.0, np.inf]])
    np.testing.assert_array_equal(shares.arrival(0.3), [[180.0, np.inf]])
    np.testing.assert_array_equal(shares.arrival(0.4), [[np.inf, np.inf]])

    fans = simulate(city, LONG, wind_members=10, speed_sd=0.5, warned_min=0.0).tables["advice"]
    stays = fans[(fans["advice"] == "stay") & ~fans["possible"].astype(bool)]
    assert len(stays) > 1 and (stays["by_s"] <= stays["arrives_s"]).all() and (stays["by_s"] < stays["arrives_s"]).any()
    alone = simulate(city, LONG, wind_members=0, warned_min=0.0).tables["advice"].set_index("id")
    same = alone.loc[stays["id"]]
    np.testing.assert_array_equal(same["by_s"], same["arrives_s"])
