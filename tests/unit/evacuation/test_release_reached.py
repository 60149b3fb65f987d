"""What a cloud comes to: toxic loads and deaths by family, zones by how likely they are, and when to open the windows again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from evacuation.release import report
from evacuation.release.gusts import peak_factor
from evacuation.release.proofs.worlds import town, wind
from evacuation.release.release import Release
from evacuation.release.substances import substance
from evacuation.release.zones import zones
from scenarios.case.hazards import sheet
from twin.clock import Clock
from twin.grid import Grid
from twin.hazard import Outcome
from twin.words import written

CLOCK = Clock(datetime(2026, 6, 20, 18, 0, tzinfo=timezone(timedelta(hours=8))), 3600.0, 300.0)
TANK = Release(
    substance="chlorine", site="works/T1", outflow="sudden", mass_kg=300.0, phase="gas", wind_members=8, warned_min=1.0
)


def simulated(model: Release) -> Outcome:
    return model.simulate(town(), wind(CLOCK, {0.0: (2.0, 0.5)}), CLOCK)


@pytest.fixture(scope="module")
def run() -> Outcome:
    return simulated(TANK)


@pytest.mark.parametrize("family", ["cpr18e", "withers_lees"])
def test_a_steady_concentration_gives_its_load_and_its_probit(family: str) -> None:
    """C^n t of 40 ppm for half an hour by hand."""
    chlorine = substance("chlorine")
    one = chlorine.families()[family]
    unit = chlorine.kg_m3(1.0) if one.ppm else 1e-6
    c = np.full((30, 1), chlorine.kg_m3(40.0))
    load = one.load_of(c, 60.0, unit)
    by_hand = (chlorine.kg_m3(40.0) / unit) ** one.n * 30.0
    assert load.item() == pytest.approx(by_hand, rel=1e-12)
    assert one.response(load).item() == pytest.approx(norm.cdf(one.a + one.b * np.log(by_hand) - 5.0), rel=1e-9)
    assert one.response(np.zeros(1)).item() == 0.0


def test_loads_and_deaths_are_those_of_the_frames(run: Outcome) -> None:
    fields, one = run.fields, substance("chlorine").families()["cpr18e"]
    assert dict(run.notes)["family"] == {"name": "cpr18e", "unit": "mg/m³", "exponent": 2.75}
    load = fields["toxic_load"].values
    np.testing.assert_allclose(fields["lethal_share"], one.response(load.astype(float)), atol=1e-5)
    assert 0.0 < fields["lethal_share_indoors"].max() < fields["lethal_share"].max() <= 1.0
    assert (load[fields["max_gas_concentration"].values == 0.0] == 0.0).all() and "slot_share" not in fields


def test_a_load_without_a_probit_is_told_as_a_share_of_it_and_none_as_not_known() -> None:
    slot = simulated(replace(TANK, substance="methyl_isocyanate", site="b0", family="hse_slot", pressure_bar=3.0))
    assert slot.fields["slot_share"].max() > 0.0 and "lethal_share" not in slot.fields
    none = simulated(replace(TANK, substance="propane", site="b0", pressure_bar=3.0))
    assert "no_family" in dict(none.notes) and "toxic_load" not in none.fields


def test_zones_shrink_as_they_become_certain(run: Outcome) -> None:
    table = run.tables["zones"]
    for _, own in table.groupby("level"):
        assert own["likely"].tolist() == [0.1, 0.5, 0.9] and own["area_m2"].is_monotonic_decreasing
    by_level = table.set_index(["level", "likely"])["area_m2"]
    assert (by_level["AEGL-3"] <= by_level["AEGL-2"]).all() and by_level["AEGL-2"][0.1] > 0.0
    cells = (run.fields["probability_aegl3"].values >= 0.5).sum()
    assert by_level["AEGL-3", 0.5] == cells * 400.0
    assert "zones" not in simulated(replace(TANK, wind_members=0)).tables


def test_a_zone_at_the_rim_says_that_it_goes_on() -> None:
    grid = Grid("EPSG:4547", 0.0, 100.0, 10.0, 10, 10)
    share = np.zeros((10, 10))
    share[5, 2:] = 0.6
    table = zones(grid, {"AEGL-2": share}, [(25.0, 45.0)]).set_index("likely")
    assert table.loc[0.5, "area_m2"] == 800.0 and table.loc[0.5, "reach_m"] == pytest.approx(np.hypot(75.0, 5.0))
    assert table["at_rim"].tolist() == [True, True, False] and np.isnan(table.loc[0.9, "reach_m"])


@pytest.mark.parametrize(("cells", "coarse"), [(2, True), (6, False)])
def test_the_first_page_tells_how_far_it_may_burn_and_where_cells_are_too_coarse_for_it(
    cells: int, coarse: bool
) -> None:
    grid = Grid("EPSG:4547", 0.0, 200.0, 20.0, 10, 10)
    share = np.zeros((10, 10))
    share[5, 1 : 1 + cells] = 0.6
    table = zones(grid, {"AEGL-3": 0.0 * share, "LFL/2": share}, [(30.0, 90.0)])
    section: Any = SimpleNamespace(tables={"zones": table}, fields=xr.Dataset(coords={"x": grid.x}))
    sheet("release")
    told = [written(block.said, "en") for block in report._reaches(section)]
    assert told[0].startswith("It may burn (half of the lower flammable limit): ") and len(told) == 1 + coarse
    assert f"up to {10 * np.ceil(np.hypot(20.0 * cells - 10.0, 10.0) / 10.0):.0f} m (at least 50 % likely)" in told[0]


def test_windows_open_when_the_air_outdoors_stays_cleaner_and_not_before_the_warning(run: Outcome) -> None:
    table, told = run.tables["airing"], run.tables["advice"].set_index("id")
    assert len(table) and (told.loc[table["id"], "advice"] == "stay").all()
    assert (table["by_s"] >= told["known_s"].min()).all() and (table["by_s"] < CLOCK.duration_s).all()
    passed = run.fields["gas_concentration"].sel(
        time=CLOCK.times[0] + np.timedelta64(int(table["by_s"].max()), "s"), method="bfill"
    )
    assert passed.max() < run.fields["max_gas_concentration"].max() / 100.0
    lasting = simulated(replace(TANK, outflow="rates", rates_kg_s=((0.0, 0.3), (60.0, 0.0)), mass_kg=None, phase=None))
    still = lasting.tables["advice"]
    met = still["advice"].isin(["stay", "leave"]) & (still["severity"] >= 2.0)
    assert met.any() and still.loc[met, "until_s"].isna().all(), "the gas is still there when the run ends"


def test_a_short_mean_is_given_of_a_steady_plume_and_of_no_puff(run: Outcome) -> None:
    """(600 s / 20 s)^0.2 by hand; as SLAB's sideways spread over 20 s and over 600 s, to the term that ends at 10 s."""
    steady = simulated(Release(substance="chlorine", site="works/T1", mass_kg=600.0, hole_mm=6.0, wind_members=0))
    mean, peak = steady.fields["max_gas_concentration"], steady.fields["peak_gas_concentration"]
    np.testing.assert_allclose(peak, 30.0**0.2 * mean, rtol=1e-6)
    slab = ((600.0 + 10.0 * np.exp(-60.0)) / (20.0 + 10.0 * np.exp(-2.0))) ** 0.2
    assert peak_factor(20.0) == pytest.approx(slab, rel=0.02)
    assert peak_factor(600.0) == peak_factor(3600.0) == 1.0 and peak_factor(0.0) == peak_factor(10.0)
    assert "peak_gas_concentration" not in run.fields and "gusts_sudden" in dict(run.notes)
