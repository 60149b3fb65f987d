"""What leaves for other programs, read back with theirs: GeoTIFF, NetCDF, GeoPackage, each with its CRS."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import rasterio
import xarray as xr
from typer.testing import CliRunner

import scenarios as sc
from scenarios.cli import app
from tests.conftest import CRS, NORTH, WEST
from twin.errors import ScenarioError


def test_fields_and_places_are_read_back_as_they_were(storm: Path, tmp_path: Path) -> None:
    run = sc.run(sc.load(storm).with_changes(hours=0.5, hazards=[{"flood": {"drainage": "none"}}]))
    told = CliRunner().invoke(app, ["export", run.id, "--as", "geotiff,netcdf,gpkg", "--to", str(tmp_path / "out")])
    assert told.exit_code == 0, told.output
    files = {Path(line).name: Path(line) for line in told.stdout.split()}
    assert all(path.parent == tmp_path / "out" / run.id and path.exists() for path in files.values())
    depth = run.fields["flood"]["water_depth"]

    with rasterio.open(files["flood-water_depth.tif"]) as file:
        assert file.crs.to_string() == CRS and file.bounds == (WEST, NORTH - 1000.0, WEST + 1000.0, NORTH)
        assert file.count == depth.sizes["time"] and file.units[0] == "m" and file.tags()["run"] == run.id
        assert file.descriptions[-1] == "2026-06-20T18:30:00+08:00"
        np.testing.assert_array_equal(file.read(file.count), depth[-1].values)
    with rasterio.open(files["flood-duration_above.tif"]) as file:
        assert file.descriptions == ("depth_bound 0.15", "depth_bound 0.27", "depth_bound 0.5")

    with xr.open_dataset(files["flood.nc"]) as found:
        mapping = found[found["water_depth"].attrs["grid_mapping"]]
        assert (
            pyproj.CRS.from_cf(mapping.attrs).to_string() == CRS
            and found["x"].standard_name == "projection_x_coordinate"
        )
        xr.testing.assert_equal(found["water_depth"].drop_vars("crs"), depth.compute())

    points = gpd.read_file(files["results.gpkg"], layer="flood_places_points").set_index("id")
    levels = run.levels.set_index("place")
    assert points.crs.to_string() == CRS and points.loc["u1", "level"] == levels.loc["u1", "level"] == "red"
    assert points.loc["u1", "from"] == pd.Timestamp(levels.loc["u1", "from"], tz="UTC")
    roads = gpd.read_file(files["results.gpkg"], layer="flood_roads")
    assert len(roads) == len(run.case.city.roads) and set(roads.geom_type) == {"LineString"}


def test_paths_over_roads_are_read_back_as_geoparquet(storm: Path, tmp_path: Path) -> None:
    case = sc.load(storm).with_changes(hours=0.5, hazards=[{"movement": {"zones": "all", "mean_delay_min": 5}}])
    run = sc.run(case)
    (path,) = sc.export_run(run, tmp_path / "out", ["paths"])
    found, table = gpd.read_parquet(path), run.tables["movement-trajectories"]
    assert path.name == "movement-paths.parquet" and found.crs.to_string() == CRS and len(found) == len(table)
    assert found["synthetic"].all() and set(found.geom_type) == {"LineString"}
    start = pd.Timestamp(case.clock.start).tz_convert("UTC")
    np.testing.assert_allclose((found["enters"] - start).dt.total_seconds(), table["enter_s"], atol=1e-6)
    line = run.case.city.roads.set_index("id").geometry[found["id"].iloc[0]]
    assert found.geometry.iloc[0].equals(line)
    assert found.geometry.iloc[0].coords[0] == line.coords[-1 if found["reverse"].iloc[0] else 0]


def test_an_unknown_format_is_one_sentence_and_leaves_nothing(storm: Path, tmp_path: Path) -> None:
    run = sc.run(sc.load(storm).with_changes(hours=0.5, hazards=[{"flood": {"drainage": "none"}}]))
    with pytest.raises(ScenarioError, match=r"Unknown export format shp, available: .*geotiff.*gpkg.*netcdf"):
        sc.export_run(run, tmp_path / "out", ["shp"])
    assert not (tmp_path / "out").exists()
