"""Published cases of the drains: each function takes a reference folder and returns measured figures, nothing else.

The surface of EA test 8B is simplified, because its terrain cannot be had: a level plane at the rim of the manhole, as
large as the test's domain, over which spilled water spreads at once.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hydro.coupling import Coupling, Inlets, Manholes
from twin.inp import read_sections

Array = NDArray[np.float64]


def nash_sutcliffe(found: Array, published: Array) -> float:
    """Return 1 - sum (found - published)^2 / sum (published - mean)^2 (Nash and Sutcliffe 1970)."""
    return float(1.0 - ((found - published) ** 2).sum() / ((published - published.mean()) ** 2).sum())


def ea8b_manhole(folder: Path, *, exchange_s: float = 1.0) -> tuple[Array, Array, dict[str, float]]:
    """Return times (s, ends of steps), flow from manhole J1 to the surface (m3/s) and the engine's account.

    UK EA 2D benchmark, test 8B (Neelz and Pender 2013, SC120002): 3 h 20 min, orifice coefficient 1, manhole of 1 m2.
    """
    inp = (folder / "test8b_drainage_ponding.inp").read_text("utf-8")
    row = next(r for r in read_sections(inp)["JUNCTIONS"] if r[0] == "J1")
    rim = float(row[1]) + float(row[2])
    inlets = Inlets(
        length_m=float(np.sqrt(4.0 * np.pi)),  # rim of a round manhole of 1 m2
        grate_area_m2=1.0,
        shaft_area_m2=1.0,
        pond_area_m2=1.0,
        orifice=1.0,
    )
    at = np.zeros(1, dtype=np.int64)
    domain_m2 = 482 * 200 * 2.0**2
    h, z = np.zeros((1, 1)), np.full((1, 1), rim)
    flow = []
    with Coupling(
        inp,
        Manholes(["J1"], at, at, np.array([rim])),
        start=datetime(2007, 1, 1),
        duration_s=12_000.0,
        exchange_s=exchange_s,
        cell_area_m2=domain_m2,
        inlets=inlets,
    ) as drains:
        for _ in range(round(12_000.0 / exchange_s)):
            flow.append(-float(drains.step(h, z)[0]) / exchange_s)
        drains.finish()
    times = np.arange(1.0, len(flow) + 1.0) * exchange_s
    return times.astype(np.float64), np.array(flow, dtype=np.float64), drains.account


def ea8b(folder: Path, *, exchange_s: float = 1.0) -> dict[str, float]:
    """Return the coupled run against XPSTORM's published manhole discharge.

    `nse` Nash-Sutcliffe at the published times; `peak_error` relative; `peak_lag_s`; `volume_m3` and
    `published_volume_m3` to the surface (trapezoids of positive flow); `reversals` how often the flow changes its sign
    from one step to the next; `continuity_error` of the engine.
    """
    published = pd.read_csv(folder / "xpstorm_linkage_flow.csv")
    t_published, q_published = published["time_min"].to_numpy() * 60.0, published["linkage_flow_m3s"].to_numpy()
    t, q, account = ea8b_manhole(folder, exchange_s=exchange_s)
    at = np.interp(t_published, t, q)
    return {
        "nse": nash_sutcliffe(at, q_published),
        "peak_m3_s": float(q.max()),
        "peak_error": float(q.max() / q_published.max() - 1.0),
        "peak_lag_s": float(t[q.argmax()] - t_published[q_published.argmax()]),
        "volume_m3": float(np.trapezoid(q.clip(min=0.0), t)),
        "published_volume_m3": float(np.trapezoid(q_published.clip(min=0.0), t_published)),
        "reversals": float((q[1:] * q[:-1] < 0.0).sum()),
        "continuity_error": account["continuity_error"],
    }
