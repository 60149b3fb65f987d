"""Dense gas against SLAB's own tables and against trials: LNG on water, ammonia and chlorine under pressure.

Nothing is fitted to any of them. Sources and air are those that the data sets state; what they do not state is said here.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.release.cloud import Cloud, Emission
from evacuation.release.dilution import cold
from evacuation.release.kernels import slab_mixing as f
from evacuation.release.kernels.equilibrium import AIR_MOLAR
from evacuation.release.kernels.growth import PER_DECADE, POINTS
from evacuation.release.proofs.prairie_grass import FOLDER, own_lateral, scores
from evacuation.release.slab.ambient import ambient, blown, inv_l_of, moisture_of
from evacuation.release.slab.sources import EvaporatingPool, Fluid, Jet
from evacuation.release.slab.spread import Slab, spread
from evacuation.release.sources.tank import DISCHARGE, Tank
from evacuation.release.substances import GAS, substance
from evacuation.release.weather import Air
from twin.proof import Reference

Array = NDArray[np.float64]

#: Averages are over ten seconds, as in the decks: what the LNG data set calls short-time maxima.
SHORT_S = 10.0
#: A share of the volume that the LNG data set calls below its useful range.
USEFUL = 1e-4
#: Least observed value that counts among the LNG arcs, % of the volume.
LEAST_PERCENT = 0.05
STABLE = {"A": 1.0, "B": 2.0, "C": 3.0, "D": 4.0, "E": 5.0, "F": 6.0}
#: Where the reference says no humidity.
ASSUMED_HUMIDITY = 0.2

#: Columns of the table of states -> fields of ours.
STATES = {
    "zc_m": f.CENTRE, "h_m": f.DEPTH, "bb_m": f.WIDE, "b_m": f.FLAT, "rho_kg_m3": f.DENSITY, "T_K": f.TEMPERATURE,
    "u_m_s": f.SPEED, "uab_m_s": f.WIND, "cm_massfrac": f.SHARE, "cmev": f.VAPOUR, "cmwv": f.MOIST, "wc": f.RISE,
    "vg": f.SIDE, "ug": f.END, "w": f.TOPS, "v": f.SIDES, "vx": f.ENDS,
}  # fmt: skip


def ammonia_jet() -> Slab:
    """Return the slab of the manual's two-phase jet of ammonia (the deck stands in the data's README)."""
    fluid = Fluid(0.017031, 2045.9, 4611.8, 603.0, 1.17e6, 239.57, 2976.01)
    air = blown(z0=0.003, temperature=306.2, humidity=0.213, inv_l=0.0221, wind_m_s=4.5, at_m=2.0)
    return spread(Jet(fluid, 107.87, 381.0, 0.93, 1.0, 0.81), air, 3000.0)


def lng_jet() -> Slab:
    """Return the slab of the LNG jet: rough ground (z0 = 1 m) and dry air, as in the deck that made the table."""
    warm = 111.15
    molar = 1.76 * GAS * warm / 101325.0
    fluid = Fluid(molar, 2240.0, 3349.0, 425.6, 509_880.0, 111.66, 509_880.0 * molar / GAS)
    air = blown(z0=1.0, temperature=298.0, humidity=0.0, inv_l=inv_l_of(STABLE["F"], 1.0), wind_m_s=10.9, at_m=10.0)
    return spread(Jet(fluid, 0.23 * 425.6, 174.0, math.pi / 4.0, 0.0, 0.0, warm), air, 2000.0)


def _off(mine: Array, table: Array) -> Array:
    """Return relative differences where the table is not zero."""
    there = table != 0.0
    return np.asarray(np.abs(mine[there] / table[there] - 1.0))


@cache
def states(reference: Reference) -> dict[str, float]:
    """Return median relative differences of the ammonia jet's states: over all cells, and of the worst column."""
    table = pd.read_csv(reference.folder(FOLDER) / Path("slab_reference_dt4_jet.csv")).iloc[1:]
    slab, x = ammonia_jet(), table["x_m"].to_numpy()
    soft, wide = slab.softness(x, SHORT_S)
    mine = {column: slab.at(x, number) for column, number in STATES.items()}
    mine |= {"cv_volfrac": slab.volume_share(x), "betac_m": soft, "bbc_m": wide}
    mine |= {"sig": slab.height_spread(x), "cc": slab.scale(x)}
    off = {column: _off(values, table[column].to_numpy()) for column, values in mine.items()}
    return {
        "all": float(np.median(np.concatenate(list(off.values())))),
        "worst": max(float(np.median(values)) for values in off.values()),
    }


