"""Ginninderra 2015: methane let go over pasture, seen by four kinds of instruments; position and rate are sought from each kind alone.

As in Cartwright and others 2019 (doi:10.5194/amt-12-4659-2019) the readings of the hours in which the gas flowed are taken; rate and
position are sought. Nothing is fitted. The data do not give the height of the anemometer nor the roughness: 2.3 m, as the nearest
mast, and 0.03 m, short grass, are assumed; the measured standard deviation of the wind's horizontal component is the sideways one.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from evacuation.release.locate.posterior import Posterior, locate
from evacuation.release.locate.readings import CALM_M_S, Readings, friction
from twin.proof import Reference
from twin.streams import stream

FOLDER = "dispersion/ginninderra_ch4"
TABLE = "release_period_1.csv.gz"
GROUPS = ("Boreal", "EC", "FTIR", "Picarro")
Z0_M, ANEMOMETER_M, SOURCE_M, MARGIN_M = 0.03, 2.3, 0.3, 20.0
#: kg s-1 of a gram a minute, kg mol-1 of methane, J mol-1 K-1, and the part of the volume of one ppm.
GRAM_MIN, MOLAR_KG, GAS, PPM = 1e-3 / 60.0, 0.016043, 8.314462, 1e-6
#: The smallest |L| that is taken from the table, m: below it similarity says nothing.
SHORTEST_L_M = 1.0
#: Which flow counts as steady, g/min: the one that lasted through the period, as in the paper.
STEADY = (5.7, 6.0)
STEPS, BURN = 240, 120


def readings(table: pd.DataFrame) -> Readings:
    """Return the readings of a table's rows, of points and of paths, with the wind of their five minutes."""
    inv_l = np.clip(1.0 / table["L"].to_numpy(float), -1.0 / SHORTEST_L_M, 1.0 / SHORTEST_L_M)
    ustar = friction(table["wind_speed"].to_numpy(float), ANEMOMETER_M, Z0_M, inv_l)
    to = np.deg2rad(270.0 - table["wind_dir"].to_numpy(float))
    ends = np.array(table[["x1", "y1", "x2", "y2"]], float)
    ends[:, 2:] = np.where(np.isnan(ends[:, 2:]), ends[:, :2], ends[:, 2:])
    density = PPM * MOLAR_KG * table["air_pressure"] / (GAS * table["air_temp"])
    moment = pd.to_datetime(table["Time"])
    return Readings(
        sensor=table["inst_no"].to_numpy(np.int64), time_s=(moment - moment.min()).dt.total_seconds().to_numpy(float),
        value=(table["Concentration"] * density).to_numpy(float), ends=ends, z=table["z"].to_numpy(float), east=np.cos(to),
        north=np.sin(to), speed=table["wind_speed"].to_numpy(float), ustar=ustar, inv_l=inv_l,
        lateral=table["Ux_stdev."].to_numpy(float) / ustar, z0=Z0_M, height=SOURCE_M,
    )  # fmt: skip


@cache
def ginninderra(reference: Reference) -> dict[str, float]:
    """Return the worst group's error of the median rate (share) and of the position (m), the groups whose 95 % interval holds the rate.

    And each group's own figures, and the distance of the source from the middle of the site.
    """
    table = pd.read_csv(reference.folder(FOLDER) / TABLE)
    low, high = STEADY
    table = table[table["release_rate"].between(low, high) & (table["wind_speed"] >= CALM_M_S)]
    x, y = table[["x1", "x2"]], table[["y1", "y2"]]
    box = (
        x.min(axis=None) - MARGIN_M,
        y.min(axis=None) - MARGIN_M,
        x.max(axis=None) + MARGIN_M,
        y.max(axis=None) + MARGIN_M,
    )
    at = (float(table["source_x"].iloc[0]), float(table["source_y"].iloc[0]))
    true = GRAM_MIN * float(table["release_rate"].median())
    found: dict[str, float] = {"blind": _away(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), at), "held": 0.0}
    for group in GROUPS:
        posterior: Posterior = locate(
            readings(table[table["inst_group"] == group]), box, stream(7, group), steps=STEPS, burn=BURN
        )
        found[f"rate_{group}"] = abs(posterior.rate() / true - 1.0)
        found[f"place_{group}"] = _away(posterior.place, at)
        found["held"] += float(posterior.within("rate", true, 0.95))
    return found | {part: max(found[f"{part}_{group}"] for group in GROUPS) for part in ("rate", "place")}


def _away(place: tuple[float, float], at: tuple[float, float]) -> float:
    return float(np.hypot(place[0] - at[0], place[1] - at[1]))
