"""Chilbolton: methane let go at two places, seen by one laser along seven paths; position and rate are sought from readings and wind.

Nothing is fitted to it. The height of the anemometer is not in the data: 2 m over short grass is assumed.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from evacuation.release.locate.posterior import Posterior, locate
from evacuation.release.locate.readings import Readings, friction
from twin.proof import Reference
from twin.streams import stream

FOLDER = "dispersion"
Z0_M, ANEMOMETER_M = 0.03, 2.0
#: kg m-3 of one ppm of methane at 293 K.
PPM = 1e-6 * 0.016043 / 0.02405
MARGIN_M = 20.0
STEPS, BURN = 240, 120


def readings(table: pd.DataFrame, geometry: pd.DataFrame, source_m: float) -> Readings:
    """Return the minutes of one source, a row for each path and minute that has wind and a value."""
    sensor, count = geometry.loc["sensor"], len(table)
    to = np.deg2rad(table["flow_to_angle_deg_ccw_from_x"].to_numpy(float))
    speed, neutral = table["speed_m_s"].to_numpy(float), np.zeros(count)
    ustar = friction(speed, ANEMOMETER_M, Z0_M, neutral)
    columns: dict[str, list[np.ndarray]] = {}
    for k, name in enumerate(n for n in geometry.index if n != "sensor"):
        end = geometry.loc[name]
        rows = {
            "sensor": np.full(count, k),
            "time_s": 60.0 * table["minute"].to_numpy(float),
            "value": PPM * table[f"ch4_ppm_{name}"].to_numpy(float),
            "ends": np.tile([sensor["x_m"], sensor["y_m"], end["x_m"], end["y_m"]], (count, 1)),
            "z": np.full(count, 0.5 * (sensor["z_m"] + end["z_m"])),
            "east": np.cos(to), "north": np.sin(to), "speed": speed, "ustar": ustar, "inv_l": neutral,
            "lateral": table["tan_gamma_h"].to_numpy(float) * speed / ustar,
        }  # fmt: skip
        for key, values in rows.items():
            columns.setdefault(key, []).append(values)
    whole = {key: np.concatenate(parts) for key, parts in columns.items()}
    good = np.isfinite(whole["value"]) & (whole["ustar"] > 0.0)
    return Readings(**{key: values[good] for key, values in whole.items()}, z0=Z0_M, height=source_m)


@cache
def chilbolton(reference: Reference) -> dict[str, float]:
    """Return the worst of both sources: error of position and of the middle of the site as shares of the range, factor of the rate.

    And how many of the six figures x, y and rate lie in their intervals of 90 %.
    """
    folder = reference.folder(FOLDER)
    geometry = pd.read_csv(folder / "chilbolton_geometry.csv").set_index("name")
    sources = pd.read_csv(folder / "chilbolton_sources.csv").set_index("source")
    x, y = geometry["x_m"], geometry["y_m"]
    box = (x.min() - MARGIN_M, y.min() - MARGIN_M, x.max() + MARGIN_M, y.max() + MARGIN_M)
    range_m = float(np.hypot(x - x["sensor"], y - y["sensor"]).max())
    off, blind, factor, held = [], [], [], 0
    for name, truth in sources.iterrows():
        table = pd.read_csv(folder / f"chilbolton_{name}.csv")
        given = readings(table, geometry, float(truth["z_m"]))
        found = locate(given, box, stream(7, str(name)), steps=STEPS, burn=BURN)
        off.append(_away(found.place, truth) / range_m)
        blind.append(_away(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), truth) / range_m)
        factor.append(np.exp(abs(np.log(found.rate() / truth["rate_kg_s"]))))
        held += _held(found, truth)
    return {"position": max(off), "blind": max(blind), "rate": max(factor), "held": float(held)}


def _away(place: tuple[float, float], truth: pd.Series) -> float:
    return float(np.hypot(place[0] - truth["x_m"], place[1] - truth["y_m"]))


def _held(found: Posterior, truth: pd.Series) -> int:
    return sum(found.within(n, float(truth[c])) for n, c in (("x", "x_m"), ("y", "y_m"), ("rate", "rate_kg_s")))