@cache
def moments(reference: Reference) -> dict[str, float]:
    """Return median relative differences of the LNG jet's shares of the volume at the ground.

    At the table's places where it has more than the useful share; at all of them; and at the same multiples of our own width.
    """
    table = pd.read_csv(reference.folder(FOLDER) / Path("slab_reference_burro_like_jet.csv")).iloc[1:]
    slab, theirs = lng_jet(), table.iloc[:, 4:].to_numpy()
    multiples = np.arange(theirs.shape[1]) * 0.5
    rows, own_rows = [], []
    for row in table.itertuples():
        x = np.full(len(multiples), row.x_m + slab.table[0, f.X])  # the table counts from the source
        own = slab.softness(x, SHORT_S)[1]
        rows.append(slab.moment(x, multiples * row.bbc_m, 0.0, row.t_s, SHORT_S))
        own_rows.append(slab.moment(x, multiples * own, 0.0, row.t_s, SHORT_S))
    off, own_off = np.abs(np.array(rows) / theirs - 1.0), np.abs(np.array(own_rows) / theirs - 1.0)
    return {
        "useful": float(np.median(off[theirs > USEFUL])),
        "all": float(np.median(off)),
        "own": float(np.median(own_off)),
    }


@cache
def lng(reference: Reference) -> dict[str, float]:
    """Return the scores of the LNG trials' arc maxima: ours, the peers', the city run's box and the baseline without skill."""
    folder = reference.folder(FOLDER)
    trials = pd.read_csv(folder / Path("lng_trials.csv")).set_index("trial")
    table = pd.read_csv(folder / Path("lng_arcs.csv")).merge(
        pd.read_csv(folder / Path("anchor_predictions_lng.csv")), on=["trial", "arc_m"]
    )
    table = table[table["cmax_vol_pct"] > LEAST_PERCENT].reset_index(drop=True)
    seen = table["cmax_vol_pct"]
    found = {"slabx_": table["slabx_1_0_7_vol_pct"], "degali_": table["degali_0_1_0_vol_pct"]}
    found |= {name: pd.Series(0.0, index=table.index) for name in ("", "box_")}
    for name, rows in table.groupby("trial"):
        trial, arcs, height = trials.loc[name], rows["arc_m"].to_numpy(float), float(rows["height_m"].iloc[0])
        found[""][rows.index] = 100.0 * pool_slab(trial, arcs.max() + 1.0).highest(arcs, height, SHORT_S)
        found["box_"][rows.index] = 100.0 * box(trial, arcs, height)
    logs = np.log(seen)
    sums, counts = logs.groupby(table["arc_m"]).transform("sum"), logs.groupby(table["arc_m"]).transform("count")
    found["blind_"] = np.exp((sums - logs) / (counts - 1))
    return {
        f"{name}{key}": value
        for name, values in found.items()
        for key, value in scores(seen.to_numpy(), np.asarray(values, float)).items()
    }


def pool_slab(trial: pd.Series, reach_m: float) -> Slab:
    """Return the slab of a spill of LNG on water, taken as methane at its boiling point."""
    air = ambient(
        z0=trial["z0_m"], temperature=trial["T_ref_C"] + 273.15, humidity=trial["rel_humidity_pct"] / 100.0,
        inv_l=1.0 / trial["L_m"], ustar=trial["ustar_m_s"], pressure=trial["p_atm_Pa"],
    )  # fmt: skip
    area = math.pi * trial["pool_radius_m"] ** 2
    pool = EvaporatingPool(
        Fluid.of(substance("methane")), trial["rate_kg_s"], trial["duration_s"], area, trial["source_T_K"]
    )
    return spread(pool, air, reach_m)


