"""Rain grids, rasters and tables damaged at random are refused in one sentence, never with a traceback.

The same on many more files: `python tests/fuzz/test_damaged_data.py --count 10000 [--seed 1] [--only netcdf4]`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pyproj import CRS

from twin.errors import TwinError
from twin.grid import Grid
from twin.rainfall import RainForm
from twin.readers.grid_series import read_rain_grid
from twin.readers.raster import grid_of, read_raster, warp, write_raster
from twin.readers.series import read_columns, read_rain, read_stage
from twin.words import LANGS

SLOWEST_S = 10.0  # processor time that one file may take
GRID = Grid("EPSG:4547", 500_000.0, 3_381_000.0, 20.0, 50, 50)
SHANGHAI = ZoneInfo("Asia/Shanghai")

TABLE = """# gauge at the bridge
time,rain_mm,水位(m)
2026-06-20 18:00,1.2,18.5
2026-06-20T10:05Z,2.4,18.6
20.06.2026 18:10,0.6,18.7
2026年6月20日18时15分,0.0,18.8
2026-06-20 24:00,0.2,18.9
"""

#: What may stand in a cell.
STRANGE = ("", "nan", "inf", "-1", "1e400", "9" * 400, "-9999", "32766", "24:61", "99:99", "0000-00-00", "2026-06-31", "1e-320", ";",
           '"', ",,,", "\\x00", "年", "06/05/2026", "1677-09-21", "9999-12-31 24:00", "2262-04-12T00:00Z", "-0", "x" * 10_000)  # fmt: skip


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Return bytes with bits flipped, or a piece left out, doubled, zeroed, overwritten with noise, or all from it on."""
    size = len(content)
    how, a, b = int(rng.integers(6)), *sorted(int(k) for k in rng.integers(0, size, 2))
    b = min(b, a + 64)
    if how == 0:
        found = bytearray(content)
        for at in rng.integers(0, size, int(rng.integers(1, 8))):
            found[at] ^= 1 << int(rng.integers(8))
        return bytes(found)
    piece = {1: b"", 2: content[a:b] * 2, 3: bytes(b - a), 4: rng.bytes(b - a)}
    return content[:a] if how == 5 else content[:a] + piece[how] + content[b:]


@cache
def netcdf(engine: str) -> bytes:
    """A small rain grid with a projection, as bytes of NetCDF 4 or 3."""
    values = np.full((4, 8, 8), 10.0, np.float32)
    y, x = 3_380_500.0 + 500.0 * np.arange(-3.5, 4.0), 500_500.0 + 500.0 * np.arange(-3.5, 4.0)
    data = xr.Dataset(
        {"rain": (("time", "y", "x"), values, {"units": "mm/h", "grid_mapping": "crs"})},
        {"time": pd.date_range("2026-06-20T10:00", periods=4, freq="30min"), "y": y, "x": x},
    )
    data["crs"] = xr.DataArray(0, attrs=CRS("EPSG:4547").to_cf())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rain.nc"
        data.to_netcdf(path, engine=engine, format="NETCDF4" if engine == "h5netcdf" else "NETCDF3_CLASSIC")  # type: ignore[call-overload]
        return path.read_bytes()


