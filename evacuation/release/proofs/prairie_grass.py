"""Project Prairie Grass 1956: a passive gas let go near the ground over short grass, measured on five arcs.

Nothing is fitted to it. Each run is a steady plume of the model's own pieces in the measured u*, L and mixing height, with the
measured sigma_theta for the sideways turbulence (and once more with the model's own). The gas was sulphur dioxide, which grass takes
up: its surface resistance is that of range land at night, by Wesely 1989, in all runs. The baseline without skill foretells at each
arc the geometric mean of the other runs, scaled with the release rate.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from evacuation.release.cloud import Cloud, Emission
from evacuation.release.dilution import PASSIVE
from evacuation.release.kernels.similarity import sideways
from evacuation.release.substances import substance
from evacuation.release.weather import Air
from twin.proof import Reference

FOLDER = "dispersion"
ARCS_M = (50.0, 100.0, 200.0, 400.0, 800.0)
Z0_M = 0.006
NO_LID_M = 1e4


def plume(run: pd.Series, lateral: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Return (arc maximum, crosswind integral) of a run at each arc, mg m-3 and mg m-2."""
    ustar, inv_l = float(run["ustar_m_s"]), 1.0 / float(run["L_m"])
    if lateral is None:
        lateral = np.deg2rad(run["sigma_theta_deg"]) * run["u_2m_m_s"] / ustar
    air = Air(
        z0=np.full((1, 1), Z0_M), ustar=np.full((1, 1), ustar), west=-1e5, north=1e5, tile_m=2e5, inv_l=inv_l,
        lateral=lateral, highest_m=half_lid(run), density=1.2, east=1.0, north_ward=0.0,
        wind=float(run["u_2m_m_s"]), temperature=293.0,
    )  # fmt: skip
    source = Emission(
        0, 0.0, 0.0, float(run["Q_g_s"]) / 1000.0, 0.0, PASSIVE, 1.2, 0.05, float(run["release_height_m"])
    )
    uptake = 1.0 / substance("sulfur_dioxide").number("surface_resistance_range")
    cloud, step, parts = Cloud(uptake=uptake), 20.0, 20
    seconds = 2.0 * ARCS_M[-1] / max(0.5 * float(run["u_2m_m_s"]), 0.5)
    for k in range(int(np.ceil(seconds / step))):
        cloud.step([source], step, parts, k * parts, air, k * step)
    across = np.linspace(-600.0, 600.0, 2401)
    highest, integral = [], []
    for arc in ARCS_M:
        c = cloud.at(np.full(len(across), arc), across, air, float(run["sampler_height_m"])) * 1e6
        highest.append(c.max())
        integral.append(c.sum() * (across[1] - across[0]))
    return np.array(highest), np.array(integral)


def own_lateral(run: pd.Series) -> float:
    """Return the model's sigma_v / u* for a run."""
    return float(sideways(1.0 / float(run["L_m"]), half_lid(run)))


def half_lid(run: pd.Series) -> float:
    """Return half the mixing height of a run, m; of stable runs it is not given and plays no part."""
    return 0.5 * float(run["zi_m"]) if np.isfinite(run["zi_m"]) else NO_LID_M


def scores(observed: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return FAC2, FB (positive: too low), NMSE, MG and VG (observed / predicted) of pairs above zero."""
    o, p = observed, predicted
    good = (o > 0) & (p > 0)
    log = np.log(o[good] / p[good])
    ratio = p[good] / o[good]
    return {
        "fac2": float(np.sum((ratio >= 0.5) & (ratio <= 2.0)) / len(o)),
        "fb": float(2.0 * (o.mean() - p.mean()) / (o.mean() + p.mean())),
        "nmse": float(((o - p) ** 2).mean() / (o.mean() * p.mean())),
        "mg": float(np.exp(log.mean())),
        "vg": float(np.exp((log**2).mean())),
    }


def blind(table: pd.DataFrame, seen: str) -> np.ndarray:
    """Return what the geometric mean of the other runs at each arc foretells, per kilogram let go."""
    per_q = np.log(table[seen] / table["q"])
    sums, counts = per_q.groupby(table["arc"]).transform("sum"), per_q.groupby(table["arc"]).transform("count")
    return np.asarray(np.exp((sums - per_q) / (counts - 1)) * table["q"])


@cache
def prairie_grass(reference: Reference) -> dict[str, float]:
    """Return the scores of arc maxima, crosswind integrals, the model's own sideways turbulence and the baseline."""
    folder = reference.folder(FOLDER)
    runs = pd.read_csv(folder / Path("prairie_grass_runs.csv"))
    arcs = pd.read_csv(folder / Path("prairie_grass_arcs.csv"))
    rows = []
    for _, run in runs.iterrows():
        highest, integral = plume(run, None)
        own, _ = plume(run, own_lateral(run))
        mine = arcs[arcs["run"] == run["run"]].set_index("arc_m")
        for k, arc in enumerate(ARCS_M):
            if arc in mine.index:
                seen = mine.loc[arc]
                rows.append(
                    (run["run"], arc, run["Q_g_s"], seen["cmax_mg_m3"], seen["cic_mg_m2"], seen["edge_truncated"],
                     highest[k], integral[k], own[k], run["L_m"])
                )  # fmt: skip
    table = pd.DataFrame(rows, columns=["run", "arc", "q", "seen", "seen_cic", "cut", "found", "found_cic", "own", "L"])
    table = table[table["seen"] > 0]
    whole = table[~table["cut"].astype(bool) & (table["seen_cic"] > 0)]
    parts = {
        "": scores(table["seen"].values, table["found"].values),
        "cic_": scores(whole["seen_cic"].values, whole["found_cic"].values),
        "own_": scores(table["seen"].values, table["own"].values),
        "blind_": scores(table["seen"].values, blind(table, "seen")),
        "blind_cic_": scores(whole["seen_cic"].values, blind(whole, "seen_cic")),
    }
    off = {f"{name}off": abs(parts[name]["fb"]) for name in ("", "cic_")}
    return (
        off
        | {f"{name}{key}": value for name, part in parts.items() for key, value in part.items()}
        | {"pairs": float(len(table))}
    )
