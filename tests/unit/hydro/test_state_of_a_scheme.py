"""A saved state is taken up by the scheme that made it and refused, in one sentence, by any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hydro.flood import Flood
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.hazard import State

CLOCK = Clock(pd.Timestamp("2026-06-20T18:00+08:00").to_pydatetime(), 600.0, 300.0)
RAIN = {"rain_rate": xr.DataArray([60 / 3.6e6], {"time": CLOCK.times[:1]})}

MODELS = {
    "inertial": Flood(drainage="none", scheme="inertial"),
    "full": Flood(drainage="none", scheme="full"),
    "subgrid/2": Flood(drainage="none", scheme="subgrid", subgrid_factor=2),
    "subgrid/4": Flood(drainage="none", scheme="subgrid", subgrid_factor=4),
}


@pytest.mark.parametrize("made_by", MODELS)
def test_a_state_goes_on_in_its_own_scheme_only(made_by: str, small_city, tmp_path: Path) -> None:
    MODELS[made_by].simulate(small_city, RAIN, CLOCK.first(300.0)).state.save(tmp_path / "state.npz")
    state = State.load(tmp_path / "state.npz")
    for name, model in MODELS.items():
        if name == made_by:
            rest = model.simulate(small_city, RAIN, CLOCK.after(300.0), state=state).fields
            whole = model.simulate(small_city, RAIN, CLOCK).fields
            np.testing.assert_array_equal(rest["water_depth"].values[-1], whole["water_depth"].values[-1])
            continue
        if (made_by, name) == ("inertial", "full"):
            continue  # handed over, see below
        with pytest.raises(ScenarioError) as refused:
            model.simulate(small_city, RAIN, CLOCK.after(300.0), state=state)
        assert refused.value.code == "state_setting"
        named = refused.value.values["name"]
        mine, theirs = made_by.partition("/"), name.partition("/")
        assert named == ("scheme" if mine[0] != theirs[0] else "subgrid_factor")
        told = (mine[0], theirs[0]) if named == "scheme" else (mine[2], theirs[2])
        assert all(part in refused.value.message(lang) for part in told for lang in ("en", "zh"))


def test_the_full_scheme_takes_up_an_inertial_state(small_city) -> None:
    """A levee breaks in the middle of a flood: no water is made, and the note says that the equations changed."""
    fast, full = MODELS["inertial"], MODELS["full"]
    first = fast.simulate(small_city, RAIN, CLOCK.first(300.0))
    dry = {"rain_rate": xr.DataArray([0.0], {"time": CLOCK.after(300.0).times[:1]})}
    rest = full.simulate(small_city, dry, CLOCK.after(300.0), state=first.state)
    before, after = (run.fields["water_depth"].values for run in (first, rest))
    np.testing.assert_array_equal(after[0], before[-1])
    assert ("handed_over", {}) in rest.notes and abs(rest.balance.error) <= rest.balance.tolerance
    alone = fast.simulate(small_city, dry, CLOCK.after(300.0), state=first.state)
    assert ("handed_over", {}) not in alone.notes
    stands = [run.fields["water_depth"].values[-1].sum() for run in (rest, alone)]
    assert 0.0 < stands[0] < after[0].sum() and stands[0] == pytest.approx(stands[1], rel=0.05)
