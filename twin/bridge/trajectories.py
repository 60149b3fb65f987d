"""Trajectories of simulated people: SQLite as JuPedSim writes it, and parquet with the columns of PedPy.

Layout of the SQLite file: version 2 of JuPedSim's (tables `trajectory_data`, `metadata`, `geometry`, `frame_data`).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from twin.blocks import Section
from twin.bridge.dossier import Dossier

#: The tables of a hazard that keeps trajectories: id, frame, x, y (m); and one row with frames_per_s, ground (WKT), west_m, south_m, and
#: the numbers of the levels that lie side by side there, from the lowest up, each level_span_m east of the one below it.
TRACKS, ABOUT = "tracks", "tracks_about"

VERSION = 2

LAYOUT = """
CREATE TABLE trajectory_data (frame INTEGER NOT NULL, id INTEGER NOT NULL, pos_x REAL NOT NULL, pos_y REAL NOT NULL,
    ori_x REAL NOT NULL, ori_y REAL NOT NULL);
CREATE TABLE metadata (key TEXT NOT NULL UNIQUE PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE geometry (hash INTEGER NOT NULL, wkt TEXT NOT NULL);
CREATE TABLE frame_data (frame INTEGER NOT NULL, geometry_hash INTEGER NOT NULL);
CREATE UNIQUE INDEX geometry_hash ON geometry (hash);
CREATE INDEX frame_id_idx ON trajectory_data (frame, id);
"""


def write(dossier: Dossier, folder: Path) -> list[Path]:
    """Write `<hazard>-trajectories.sqlite` and `.parquet` for each hazard that kept where its people were.

    Of several levels each has files of its own with its number (`<hazard>-trajectories-level_-1` for level -1), in the same metres of the
    map. Both hold synthetic people in metres from the origin that `metadata` (SQLite) and the parquet's own attributes name, with the
    CRS, the run and the time of frame 0 in UTC.
    """
    written: list[Path] = []
    for section in dossier.sections:
        if TRACKS in section.tables and len(section.tables[TRACKS]):
            written += _write(folder / f"{section.sheet.id}-trajectories", section, dossier)
    return written


def levels_of(about: Any) -> list[str]:
    """Return the numbers of the levels that lie side by side, from the lowest up; `about` is the row of ABOUT."""
    return str(about["levels"]).split()


def level_of(x: np.ndarray, about: Any) -> np.ndarray:
    """Return the place in `levels_of` of the level of positions by their x, m; `about` is the row of ABOUT."""
    return np.clip(np.asarray(x, float) // float(about["level_span_m"]), 0, len(levels_of(about)) - 1).astype(np.int64)


def _write(stem: Path, section: Section, dossier: Dossier) -> list[Path]:
    about, tracks = section.tables[ABOUT].iloc[0], section.tables[TRACKS]
    facts = {
        "fps": f"{float(about['frames_per_s']):g}",
        "origin_x": f"{about['west_m']:.3f}",
        "origin_y": f"{about['south_m']:.3f}",
        "crs": dossier.city.grid.crs,
        "frame_0": pd.Timestamp(dossier.clock.times[0]).isoformat() + "Z",
        "run": dossier.plan.run_id,
        "people": "synthetic",
    }
    if len(levels_of(about)) == 1:
        return _write_both(stem, tracks, about["ground"], facts)
    level, pieces = level_of(tracks["x"].to_numpy(), about), shapely.get_parts(shapely.from_wkt(about["ground"]))
    of_piece = level_of(shapely.bounds(pieces)[:, 0], about)
    written: list[Path] = []
    for k, number in enumerate(levels_of(about)):
        east = k * float(about["level_span_m"])
        there = tracks[level == k]
        ground = shapely.transform(shapely.union_all(pieces[of_piece == k]), lambda at, east=east: at - [east, 0.0])
        there = there.assign(x=(there["x"] - east).astype(tracks["x"].dtype)).reset_index(drop=True)
        own = stem.with_name(f"{stem.name}-level_{number}")
        written += _write_both(own, there, ground.wkt, facts | {"level": number})
    return written


def _write_both(stem: Path, tracks: pd.DataFrame, ground: str, facts: dict[str, str]) -> list[Path]:
    parquet, sqlite = (stem.with_name(stem.name + end) for end in (".parquet", ".sqlite"))
    plain = tracks.copy(deep=False)
    plain.attrs = {**facts, "geometry": ground}
    plain.to_parquet(parquet, compression="zstd")
    _write_sqlite(sqlite, tracks, ground, facts)
    return [sqlite, parquet]


def _write_sqlite(path: Path, tracks: pd.DataFrame, ground: str, facts: dict[str, str]) -> None:
    west, south, east, north = shapely.from_wkt(ground).bounds
    bounds = {"xmin": west, "ymin": south, "xmax": east, "ymax": north}
    facing = _facing(tracks)
    columns = [tracks[name].tolist() for name in ("frame", "id", "x", "y")]
    with closing(sqlite3.connect(path)) as file:
        file.executescript(LAYOUT)
        file.executemany(
            "INSERT INTO trajectory_data VALUES (?, ?, ?, ?, ?, ?)", zip(*columns, *facing.T.tolist(), strict=True)
        )
        about = {"version": str(VERSION), **facts, **{name: str(value) for name, value in bounds.items()}}
        file.executemany("INSERT INTO metadata VALUES (?, ?)", about.items())
        file.execute("INSERT INTO geometry VALUES (?, ?)", (1, ground))
        frames = range(int(tracks["frame"].max()) + 1 if len(tracks) else 0)
        file.executemany("INSERT INTO frame_data VALUES (?, 1)", ((frame,) for frame in frames))
        file.commit()


def _facing(tracks: pd.DataFrame) -> np.ndarray:
    """Return the direction (row, 2) in which each one walks from his position to his next; (0, 0) where he stands or is seen last."""
    people = tracks.groupby("id", sort=False)
    step = np.stack([(people[axis].shift(-1) - tracks[axis]).to_numpy(float) for axis in ("x", "y")], axis=1)
    length = np.hypot(*step.T)[:, None]
    return np.nan_to_num(step / np.where(length > 0.0, length, np.inf))
