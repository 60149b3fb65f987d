"""A raster means what it says: scale, offset, unit, no data, bands and place are followed, refused or told when a city is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import yaml
from rasterio.enums import ColorInterp

from scenarios.case.build import assemble
from scenarios.case.build_file import read_build
from twin import words
from twin.city import City
from twin.errors import SourceError
from twin.finding import Finding

WEST, NORTH = 500_000.0, 3_381_000.0
X = np.arange(50) * 20.0 + 10.0
LEVELS = np.broadcast_to(25.0 - 0.002 * X, (50, 50))


def raster(path: Path, *bands: np.ndarray, west: float = WEST, crs: str = "EPSG:4547", **said: Any) -> None:
    """Write bands; `said` are scale, offset, unit, nodata and the meaning of colours."""
    ny, nx = bands[0].shape
    with rasterio.open(
        path, "w", driver="GTiff", height=ny, width=nx, count=len(bands), dtype=bands[0].dtype, crs=crs,
        transform=rasterio.Affine(20.0, 0.0, west, 0.0, -20.0, NORTH), nodata=said.get("nodata"),
    ) as file:  # fmt: skip
        for k, band in enumerate(bands):
            file.write(band, k + 1)
        if "scale" in said:
            file.scales = [said["scale"]] * len(bands)
        if "offset" in said:
            file.offsets = [said["offset"]] * len(bands)
        if "unit" in said:
            file.units = [said["unit"]] * len(bands)
        if "colours" in said:
            file.colorinterp = said["colours"]


def built(
    tmp_path: Path, landcover: dict[str, Any] | None = None, crs_of_city: str = "EPSG:4547", **terrain: Any
) -> tuple[City, dict[str, Finding]]:
    build = {
        "schema": 1, "id": "r", "name": {"zh": "试", "en": "r"}, "crs": crs_of_city, "cell_m": 20, "timezone": "Asia/Shanghai",
        "vertical_datum": "test", "terrain": {"raster": "dem.tif", "source": "test", **terrain},
    }  # fmt: skip
    if landcover:
        build["landcover"] = {"raster": "cover.tif", "source": "test", **landcover}
    (tmp_path / "city.yaml").write_text(yaml.safe_dump(build, allow_unicode=True), "utf-8")
    city, findings = assemble(read_build(tmp_path / "city.yaml"), tmp_path)
    return city, {f.code: f for f in findings if f.code != "layer_missing"}


def refused(tmp_path: Path, landcover: dict[str, Any] | None = None, **terrain: Any) -> SourceError:
    with pytest.raises(SourceError) as error:
        built(tmp_path, landcover, **terrain)
    assert all("\n" not in error.value.message(lang) and "tif" in error.value.message(lang) for lang in words.LANGS)
    return error.value


def levels(city: City) -> np.ndarray:
    return city.surface["terrain"].values


@pytest.mark.parametrize(
    ("scale", "offset", "dtype"), [(0.1, 0.0, np.int16), (0.01, -100.0, np.uint16), (0.5, 3.0, np.float32)]
)
def test_scale_and_offset_are_followed_and_told(scale: float, offset: float, dtype: type, tmp_path: Path) -> None:
    stored = (LEVELS - offset) / scale
    raster(
        tmp_path / "dem.tif",
        (np.round(stored) if dtype != np.float32 else stored).astype(dtype),
        scale=scale,
        offset=offset,
    )
    city, found = built(tmp_path)
    np.testing.assert_allclose(levels(city), LEVELS, atol=scale if dtype != np.float32 else 1e-5)
    assert found["raster_scaled"].values == {"scale": scale, "offset": offset, "metres": 1.0}
    assert city.layers["terrain"].assumed, "every result of the city says it"


def test_a_no_data_number_is_the_one_that_is_stored(tmp_path: Path) -> None:
    stored = np.round(LEVELS * 10).astype(np.int16)
    stored[0, :5] = -99
    raster(tmp_path / "dem.tif", stored, scale=0.1)
    city, _ = built(tmp_path, nodata=-99)
    assert np.isnan(levels(city)[0, :5]).all() and np.isfinite(levels(city)).sum() == 2495


@pytest.mark.parametrize(
    ("unit", "metre"), [("ft", 0.3048), ("US survey foot", 1200 / 3937), ("cm", 0.01), ("metre", 1.0)]
)
def test_the_unit_of_a_raster_is_followed(unit: str, metre: float, tmp_path: Path) -> None:
    raster(tmp_path / "dem.tif", (LEVELS / metre).astype(np.float32), unit=unit)
    city, found = built(tmp_path)
    np.testing.assert_allclose(levels(city), LEVELS, atol=1e-4)
    assert ("raster_scaled" in found) == (metre != 1.0)
    if metre != 1.0:
        assert refused(tmp_path, vertical_scale=metre).code == "raster_unit_twice"


def test_an_unknown_unit_and_heights_beside_feet_are_not_passed_over(tmp_path: Path) -> None:
    raster(tmp_path / "dem.tif", LEVELS.astype(np.float32), unit="cubits")
    assert refused(tmp_path).code == "raster_unit"
    raster(tmp_path / "dem.tif", LEVELS.astype(np.float32), west=770_000.0, crs="EPSG:2249")
    _, found = built(tmp_path, crs_of_city="EPSG:26986")
    assert found["heights_in_feet"].assumed == "as_metres"


@pytest.mark.parametrize("code", [-9999.0, -32768.0, 1e20, 32767.0, float(np.finfo(np.float32).min)])
def test_cells_of_a_level_that_no_ground_has_are_a_gap(code: float, tmp_path: Path) -> None:
    stored = LEVELS.astype(np.float32)
    stored[10:15, 10:15] = code
    raster(tmp_path / "dem.tif", stored)
    city, found = built(tmp_path)
    assert np.isnan(levels(city)).sum() == 25 and found["no_data_unmarked"].count == 25
    assert np.nanmin(levels(city)) > 22.0 and "cliff" not in found


def test_levels_of_many_impossible_values_are_refused(tmp_path: Path) -> None:
    raster(tmp_path / "dem.tif", (LEVELS * 1000.0).astype(np.float32))
    assert refused(tmp_path).code == "raster_levels"
    assert np.nanmax(levels(built(tmp_path, vertical_scale=0.001)[0])) == pytest.approx(25.0, abs=0.05)


def test_zeros_are_asked_about_where_nothing_says_what_no_data_is(tmp_path: Path) -> None:
    stored = LEVELS.astype(np.float32)
    stored[:5] = 0.0
    raster(tmp_path / "dem.tif", stored)
    assert refused(tmp_path).code == "raster_zero"
    assert np.isnan(levels(built(tmp_path, nodata=0)[0])).sum() == 250
    city, found = built(tmp_path, nodata=-9999)
    assert (levels(city)[:5] == 0.0).all() and found["terrain_zero"].count == 250


def test_one_of_several_bands_must_be_named(tmp_path: Path) -> None:
    low, high = (LEVELS + k for k in (0.0, 10.0))
    raster(tmp_path / "dem.tif", low.astype(np.float32), high.astype(np.float32))
    assert refused(tmp_path).code == "raster_bands" and refused(tmp_path, band=3).code == "raster_bands"
    assert np.nanmax(levels(built(tmp_path, band=2)[0])) == pytest.approx(35.0, abs=0.05)
    opaque = np.full(LEVELS.shape, 255, np.uint8)
    opaque[0] = 0
    stored = np.round(LEVELS).astype(np.uint8)
    raster(tmp_path / "dem.tif", stored, opaque, colours=[ColorInterp.gray, ColorInterp.alpha])
    assert np.isnan(levels(built(tmp_path)[0])[0]).all(), "an alpha band is no second band, it says where nothing is"


def test_land_cover_elsewhere_is_refused_and_half_of_it_is_told(tmp_path: Path) -> None:
    raster(tmp_path / "dem.tif", LEVELS.astype(np.float32))
    grass = np.ones((50, 50), np.uint8)
    raster(tmp_path / "cover.tif", grass, west=WEST + 200_000.0)
    assert refused(tmp_path, {"classes": {1: 4}}).code == "raster_off_city"
    raster(tmp_path / "cover.tif", grass, west=WEST + 500.0)
    city, found = built(tmp_path, {"classes": {1: 4}})
    assert found["cover_gap"].count == 1250 and found["cover_gap"].worst == "50.0%"
    cover = city.surface["cover"].values
    assert (cover[:, :25] == 3).all() and (cover[:, 25:] == 4).all() and "1250" in city.layers["landcover"].assumed[0]
    raster(tmp_path / "cover.tif", grass)
    city, found = built(tmp_path, {"classes": {1: 4}})
    assert "cover_gap" not in found and city.layers["landcover"].assumed == ()