def box(trial: pd.Series, arcs: Array, height: float) -> Array:
    """Return the highest shares of the volume on the arcs by the pieces that the city run is made of."""
    gas, temperature, inv_l = substance("methane"), trial["T_ref_C"] + 273.15, 1.0 / trial["L_m"]
    density = trial["p_atm_Pa"] * AIR_MOLAR / (GAS * temperature)
    air = Air(
        z0=np.full((1, 1), trial["z0_m"]), ustar=np.full((1, 1), trial["ustar_m_s"]), west=-1e5, north=1e5, tile_m=2e5,
        inv_l=inv_l, lateral=own_lateral(pd.Series({"L_m": trial["L_m"], "zi_m": 1000.0})), highest_m=500.0, density=density,
        east=1.0, north_ward=0.0, wind=5.0, temperature=temperature,
    )  # fmt: skip
    dense = gas.gas_density(trial["source_T_K"], trial["p_atm_Pa"])
    half = math.sqrt(math.pi) * 0.5 * trial["pool_radius_m"]
    matter = Fluid.of(gas).matter(trial["source_T_K"], 0.0)
    moisture = moisture_of(trial["rel_humidity_pct"] / 100.0, temperature)
    dilution = cold(matter, dense, temperature, trial["p_atm_Pa"], moisture)
    source = Emission(0, 0.0, 0.0, trial["rate_kg_s"], 0.0, dilution, dense, half, 0.5)
    cloud, step, best = Cloud(), 5.0, np.zeros(len(arcs))
    for k in range(240):
        emitted = [source] if k * step < trial["duration_s"] else []
        cloud.step(emitted, step, 2, 2 * k, air, k * step)
        best = np.maximum(best, cloud.at(arcs, np.zeros(len(arcs)), air, height))
    logs = np.log10(np.maximum(dense / np.maximum(best, 1e-12), 1.0)) * PER_DECADE
    mixed = density + np.interp(logs, np.arange(POINTS), dilution.row[:POINTS]) * best
    share = np.minimum(best / mixed, 1.0)
    return np.asarray(share * AIR_MOLAR / (gas.molar_kg + (AIR_MOLAR - gas.molar_kg) * share))


@cache
def pressurised(reference: Reference, trial: str, gas: str) -> dict[str, float]:
    """Return FAC2 and MG of a trial with a liquefied gas, read second hand.

    The tank is taken as full of liquid at the temperature of the air, the hole as what gives the stated rate, the jet as horizontal.
    """
    table = pd.read_csv(reference.folder(FOLDER) / Path("toxic_arcs_secondary.csv"))
    rows = table[table["trial"] == trial]
    first, held = rows.iloc[0], substance(gas)
    air = blown(
        z0=first["z0_m"], temperature=first["T_amb_K"], humidity=ASSUMED_HUMIDITY, pressure=first["p_atm_Pa"],
        inv_l=inv_l_of(STABLE[first["stability"]], first["z0_m"]), wind_m_s=first["u_ref_m_s"], at_m=first["z_ref_m"],
    )  # fmt: skip
    tank = Tank(held, "pressurised_liquid", 1e5, first["T_amb_K"], held.vapour_pressure(first["T_amb_K"]))
    flux = DISCHARGE * math.sqrt(2.0 * tank.density * (tank.pressure - 101_325.0))
    hole = math.sqrt(4.0 * first["rate_kg_s"] / (math.pi * flux))
    jet = Jet.of_tank(tank, hole, first["duration_s"], first["release_height_m"], first["p_atm_Pa"])
    arcs = rows["arc_m"].to_numpy(float)
    slab = spread(jet, air, arcs.max() + 1.0)
    volume = slab.highest(arcs, float(first["height_m"]), SHORT_S)
    found = volume * first["p_atm_Pa"] * held.molar_kg / (GAS * slab.at(arcs, f.TEMPERATURE))
    return scores(rows["cmax_kg_m3"].to_numpy(), found)


def desert_tortoise(reference: Reference) -> dict[str, float]:
    """Return the scores of Desert Tortoise 4, ammonia."""
    return pressurised(reference, "DesertTortoise4", "ammonia")


def jack_rabbit(reference: Reference) -> dict[str, float]:
    """Return the scores of Jack Rabbit I, trial 7, chlorine into a pit."""
    return pressurised(reference, "JackRabbitI_T7", "chlorine")
