"""The release's verification cases, used by `anlan verify release` and by the tests: every bound and its source, in one table.

A row without a bound is reported beside the row that has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from evacuation.release.proofs.chilbolton import chilbolton
from evacuation.release.proofs.exact import mass, plume, puff, refine, restart, room, threads
from evacuation.release.proofs.prairie_grass import prairie_grass
from twin.proof import Proof, Reference

FREE = None  # no bound: the figure is reported, with the reason at the end of its row

# What the figures are held against.
PLUME = "exact: integral of growing puffs over their age; 100 to 2000 m, axis and one width beside"
PUFF = "exact: a growing puff's mean over one step, at its middle and one width off, at 300 to 1200 s"
KEPT = "exact: nothing is made or lost; hole, water curtain, shut valve, pool, sudden failure, a cloud that leaves"
ROOM = "exact: exponential approach to the air outdoors"
ORDERED = "exact: order of sums is fixed"
SPLIT = "exact: bit for bit"
HALVED = "the same run with one thing halved; arc maxima and crosswind integrals from 200 m on, dense source"
GRASS = "Project Prairie Grass 1956 (Barad 1958), 35 runs, five arcs; nothing is fitted"
BLIND = "the same measurements, foretold by the geometric mean of the other runs at each arc"

BEAMS = "controlled releases at Chilbolton (Apache-2.0 data, commit 947d874), worst of two sources; nothing is fitted"
MIDDLE = "the middle of the site"

# Where a bound comes from.
ONE_PERCENT = "requirement: 1 %"
BALANCE = "requirement: 1e-9 of the mass"
ROUNDING = "assumed: rounding of float64"
SAME = "exact: nothing may differ"
REFINED = "requirement: at most 2 % beyond 200 m"
FIRST_FORM = "requirement of the first form: 0.80; the data's README gives 0.66 (Pasquill curves) and 0.91 (similarity)"

RANGE = "requirement: 15 % of the range (longest path)"
DOUBLE = "requirement: within a factor of two"

# Why a figure has no bound.
BESIDE = "reported beside the bounded row"
SLENDER = "reported: the usual formula leaves out spread along the wind, which matters near the source in weak wind"
NO_SKILL = "reported: the baseline without skill"


def case(
    run: Callable[[Reference], float | Mapping[str, float]], source: str, data: str, *rows: tuple[Any, ...]
) -> tuple[Proof, ...]:
    """Return the rows of one case: (id, figure of the case, metric, unit, op, bound, where the bound comes from or why none)."""
    return tuple(
        Proof(
            f"release/{name}", metric, unit, op, bound, source, run, figure, data,
            **{"reason" if bound is FREE else "bound_from": why},
        )
        for name, figure, metric, unit, op, bound, why in rows
    )  # fmt: skip


def grass(name: str, part: str, metric: str, why: str) -> tuple[tuple[Any, ...], ...]:
    """Return the reported scores of one part of Prairie Grass."""
    return tuple(
        (f"{name}/{key}", f"{part}{key}", f"{key.upper()}, {metric}", "1", "<=", FREE, why)
        for key in ("fac2", "fb", "nmse", "mg", "vg")
    )


PROOFS: tuple[Proof, ...] = (
    *case(plume, PLUME, "",
        ("plume", "worst", "largest relative error, neutral, stable and unstable", "1", "<=", 0.01, ONE_PERCENT),
        ("plume/slender", "slender", "the same against the slender plume formula", "1", "<=", FREE, SLENDER),
    ),
    *case(puff, PUFF, "",
        ("puff", "worst", "largest relative error, neutral, stable and unstable", "1", "<=", 0.01, ONE_PERCENT),
    ),
    *case(mass, KEPT, "",
        ("mass", "worst", "error of the ledger", "1", "<=", 1e-9, BALANCE),
        ("mass/lost", "lost", "mass that left in the case of a cloud that leaves", "kg", ">=", FREE, BESIDE),
    ),
    *case(room, ROOM, "",
        ("indoor", "", "largest relative error of air and mean", "1", "<=", 1e-9, ROUNDING),
    ),
    *case(threads, ORDERED, "",
        ("threads", "", "any field, 1 thread against 2", "SI", "<=", 0.0, SAME),
    ),
    *case(restart, SPLIT, "",
        ("restart", "", "any field and the advice, cut in two against whole", "SI", "<=", 0.0, SAME),
    ),
    *case(refine, HALVED, "",
        ("refine", "worst", "largest relative change", "1", "<=", 0.02, REFINED),
        ("refine/step", "step", "step halved, puff interval kept", "1", "<=", FREE, BESIDE),
        ("refine/interval", "interval", "puff interval halved", "1", "<=", FREE, BESIDE),
        ("refine/spacing", "spacing", "cells halved", "1", "<=", FREE, BESIDE),
    ),
    *case(prairie_grass, GRASS, "dispersion",
        ("prairie-grass", "fac2", "share of arc maxima within a factor of two", "1", ">=", 0.80, FIRST_FORM),
        *grass("prairie-grass/maxima", "", "arc maxima", BESIDE)[1:],
        *grass("prairie-grass/integral", "cic_", "crosswind integrals", BESIDE),
        *grass("prairie-grass/own", "own_", "arc maxima, the model's own sideways turbulence", BESIDE),
    ),
    *case(prairie_grass, BLIND, "dispersion",
        *grass("prairie-grass/blind", "blind_", "arc maxima", NO_SKILL),
    ),
    *case(chilbolton, BEAMS, "dispersion",
        ("chilbolton", "position", "error of the position over the range", "1", "<=", 0.15, RANGE),
        ("chilbolton/rate", "rate", "rate found over true, or true over found", "1", "<=", 2.0, DOUBLE),
        ("chilbolton/held", "held", "of x, y and rate of two sources, how many their 90 % intervals hold", "1", ">=", FREE, BESIDE),
    ),
    *case(chilbolton, MIDDLE, "dispersion",
        ("chilbolton/blind", "blind", "error of the position over the range", "1", "<=", FREE, NO_SKILL),
    ),
)  # fmt: skip
