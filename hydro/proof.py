"""The flood's verification cases, used by `anlan verify hydro` and by the tests: every bound and its source, in one table.

The cases themselves are in `hydro.proofs`. A row without a bound is reported beside the row that has one.
"""

from __future__ import annotations

from hydro.design_storm import chicago, intensity
from hydro.proofs.drained import bergermeer, ea8b, finnish_block, kowloon_drains, restart, screening
from hydro.proofs.exact import dams, lake_at_rest, macdonald, mass, thacker, threads
from hydro.proofs.published import ea4, merewether, merewether_full, okushiri
from twin.proof import Proof, Reference


def design_storm(_: Reference) -> float:
    """Return the largest relative error of published depths: Beijing zone II, 100 years, 15 min to 24 h."""
    published = {15: 47.0, 30: 70.0, 60: 97.0, 180: 148.0, 360: 189.0, 1440: 299.0}
    formula = intensity("beijing_zone2", 100)
    return max(abs(float(formula.depth_mm(t)) / depth - 1.0) for t, depth in published.items())


def chicago_total(_: Reference) -> float:
    """Return the error (mm) of the total of a Chicago storm against the formula's own depth, Wuhan 50 years 2 h."""
    formula = intensity("wuhan", 50)
    return abs(float(chicago(formula, 120, 0.39).sum()) - 117.71)


STILL = "exact: still water stays still"
KEPT = "exact: water is neither made nor lost"
ORDERED = "exact: order of sums is fixed"
RITTER = "Ritter 1892 in SWASHES (doi:10.1002/fld.3741); 400 cells on 200 m at 6 s"
STOKER = "Stoker 1957 in SWASHES (doi:10.1002/fld.3741); 400 cells on 200 m at 6 s"
BOWL = "Thacker 1981 in SWASHES (doi:10.1002/fld.3741), one turn"
CHANNEL = "MacDonald channel by SWASHES (doi:10.1002/fld.3741)"
EA4 = "LISFLOOD-FP 8.0 DG2 at 5 m (doi:10.5281/zenodo.4066824); UK EA SC120002"
EA8B = "XPSTORM in UK EA SC120002; surface simplified to a level plane, terrain not at hand"
MEREWETHER = "Smith and Wasko 2012, ARR Project 15, observed levels"
OKUSHIRI = "NOAA benchmark problem 2, measured; gauges before 22.5 s"
FINNISH = "GisToSWMM5 demonstration, two variants of the authors; they differ by a fifth"
KOWLOON = "HKUST 2023 Kowloon City model, 50-year design storm"
BESIDE = "reported beside the bounded row"
WEAK = "reported: without momentum advection the scheme does not solve this flow"
SIGNED = "computed less observed; counted in the mean"

