"""Venues are given the advice of both choices, as blocks are: nobody is sent out where going out is worse, or not known to be better."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

import scenarios as sc
from evacuation.release.proofs.worlds import CRS, town, wind
from evacuation.release.release import Release
from scenarios.runner.run import execute
from twin.city import City
from twin.clock import Clock
from twin.phrases import evidence, order, task
from twin.readers.city_folder import save_folder

CLOCK = Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), 7200.0, 300.0)
LEAK = {"substance": "chlorine", "site": "works/T1", "hole_mm": 14.0, "air_changes_shut": 3.0, "warned_min": 2.0}


def with_halls(of: City) -> City:
    """Return a town in which each block is a venue as well, and one stands at a point."""
    halls = of.blocks[["id", "geometry"]].assign(
        kind="venue", name_zh="礼堂", name_en="Hall", id="hall-" + of.blocks["id"].astype(str)
    )
    stall = halls.iloc[:1].assign(id="stall", geometry=[halls.geometry.iloc[0].centroid])
    table = pd.concat([of.facilities, halls, stall], ignore_index=True)
    return replace(
        of, facilities=gpd.GeoDataFrame(table, geometry=[shapely.force_2d(g) for g in table.geometry], crs=CRS)
    )


def test_a_venue_is_advised_as_a_block_of_its_ground_is() -> None:
    model = Release(**LEAK, wind_members=0, ready_min=0.0)
    found = model.simulate(with_halls(town()), wind(CLOCK, {0.0: (1.5, 0.0)}), CLOCK)
    blocks, venues = found.tables["advice"], found.tables["venues"]
    halls = venues[venues["id"] != "stall"]
    assert set(blocks["advice"]) >= {"leave", "stay"} and len(venues) == len(blocks) + 1
    pd.testing.assert_frame_equal(
        halls.drop(columns="id").reset_index(drop=True), blocks.drop(columns="id"), check_dtype=False
    )
    assert found.fields.sizes["block"] == len(blocks), "venues are no blocks"


@pytest.mark.parametrize(("speed", "codes"), [(0.3, {"shelter_venue"}), (1.5, {"shelter_venue", "clear_venue"})])
def test_in_a_calm_nobody_is_sent_out_of_a_venue(tmp_path: Path, speed: float, codes: set[str]) -> None:
    save_folder(with_halls(town()), tmp_path / "town")
    leak = ", ".join(f"{name}: {value}" for name, value in LEAK.items())
    (tmp_path / "leak.yaml").write_text(
        f"""schema: 1
name: {{zh: 礼堂旁泄漏, en: A leak beside halls}}
city: {tmp_path / "town"}
start: 2026-06-20T18:00+08:00
hours: 2
forcing:
  wind: {{speed_m_s: {speed}, from_deg: 270}}
hazards:
  - release: {{{leak}, wind_members: 8, ready_min: 0}}
seed: 7
""",
        "utf-8",
    )
    plan = sc.draft_plan(execute(sc.load(tmp_path / "leak.yaml"), fresh=True))
    asked = [t for t in plan.tasks if t.place_kind == "venue" and "venue" in t.code]
    assert {t.code for t in asked} == codes and not plan.conflicts
    assert len({t.place for t in asked}) == len(asked), "one of the two"
    for lang, none in (("en", "None"), ("zh", "None")):
        said = [f(t, lang) for t in asked for f in (task, evidence)] + [order(t, lang, str) for t in asked]
        assert not [s for s in said if none in s or "nan" in s or "{" in s]
