"""Drivers: each keeps its own axes, a hazard sees only what it asks for, wrong ones are named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hydro.variables import WATER_DEPTH
from twin.drivers import hand_on, handed, lacking, tagged
from twin.errors import ContractError
from twin.hazard import Balance, Outcome, State
from twin.variables import RAIN_RATE, Variable, conform_array

CLOUD = Variable("cloud", "1", ("time", "y", "x"), "云", "cloud", 0.0, 1.0, tags=frozenset({"harms_people"}))
TIMES = pd.date_range("2026-06-20 10:00", periods=3, freq="5min")


class Giver:
    """A hazard that gives one variable; what it needs does not matter to `hand_on`."""

    needs = (("rain_rate", "wind", "state"), ("cloud",))
    reads = ("harms_people",)

    def __init__(self, variable: Variable) -> None:
        self.gives = (variable,)


def field(variable: Variable, cell_m: float, n: int, fill: float = 0.5) -> xr.DataArray:
    axis = cell_m * (np.arange(n) + 0.5)
    values = np.full((3, n, n), fill) + np.arange(n) / 1000.0
    return xr.DataArray(values, {"time": TIMES, "y": axis[::-1], "x": axis}, name=variable.name)


def outcome(array: xr.DataArray) -> Outcome:
    return Outcome(array.to_dataset(), {}, Balance("m3", {}, {}, {}, 0.0), State("toy", "", {}))


def test_fields_of_20_m_and_of_10_m_are_handed_on_each_on_its_own_axes() -> None:
    """An outer join of the two made 150 x 150 cells of which 89 % held no value."""
    fine, coarse = field(WATER_DEPTH, 10.0, 100), field(CLOUD, 20.0, 50)
    drivers = hand_on({}, Giver(WATER_DEPTH), outcome(fine))
    drivers = hand_on(drivers, Giver(CLOUD), outcome(coarse))
    assert list(drivers) == ["water_depth", "cloud"]
    for found, given in ((drivers["water_depth"], fine), (drivers["cloud"], coarse)):
        xr.testing.assert_equal(found, given)
        assert np.isfinite(found.values).all()


def test_a_hazard_is_handed_what_it_names_by_name_or_tag_and_nothing_else() -> None:
    rain = conform_array(xr.DataArray([1e-6], {"time": TIMES[:1]}), RAIN_RATE)
    depth = conform_array(field(WATER_DEPTH, 10.0, 4), WATER_DEPTH)
    drivers = {"rain_rate": rain, "water_depth": depth, "river_stage": xr.DataArray([18.0], {"time": TIMES[:1]})}
    assert set(handed(drivers, Giver(CLOUD))) == {"rain_rate", "water_depth"}, "the depth by its tag harms_people"
    assert set(tagged(drivers, "harms_people")) == {"water_depth"}
    assert lacking(Giver(CLOUD), {"state"}) == [("cloud",)] and not lacking(Giver(CLOUD), {"wind", "cloud"})


def test_a_gap_in_a_field_is_named_with_variable_time_and_place() -> None:
    broken = field(WATER_DEPTH, 10.0, 4)
    broken[1, 2, 3] = np.nan
    with pytest.raises(ContractError) as error:
        hand_on({}, Giver(WATER_DEPTH), outcome(broken))
    assert error.value.code == "variable_nan"
    for lang in ("zh", "en"):
        said = error.value.message(lang)
        assert all(word in said for word in ("water_depth", "time=2026-06-20T10:05", "y=15.0", "x=35.0"))


def test_what_is_promised_and_not_given_or_given_before_is_refused() -> None:
    with pytest.raises(ContractError) as error:
        hand_on({}, Giver(CLOUD), outcome(field(WATER_DEPTH, 10.0, 4)))
    assert error.value.code == "variable_missing"
    with pytest.raises(ContractError) as error:
        hand_on({"cloud": field(CLOUD, 10.0, 4)}, Giver(CLOUD), outcome(field(CLOUD, 10.0, 4)))
    assert error.value.code == "driver_twice" and "cloud" in error.value.message("zh")