PROOFS: tuple[Proof, ...] = (
    Proof("hydro/lake-at-rest", "largest flow", "m2/s", "<=", 1e-9, STILL, lake_at_rest, "inertial"),
    Proof("hydro/lake-at-rest/full", "largest flow", "m2/s", "<=", 1e-9, STILL, lake_at_rest, "full"),
    Proof("hydro/mass", "volume error, float64", "1", "<=", 1e-12, KEPT, mass, "inertial"),
    Proof("hydro/mass/full", "volume error, float64", "1", "<=", 1e-12, KEPT, mass, "full"),
    Proof("hydro/threads", "depth, 1 thread against 2", "m", "<=", 0.0, ORDERED, threads, "inertial"),
    Proof("hydro/threads/full", "depth, 1 thread against 2", "m", "<=", 0.0, ORDERED, threads, "full"),
    Proof("hydro/restart", "split run against whole run, with drains", "m", "<=", 0.0, "exact: bit for bit", restart),
    Proof("hydro/ritter", "mean depth error / dam depth, full", "1", "<=", 0.01, RITTER, dams, "ritter"),
    Proof(
        "hydro/ritter/order",
        "observed order, 100 to 400 cells",
        "1",
        "<=",
        None,
        RITTER,
        dams,
        "ritter_order",
        reason=BESIDE,
    ),
    Proof(
        "hydro/ritter/inertial",
        "mean depth error / dam depth",
        "1",
        "<=",
        None,
        RITTER,
        dams,
        "ritter_inertial",
        reason=WEAK,
    ),
    Proof("hydro/stoker", "mean depth error / dam depth, full", "1", "<=", 0.01, STOKER, dams, "stoker"),
    Proof(
        "hydro/stoker/order",
        "observed order, 100 to 400 cells",
        "1",
        "<=",
        None,
        STOKER,
        dams,
        "stoker_order",
        reason=BESIDE,
    ),
    Proof(
        "hydro/stoker/inertial",
        "mean depth error / dam depth",
        "1",
        "<=",
        None,
        STOKER,
        dams,
        "stoker_inertial",
        reason=WEAK,
    ),
    Proof("hydro/thacker", "observed order, 50 to 200 cells, full", "1", ">=", 1.0, BOWL, thacker, "order"),
    Proof(
        "hydro/thacker/last-order",
        "observed order, 100 to 200 cells",
        "1",
        "<=",
        None,
        BOWL,
        thacker,
        "last_order",
        reason=BESIDE,
    ),
    Proof(
        "hydro/thacker/error",
        "mean depth error / depth, 200 cells",
        "1",
        "<=",
        None,
        BOWL,
        thacker,
        "error",
        reason=BESIDE,
    ),
    Proof(
        "hydro/thacker/inertial",
        "mean depth error / depth, 100 cells",
        "1",
        "<=",
        None,
        BOWL,
        thacker,
        "inertial",
        reason=WEAK,
    ),
    Proof(
        "hydro/macdonald",
        "mean level error, inertial",
        "m",
        "<=",
        0.03,
        CHANNEL,
        macdonald,
        "inertial",
        "hydro/macdonald_channel",
    ),
    Proof(
        "hydro/macdonald/full",
        "mean level error",
        "m",
        "<=",
        0.01,
        CHANNEL,
        macdonald,
        "full",
        "hydro/macdonald_channel",
    ),
    Proof(
        "hydro/macdonald-rain",
        "mean level error, inertial",
        "m",
        "<=",
        0.035,
        CHANNEL,
        macdonald,
        "rain_inertial",
        "hydro/macdonald_channel",
    ),
    Proof(
        "hydro/macdonald-rain/full",
        "mean level error",
        "m",
        "<=",
        0.01,
        CHANNEL,
        macdonald,
        "rain_full",
        "hydro/macdonald_channel",
    ),
    Proof("hydro/ea4", "worst peak depth error at P2 to P6", "1", "<=", 0.03, EA4, ea4, "worst", "hydro/ea_test4"),
    Proof("hydro/ea4/P1", "peak depth error", "1", "<=", 0.05, EA4, ea4, "P1", "hydro/ea_test4"),
    *(
        Proof(f"hydro/ea4/{p}", "peak depth error", "1", "<=", 0.03, EA4, ea4, p, "hydro/ea_test4")
        for p in ("P2", "P3", "P4", "P5", "P6")
    ),
    Proof(
        "hydro/merewether",
        "mean level error at 44, 43, 31, 32",
        "m",
        "<=",
        0.15,
        MEREWETHER,
        merewether,
        "mean",
        "hydro/merewether",
    ),
    *(
        Proof(
            f"hydro/merewether/{p}",
            "level error",
            "m",
            "<=",
            None,
            MEREWETHER,
            merewether,
            p,
            "hydro/merewether",
            SIGNED,
        )
        for p in ("44", "43", "31", "32")
    ),
    Proof(
        "hydro/merewether/42",
        "level error",
        "m",
        "<=",
        None,
        MEREWETHER,
        merewether,
        "42",
        "hydro/merewether",
        "not counted: the terrain stands above the observed level",
    ),
    Proof(
        "hydro/merewether/full",
        "mean level error",
        "m",
        "<=",
        None,
        MEREWETHER,
        merewether_full,
        "mean",
        "hydro/merewether",
        BESIDE,
    ),
    Proof(
        "hydro/okushiri", "worst crest error, full", "1", "<=", 0.20, OKUSHIRI, okushiri, "crest", "hydro/okushiri_lab"
    ),
    Proof(
        "hydro/okushiri/time",
        "worst error of the crest's time",
        "s",
        "<=",
        0.5,
        OKUSHIRI,
        okushiri,
        "time",
        "hydro/okushiri_lab",
    ),
    *(
        Proof(
            f"hydro/okushiri/{g}",
            "crest error",
            "1",
            "<=",
            None,
            OKUSHIRI,
            okushiri,
            f"{g}_crest",
            "hydro/okushiri_lab",
            BESIDE,
        )
        for g in ("ch5", "ch7", "ch9")
    ),
    Proof("hydro/ea8b", "Nash-Sutcliffe of the manhole's flow", "1", ">=", 0.90, EA8B, ea8b, "nse", "hydro/ea_test8b"),
    Proof("hydro/ea8b/peak", "peak flow error", "1", "<=", 0.15, EA8B, ea8b, "peak", "hydro/ea_test8b"),
    Proof(
        "hydro/bergermeer",
        "volume error of the surface",
        "1",
        "<=",
        1e-12,
        KEPT,
        bergermeer,
        "surface",
        "hydro/bergermeer_nl",
    ),
    Proof(
        "hydro/bergermeer/engine",
        "continuity error of the drains",
        "1",
        "<=",
        0.01,
        KEPT,
        bergermeer,
        "engine",
        "hydro/bergermeer_nl",
    ),
    *(
        Proof(
            f"hydro/bergermeer/{f}",
            f"water {f} by manholes",
            "m3",
            "<=",
            None,
            "no published result",
            bergermeer,
            f,
            "hydro/bergermeer_nl",
            "reported: there is no published result",
        )
        for f in ("captured", "surcharged")
    ),
    Proof(
        "hydro/finnish-block",
        "worst peak flow error, both variants",
        "1",
        "<=",
        0.20,
        FINNISH,
        finnish_block,
        "peak",
        "hydro/gistoswmm_demo_fi",
    ),
    Proof(
        "hydro/finnish-block/nse",
        "Nash-Sutcliffe, variant 0",
        "1",
        "<=",
        None,
        FINNISH,
        finnish_block,
        "nse_0",
        "hydro/gistoswmm_demo_fi",
        BESIDE,
    ),
    Proof(
        "hydro/kowloon-drains",
        "runoff against the authors' LID variant",
        "1",
        "within",
        (0.0, 0.03),
        KOWLOON,
        kowloon_drains,
        "runoff",
        "hydro/hongkong_kowloon",
    ),
    Proof(
        "hydro/kowloon-drains/continuity",
        "continuity error",
        "1",
        "<=",
        0.01,
        KOWLOON,
        kowloon_drains,
        "continuity",
        "hydro/hongkong_kowloon",
    ),
    Proof(
        "hydro/kowloon-drains/peak",
        "outfall SBP40184801, peak flow",
        "m3/s",
        "<=",
        None,
        KOWLOON,
        kowloon_drains,
        "peak_m3_s",
        "hydro/hongkong_kowloon",
        "reported: the authors' outfall peaks belong to an event whose rain is not published",
    ),
    Proof(
        "hydro/kowloon-drains/event",
        "published outfall volume against published runoff",
        "1",
        "<=",
        None,
        KOWLOON,
        kowloon_drains,
        "event",
        "hydro/hongkong_kowloon",
        "reported: checks the published event with itself; nothing of it is computed here",
    ),
    Proof(
        "hydro/screening",
        "water kept below ground, screened / SWMM",
        "1",
        "<=",
        None,
        "SWMM on Linjiang, 50-year hour at 20 m",
        screening,
        "captured_ratio",
        reason="reported: how far screening stands from SWMM",
    ),
    Proof(
        "hydro/screening/depth",
        "highest depth on roads, RMS difference",
        "m",
        "<=",
        None,
        "SWMM on Linjiang, 50-year hour at 20 m",
        screening,
        "depth_rmse_m",
        reason="reported: how far screening stands from SWMM",
    ),
    Proof(
        "hydro/design-storm",
        "depth error",
        "1",
        "<=",
        0.012,
        "Beijing Water Authority risk map 2022; table rounds to 1 mm",
        design_storm,
    ),
    Proof(
        "hydro/chicago",
        "total depth error",
        "mm",
        "<=",
        0.01,
        "Wuhan DB4201/T 641-2020 at 50 years: 117.71 mm in 2 h",
        chicago_total,
    ),
)
