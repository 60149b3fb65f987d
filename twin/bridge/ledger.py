"""Where the water went: one table that adds up, made of a hazard's balance and of what its drains say of themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

#: What passes between the surface and its drains: inside the whole, neither in nor out.
BETWEEN = frozenset({"surcharge", "inlets", "roofs_to_drains"})

#: Digits that are printed of the total, at least.
DIGITS = 4


def whole_ledger(balance: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the ledger of surface and drains together, from a balance as a run holds it (`Balance.as_dict`).

    Each row has its `side` (in, out, stored, unexplained), the key of its `word`, `amount` (in the balance's unit) and `share`
    (percent of what came in) as they are printed, `gross` (in and out of a net amount, else None) and `sum` (whether
    it sums its side up). The printed amounts add up: came in = went out + stored + unexplained, none more than one last digit off.
    """
    sides, gross = _netted(*_with_drains(balance))
    total = sum(sides["in"].values())
    sides["unexplained"] = {"rest": total - sum(sides["out"].values()) - sum(sides["stored"].values())}
    table = pd.DataFrame(
        [(s, n, v) for s, side in sides.items() for n, v in side.items()], columns=["side", "name", "v"]
    )
    places = min(3, max(0, DIGITS - 1 - math.floor(math.log10(total)))) if total > 0 else 1
    whole = table.groupby(table["side"] == "in")["v"]  # what came in, and all that became of it
    table["amount"] = whole.transform(lambda v: _adding_up(v, places, total))
    table["share"] = whole.transform(lambda v: _adding_up(100.0 * v / total, 1, 100.0)) if total > 0 else 0.0

    def row(side: str, word: str, amount: float, share: float, **more: Any) -> dict[str, Any]:
        texts = {"amount": f"{amount + 0.0:,.{places}f}", "share": f"{share + 0.0:.1f}"}
        return {"side": side, "word": word, **texts, "gross": None, "sum": False, **more}

    rows = []
    for side, part in table.groupby("side", sort=False):
        if side != "unexplained":
            for r in part.itertuples():
                both = tuple(f"{v:,.{places}f}" for v in gross.get(r.name, ())) or None
                rows.append(row(side, f"ledger.{r.name}", r.amount, r.share, gross=both))
        rows.append(row(side, f"report.ledger.{side}", part["amount"].sum(), part["share"].sum(), sum=True))
    return rows


def _with_drains(balance: Mapping[str, Any]) -> list[dict[str, float]]:
    """Return what came in, went out and is stored, the drains within.

    Their own account stands in the remarks (`swmm_...`, m3); the engine books what it gave back at manholes as outflow and what
    it took there as inflow.
    """
    came, went, stored = (dict(balance[side]) for side in ("in", "out", "stored"))
    own = {k.removeprefix("swmm_"): v for k, v in balance["remarks"].items() if k.startswith("swmm_")}
    if "outflow_m3" in own:
        came, went = ({k: v for k, v in side.items() if k not in BETWEEN} for side in (came, went))
        came["drains_own"] = max(0.0, own["inflow_m3"] - own.get("handed_in_m3", own["inflow_m3"]))
        went["outfalls"] = own["outflow_m3"] - own.get("handed_out_m3", 0.0)
        went["lost"] = own["flooding_m3"]
        stored["pipes"] = own.get("final_storage_m3", 0.0) - own.get("initial_storage_m3", 0.0)
    return [came, went, stored]


def _netted(
    came: dict[str, float], went: dict[str, float], stored: dict[str, float]
) -> tuple[dict[str, dict[str, float]], dict[str, tuple[float, float]]]:
    """Return the sides with a name that stands on both told as its net amount, without what is nothing; and gross (in, out)."""
    gross = {name: (came[name], went[name]) for name in came if came[name] and went.get(name)}
    for name, (into, out) in gross.items():
        came[name], went[name] = max(into - out, 0.0), max(out - into, 0.0)
    sides = {"in": came, "out": went, "stored": stored}
    return {s: {n: v for n, v in side.items() if v} for s, side in sides.items()}, gross


def _adding_up(values: pd.Series, places: int, total: float) -> pd.Series:
    """Return values rounded up or down so that their sum is the rounded `total`, the one that lost most is rounded up first."""
    scaled = values.astype(float) * 10.0**places
    whole = np.floor(scaled)
    up = round(total * 10.0**places) - round(whole.sum())
    whole[(scaled - whole).nlargest(up).index] += 1.0
    return whole / 10.0**places
