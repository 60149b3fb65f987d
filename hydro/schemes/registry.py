"""The registry of schemes: what can move water over a surface, by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from hydro.kernels.floats import GRAVITY
from hydro.schemes.inertial import Inertial
from hydro.schemes.shallow import Shallow
from hydro.schemes.subgrid import Tables
from hydro.schemes.subgrid_view import SubgridView
from hydro.schemes.water import Water

#: name -> class, called with bed, roughness and cell size.
SCHEMES: dict[str, Callable[..., Water]] = {scheme.name: scheme for scheme in (Inertial, Shallow, SubgridView)}

#: Largest stable share of a cell that a step may cross, by what may be asked for (`hydro.kernels.inertial`, `hydro.schemes.shallow`).
COURANT_MOST = {name: 0.5 if name == "full" else 0.67 for name in ("auto", *SCHEMES)}


def water_on(
    z: ArrayLike, n: ArrayLike, cell_m: float, *, scheme: str, factor: int, dtype: str, courant: float | None,
    tables: Tables | None = None,
) -> Water:  # fmt: skip
    """Return dry ground under `scheme`; for the subgrid scheme alone are `factor` and `tables` (`hydro.schemes.subgrid`)."""
    only = {"factor": factor, "tables": tables} if scheme == SubgridView.name else {}
    return SCHEMES[scheme](z, n, cell_m, dtype=dtype, courant=courant, **only)


def hand_over(water: Inertial, full: Shallow) -> None:
    """Let the full scheme go on from where the inertial one stands; `full` is dry, with its open sides and levels set.

    Depths are copied, so no water is made. Velocity is flow over depth, at most that of critical flow: the inertial scheme
    holds each face at Froude 1 of the *face's* depth, so behind a step the flow over the thin film of a cell may be far faster.
    """
    qx, qy = (part.astype(np.float64) for part in water.flow())
    h = water.h.astype(np.float64)
    flow, critical = np.hypot(qx, qy), h * np.sqrt(GRAVITY * h)
    per_depth = np.divide(np.minimum(flow, critical), flow * h, out=np.zeros_like(h), where=(flow > 0.0) & (h > 0.0))
    full.restore({"h": water.h, "highest": water.highest, "u": qx * per_depth, "v": qy * per_depth})
