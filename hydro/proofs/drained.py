"""Drains, alone and below a flood, against published results and exact balances."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from hydro.drains.coupling import Coupling, Manholes
from hydro.proofs import drain_cases
from hydro.schemes.registry import SCHEMES
from twin.proof import Reference


@cache
def ea8b(reference: Reference) -> dict[str, float]:
    """Return UK EA 2D benchmark 8B against XPSTORM's discharge of the manhole; see `hydro.proofs.drain_cases.ea8b`."""
    found = drain_cases.ea8b(reference.folder("hydro/ea_test8b"))
    return found | {"peak": abs(found["peak_error"])}


@cache
def finnish_block(reference: Reference) -> dict[str, float]:
    """Return the Finnish block's storm of 24 June 1990, the worse of both variants first; see `hydro.proofs.drain_cases.finnish_block`."""
    found = drain_cases.finnish_block(reference.folder("hydro/gistoswmm_demo_fi"))
    return found | {"peak": max(abs(found["peak_error_0"]), abs(found["peak_error_1"]))}


@cache
def kowloon_drains(reference: Reference) -> dict[str, float]:
    """Return what can be compared honestly of Kowloon's drains; see `hydro.proofs.drain_cases.kowloon_drains`."""
    found = drain_cases.kowloon_drains(reference.folder("hydro/hongkong_kowloon"))
    return found | {
        "runoff": found["runoff_mm"] / 282.3 - 1.0,
        "continuity": abs(found["continuity_error"]),
        "event": abs(found["event_volume_m3"] / found["event_runoff_m3"] - 1.0),
    }


@cache
def bergermeer(reference: Reference) -> dict[str, float]:
    """Return the water balance of the Bergermeer quarter; beside it the engine's error without the weir and at 0.2 s."""
    return bergermeer_hour(reference) | {
        "no_weir": bergermeer_hour(reference, weir=False)["engine"],
        "fifth_step": bergermeer_hour(reference, step_s=0.2)["engine"],
    }


def bergermeer_hour(reference: Reference, *, weir: bool = True, step_s: float = 1.0) -> dict[str, float]:
    """Return the water balance of 60 mm in an hour over the Bergermeer quarter with its sewer, at 2 m, float64.

    `surface` relative error of the surface's volume, `engine` of the drains' own; `captured` and `surcharged` in m3.
    `step_s` is the engine's routing step.
    All manholes coupled, closed sides, ditches at -1.80 m NAP, n = 0.03, as the data's README suggests.
    """
    folder = reference.folder("hydro/bergermeer_nl")
    dem = reference.raster("hydro/bergermeer_nl/dem_ahn_1m.tif")
    fine = dem.values
    z = fine.reshape(fine.shape[0] // 2, 2, fine.shape[1] // 2, 2).mean(axis=(1, 3))
    table = pd.read_csv(folder / "manholes.csv", dtype={"code": str})
    west, north = dem.transform * (0, 0)
    at = Manholes(
        [f"M{k}" for k in table["fid_3di"]], ((north - table["y"]) / 2.0).to_numpy(int),
        ((table["x"] - west) / 2.0).to_numpy(int), table["manhole_surface_level"].to_numpy(float),
    )  # fmt: skip
    water = SCHEMES["inertial"](z, 0.03, 2.0, dtype="float64")
    water.fill(np.maximum(-1.80 - z, 0.0))
    water.feed(np.full(z.shape, 0.06 / 3600.0))
    before, rained = water.volume(), 0.06 * z.size * 4.0
    with Coupling(
        bergermeer_sewer(folder, table, weir, step_s), at, start=datetime(2026, 1, 1), duration_s=3600.0, exchange_s=5.0,
        cell_area_m2=4.0,
    ) as drains:  # fmt: skip
        for k in range(720):
            drains.step(water.depth(), z)
            water.wake(at.row, at.col)
            water.advance(5.0, 5.0 * k)
        drains.finish()
    captured, surcharged = float(drains.captured.sum()), float(drains.surcharged.sum())
    return {
        "surface": abs(water.volume() - before - rained + captured - surcharged) / rained,
        "engine": abs(drains.account["continuity_error"]),
        "captured": captured,
        "surcharged": surcharged,
    }


def bergermeer_sewer(folder: Path, manholes: pd.DataFrame, weir: bool = True, step_s: float = 1.0) -> str:
    """Return the published sewer as a SWMM model: manholes, round pipes, the overflow weir and the pump."""
    pipes = pd.read_csv(folder / "pipes.csv")
    lines = [
        "[OPTIONS]", "FLOW_UNITS CMS", "FLOW_ROUTING DYNWAVE", "LINK_OFFSETS ELEVATION",
        f"ROUTING_STEP {step_s:g}", f"MINIMUM_STEP {min(step_s, 0.5):g}", "VARIABLE_STEP 0.75",
        "SURCHARGE_METHOD SLOT", "MIN_SURFAREA 0.64", "[JUNCTIONS]",
    ]  # fmt: skip
    for row in manholes.itertuples():
        lines.append(f"M{row.fid_3di} {row.bottom_level} {row.manhole_surface_level - row.bottom_level:.3f} 0 0 0")
    lines += ["[OUTFALLS]", "OUT -0.3 FREE NO", "[CONDUITS]"]
    for p in pipes.itertuples():
        ends = f"M{p.connection_node_id_start} M{p.connection_node_id_end} {p.length_m} {p.friction_value}"
        lines.append(f"P{p.fid_3di} {ends} {p.invert_level_start} {p.invert_level_end} 0 0")
    lines += ["[PUMPS]", "PUMP M18 OUT RATE ON 1.0 0.22"]  # start -4.0, stop -4.78 m above a floor of -5.0 m
    lines += ["[XSECTIONS]"]
    lines += [f"P{p.fid_3di} CIRCULAR {p.cross_section_width} 0 0 0 1" for p in pipes.itertuples()]
    if weir:  # broad crest, Q = Cd (2/3)^1.5 g^0.5 b H^1.5
        coefficient = 0.8 * 2.0 / 3.0 * (2.0 * 9.80665 / 3.0) ** 0.5
        lines += ["W RECT_OPEN 1.15 2.0 0 0", "[WEIRS]", f"W M16 M5 TRANSVERSE -1.70 {coefficient:.4f} NO 0 0 NO"]
    lines += ["[CURVES]", "RATE PUMP4 0 0.0125", "RATE 10 0.0125", ""]
    return "\n".join(lines)
