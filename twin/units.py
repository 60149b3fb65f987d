"""How a value and its unit are printed."""

from __future__ import annotations

import math
import re

#: Digits as exponents.
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def quantity(value: float, unit: str) -> str:
    """Write a value with its unit: two decimals where that is enough, a dash for one that is not known."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    text = f"{value:,.{2 if size < 10 else 1 if size < 100 else 0}f}" if size >= 0.01 or not size else f"{value:.2g}"
    return text if unit in ("", "1") else f"{text} {printed(unit)}"


def printed(unit: str) -> str:
    """Write a unit as it is printed: "mg m-3" as mg/m³, "m s-1" as m/s, "m3" as m³."""
    over: list[str] = []
    under: list[str] = []
    for part in unit.split():
        found = re.fullmatch(r"([^\d\s/-]+)(-?)(\d+)", part)
        name, negative, power = found.groups() if found else (part, "", "1")
        (under if negative else over).append(name + ("" if power == "1" else power.translate(RAISED)))
    return "/".join([" ".join(over) or "1", *under])
