"""The registry of schemes: what can move water over a surface, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hydro.inertial import Inertial

if TYPE_CHECKING:
    Scheme = Inertial

#: name -> class; all keep the members of `hydro.inertial.Inertial`.
SCHEMES = {"inertial": Inertial}
