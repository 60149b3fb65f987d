"""The registry of schemes: what can move water over a surface, by name."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from hydro.inertial import Inertial
from hydro.shallow import Shallow
from hydro.subgrid_view import SubgridView

#: name -> class; all keep the members of `hydro.inertial.Inertial`.
SCHEMES: dict[str, Any] = {scheme.name: scheme for scheme in (Inertial, Shallow, SubgridView)}


def water_on(
    z: ArrayLike, n: ArrayLike, cell_m: float, *, scheme: str, factor: int, dtype: str, courant: float | None
) -> Any:
    """Return dry ground under `scheme`; `factor`, fine cells to a side of a coarse one, is for the subgrid scheme alone."""
    only = {"factor": factor} if scheme == SubgridView.name else {}
    return SCHEMES[scheme](z, n, cell_m, dtype=dtype, courant=courant, **only)
