"""How a scenario says by what way a substance leaves, what of it is refused, and what the result says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from evacuation.release.proofs.worlds import town, wind
from evacuation.release.release import Release
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.hazard import Action, Outcome

CLOCK = Clock(datetime(2026, 6, 20, 18, 0, tzinfo=timezone(timedelta(hours=8))), 120.0, 60.0)
EAST = wind(CLOCK, {0.0: (2.0, 0.0)})
PLACE = Release(substance="chlorine", site="b0", mass_kg=200.0, phase="gas", cell_m=100.0, wind_members=0)


@pytest.fixture(scope="module")
def city() -> City:
    return town()


def simulated(city: City, *actions: Action, **changes: Any) -> Outcome:
    return replace(PLACE, **changes).simulate(city, EAST, CLOCK, actions)


def refused(city: City, **changes: Any) -> ScenarioError:
    with pytest.raises(ScenarioError) as error:
        replace(PLACE, **changes).check(city, EAST, CLOCK)
    return error.value


def test_gas_at_the_pressure_of_the_air_or_of_none_is_refused(city: City) -> None:
    assert refused(city).code == "release_pressure"
    assert (error := refused(city, pressure_bar=1.0)).code == "release_no_pressure"
    assert error.values["found"] == 1e5 and error.values["expected"] == 101_325.0


def test_a_vessel_that_cools_is_told_and_lets_out_less_mass_late_than_a_warm_one(city: City) -> None:
    warm, cool = (simulated(city, pressure_bar=5.0, hole_mm=60.0, blowdown=how) for how in ("isothermal", "isentropic"))
    out = [run.tables["tanks"]["out_kg"].iloc[0] for run in (warm, cool)]
    assert out[0] > out[1] > 100.0
    assert "blowdown_isothermal" in dict(warm.notes) and "blowdown_isentropic" in dict(cool.notes)
