"""A district as a density in which the dense zones are followed person by person: nobody is lost, and what their form alone tells is told."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from evacuation.crowd.crowd import Crowd
from evacuation.crowd.district import singles
from scenarios.case.hazards import sheet
from tests.unit.evacuation.test_crowd_hazard import X, Y, clock, parts, with_hall
from twin.city import City
from twin.hazard import State
from twin.streams import stream
from twin.words import say

MIXED = Crowd("hall", persons=150, leave_within_s=20.0, form="mixed", stream_cell_m=0.5)


@pytest.fixture
def city(small_city: City) -> City:
    """The hall with a zone before its east gate, and one at the far end that never gets dense."""
    rows = parts(north=None, close=shapely.LineString([(X + 7, Y + 10), (X + 8, Y + 10)]))
    far = rows[rows["id"] == "hall/front"].assign(id="hall/far", geometry=[shapely.box(X, Y, X + 0.9, Y + 10)])
    return with_hall(small_city, gpd.GeoDataFrame(pd.concat([rows, far], ignore_index=True), crs=rows.crs))


def test_a_dense_zone_is_followed_and_nobody_is_lost(city: City) -> None:
    out = MIXED.simulate(city, {}, clock(150), rng=stream(1, "crowd"))
    where = out.counts["where"]
    assert abs(out.balance.error) <= 1e-9 and (where.sum(axis=1) == 150).all()
    zones = out.tables["zones"].set_index("id")
    assert zones.loc["hall/front", "single_after_s"] > 0 and zones.loc["hall/front", "peak_force_n"] > 0
    assert np.isnan(zones.loc["hall/far", ["single_after_s", "peak_force_n"]].astype(float)).all(), (
        "not known, not nothing"
    )
    assert where[3.0].iloc[-1] >= 148, "they leave by the gate of their zone"
    left = out.tables["exits"].groupby("s")["left"].sum()
    assert (left.diff().iloc[1:] >= -1e-9).all()
    alone = Crowd("hall", persons=150, leave_within_s=20.0).simulate(city, {}, clock(150), rng=stream(1, "crowd"))
    exits = alone.tables["exits"].groupby("s")["left"].sum()
    half = [float(np.interp(75.0, t.to_numpy(), t.index.to_numpy())) for t in (left, exits)]
    assert half[0] == pytest.approx(half[1], rel=0.25), "the queue before the gate is that of single people"
    sheet("crowd")
    assert "hall/front" in say("note.crowd.mixed", lang="en", **dict(out.notes)["mixed"])
    assert "mixed_touches" not in dict(out.notes) or "hall/front" not in dict(out.notes)["mixed_touches"]["zones"]


def test_a_split_run_equals_the_whole(city: City, tmp_path: Path) -> None:
    whole = MIXED.simulate(city, {}, clock(60), rng=stream(1, "crowd"))
    first = MIXED.simulate(city, {}, clock(40), rng=stream(1, "crowd"))
    first.state.save(tmp_path / "state.npz")
    second = MIXED.simulate(city, {}, clock(20), state=State.load(tmp_path / "state.npz"))
    assert not np.isnan(first.tables["zones"]["single_after_s"].iloc[0]), "the zone is followed before the split"
    for name, values in whole.state.arrays.items():
        np.testing.assert_array_equal(second.state.arrays[name], values, err_msg=name)


def test_people_walk_out_of_a_zone_back_into_the_density(small_city: City) -> None:
    """A dense zone in the midst of the hall: its people walk on through the density to the gates."""
    rows = parts(front=shapely.box(X + 2, Y + 1, X + 8, Y + 9))
    out = MIXED.simulate(with_hall(small_city, rows), {}, clock(150), rng=stream(1, "crowd"))
    assert abs(out.balance.error) <= 1e-9
    assert out.tables["zones"].set_index("id").loc["hall/front", "single_after_s"] >= 0.0
    assert out.counts["where"][3.0].iloc[-1] >= 148


def test_people_walk_from_one_followed_zone_into_the_next(small_city: City) -> None:
    """Two zones share a side: who leaves the one stands in the other, and the hall empties as that of single people."""
    rows = parts(north=None, close=shapely.LineString([(X + 7, Y + 10), (X + 8, Y + 10)]))
    back = rows[rows["id"] == "hall/front"].assign(id="hall/back", geometry=[shapely.box(X, Y, X + 11, Y + 10)])
    city = with_hall(small_city, gpd.GeoDataFrame(pd.concat([rows, back], ignore_index=True), crs=rows.crs))
    model = Crowd("hall", persons=220, leave_within_s=20.0, form="mixed", stream_cell_m=0.5)
    out = model.simulate(city, {}, clock(150), rng=stream(1, "crowd"))
    assert out.tables["zones"]["single_after_s"].notna().all() and abs(out.balance.error) <= 1e-9
    assert out.counts["where"][3.0].iloc[-1] >= 218


@pytest.mark.parametrize("cell_m", [0.25, 1.0])
def test_the_last_part_of_a_person_leaves_through_two_followed_zones(small_city: City, cell_m: float) -> None:
    """Zones take whole people: what is less than one goes on behind them as density, nobody is made or lost, and all have left."""
    rows = parts(front=shapely.box(X + 4, Y + 1, X + 6, Y + 9))
    back = rows[rows["id"] == "hall/front"].assign(id="hall/back", geometry=[shapely.box(X + 9, Y, X + 11, Y + 10)])
    city = with_hall(small_city, gpd.GeoDataFrame(pd.concat([rows, back], ignore_index=True), crs=rows.crs))
    model = Crowd("hall", persons=150, leave_within_s=20.0, form="mixed", stream_cell_m=cell_m)
    out = model.simulate(city, {}, clock(150), rng=stream(1, "crowd"))
    assert out.tables["zones"]["single_after_s"].notna().sum() == 2
    assert out.balance.stored["inside"] < 1e-6 and out.balance.went_out["left"] == pytest.approx(150, abs=1e-6)
    assert abs(out.balance.error) <= 1e-9
    alone = Crowd("hall", persons=150, leave_within_s=20.0, form="stream", stream_cell_m=cell_m)
    first = alone.simulate(city, {}, clock(150), rng=stream(1, "crowd")).tables["left"]["all_s"].iloc[0]
    assert first <= out.tables["left"]["all_s"].iloc[0] <= first + 40.0


def test_a_zone_too_large_for_single_people_stays_in_the_density_and_is_named(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(singles, "MOST_STEPS", 1e5)
    out = MIXED.simulate(city, {}, clock(40), rng=stream(1, "crowd"))
    assert out.tables["zones"]["single_after_s"].isna().all() and "mixed" not in dict(out.notes)
    assert "hall/front" in dict(out.notes)["mixed_touches"]["zones"]
    for name in ("contact_force", "compression_dose"):
        assert out.fields[name].isnull().all(), "not known, not nothing"


def test_who_walks_out_of_a_zone_makes_no_crush_beside_it(small_city: City) -> None:
    """On cells of 0.25 m one person more is 16 persons/m2: he is shared by those around, and the density stays below its own limit."""
    rows = parts(front=shapely.box(X + 2, Y + 1, X + 8, Y + 9))
    crowd = Crowd("hall", persons=300, form="mixed", stream_cell_m=0.25)
    out = crowd.simulate(with_hall(small_city, rows), {}, clock(60), rng=stream(1, "crowd"))
    zones = out.tables["zones"].set_index("id")
    assert zones.loc["hall/front", "single_after_s"] >= 0.0 and zones.loc["hall/rest", "most_people"] > 50
    assert zones.loc["hall/rest", "peak_density"] <= 5.4 + 1e-9
    assert abs(out.balance.error) <= 1e-9
