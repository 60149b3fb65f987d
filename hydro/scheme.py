"""The registry of schemes: what can move water over a surface, by name."""

from __future__ import annotations

from typing import Any

from hydro.inertial import Inertial
from hydro.shallow import Shallow

#: name -> class; all keep the members of `hydro.inertial.Inertial`.
SCHEMES: dict[str, Any] = {scheme.name: scheme for scheme in (Inertial, Shallow)}