@cache
def geotiff() -> bytes:
    """A small terrain as bytes of a compressed GeoTIFF."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "terrain.tif"
        write_raster(path, np.linspace(20.0, 25.0, 2500, dtype=np.float32).reshape(50, 50), GRID, -9999.0)
        return path.read_bytes()


def fuzz_netcdf4(rng: np.random.Generator, folder: Path) -> None:
    """Read one damaged NetCDF-4 file as rain."""
    (folder / "rain.nc").write_bytes(damaged(netcdf("h5netcdf"), rng))
    read_rain_grid(folder / "rain.nc", GRID)


def fuzz_netcdf3(rng: np.random.Generator, folder: Path) -> None:
    """Read one damaged NetCDF-3 file as rain."""
    (folder / "rain.nc").write_bytes(damaged(netcdf("scipy"), rng))
    read_rain_grid(folder / "rain.nc", GRID)


def fuzz_geotiff(rng: np.random.Generator, folder: Path) -> None:
    """Read one damaged raster, take its grid and warp it onto another."""
    (folder / "terrain.tif").write_bytes(damaged(geotiff(), rng))
    raster = read_raster(folder / "terrain.tif")
    grid_of(raster)
    warp(raster, "EPSG:4547", 25.0, like=GRID)


def fuzz_table(rng: np.random.Generator, folder: Path) -> None:
    """Read one damaged table as rain, stage and columns: damaged as bytes, or with strange cells."""
    content = TABLE.encode("gb18030" if rng.random() < 0.3 else "utf-8")
    if rng.random() < 0.5:
        cells = TABLE.replace("\n", ",\n,").split(",")
        for k in rng.integers(3, len(cells), int(rng.integers(1, 4))):
            cells[k] = STRANGE[int(rng.integers(len(STRANGE)))]
        content = ",".join(cells).replace(",\n,", "\n").encode("utf-8", "surrogatepass")
    else:
        content = damaged(content, rng)
    path = folder / ("rain.dat" if rng.random() < 0.1 else "rain.csv")
    path.write_bytes(content)
    form = (RainForm(), RainForm(cumulative=True), RainForm(gaps="dry", missing=(-9999.0,)), RainForm(stamps="end"))
    readers: tuple[Callable[[], object], ...] = (
        lambda: read_rain(path, SHANGHAI, "mm", form[int(rng.integers(4))]),
        lambda: read_stage(path, SHANGHAI),
        lambda: read_columns(path, SHANGHAI, {"rain_mm": (0.0, 100.0)}),
    )
    readers[int(rng.integers(3))]()


FUZZERS: dict[str, Callable[[np.random.Generator, Path], None]] = {
    "netcdf4": fuzz_netcdf4,
    "netcdf3": fuzz_netcdf3,
    "geotiff": fuzz_geotiff,
    "table": fuzz_table,
}


def outcome(kind: str, seed: int, folder: Path) -> str:
    """Return "read", "refused" or what is wrong with how one damaged file was met."""
    begun = time.process_time()
    try:
        FUZZERS[kind](np.random.default_rng([seed, sorted(FUZZERS).index(kind)]), folder)
        met = "read"
    except TwinError as error:
        met = "refused"
        for lang in LANGS:
            sentence = error.message(lang)
            if "\n" in sentence or len(sentence) > 1200 or not sentence:
                met = f"{kind} {seed}: bad sentence ({error.code}, {len(sentence)} letters)"
    except Exception as error:
        met = f"{kind} {seed}: {''.join(traceback.format_exception(error)[-4:])}"
    taken = time.process_time() - begun
    return met if taken <= SLOWEST_S else f"{kind} {seed}: {taken:.0f} s"


@pytest.mark.parametrize(("kind", "count"), [("netcdf4", 40), ("netcdf3", 40), ("geotiff", 40), ("table", 100)])
def test_a_damaged_file_is_refused_in_one_sentence(kind: str, count: int, tmp_path: Path) -> None:
    met = Counter(outcome(kind, seed, tmp_path) for seed in range(count))
    assert set(met) <= {"read", "refused"}, "\n".join(sorted(met))
    assert met["refused"] > count / 5, "damage is seen"


def main() -> int:
    """Damage and read many files; print what went wrong and return how many did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=sorted(FUZZERS))
    asked = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for kind in [asked.only] if asked.only else FUZZERS:
            met = Counter(outcome(kind, asked.seed + k, Path(folder)) for k in range(asked.count))
            wrong = [text for text in met if text not in ("read", "refused")]
            bad += len(wrong)
            sys.stdout.write(
                "\n".join([*wrong, f"{kind}: {met['read']} read, {met['refused']} refused, {len(wrong)} wrong", ""])
            )
            sys.stdout.flush()
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
