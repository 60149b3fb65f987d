"""What came in, what went out and what is stored: one table that adds up as printed, made of a hazard's balance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from twin.blocks import Cell, Table
from twin.plan import rounded, shown
from twin.units import printed
from twin.words import Word

#: Digits that are printed of the total, at least.
DIGITS = 4

#: The unit of a balance of people.
PEOPLE = "persons"


def ledger(hazard: str, balance: Mapping[str, Any]) -> Table:
    """Return the ledger of a hazard as a table, from a balance as a run holds it (`Balance.as_dict`).

    A name that stands on both sides is told as its net amount. The printed amounts add up: came in = went out + stored +
    unexplained, none more than one last digit off; shares are percent of what came in. Numbers of people follow rule R2 (two
    figures, `<10`) and add up to that rounding alone.
    """
    sides, gross = _netted(*(dict(balance[side]) for side in ("in", "out", "stored")))
    total = sum(sides["in"].values())
    sides["unexplained"] = {"rest": total - sum(sides["out"].values()) - sum(sides["stored"].values())}
    table = pd.DataFrame(
        [(s, n, v) for s, side in sides.items() for n, v in side.items()], columns=["side", "name", "v"]
    )
    places = min(3, max(0, DIGITS - 1 - math.floor(math.log10(total)))) if total > 0 else 1
    whole = table.groupby(table["side"] == "in")["v"]  # what came in, and all that became of it
    table["amount"] = whole.transform(lambda v: _adding_up(v, places, total))
    table["share"] = whole.transform(lambda v: _adding_up(100.0 * v / total, 1, 100.0)) if total > 0 else 0.0

    people = balance["unit"] == PEOPLE

    def row(said: Word, amount: float, share: float) -> tuple[Cell, ...]:
        if people:  # counts by rule R2: none is told from one that is hidden
            return said, shown(amount), "–" if rounded(amount) is None else f"{share + 0.0:.1f}"
        return said, f"{amount + 0.0:,.{places}f}", f"{share + 0.0:.1f}"

    rows, sums = [], []
    for side, part in table.groupby("side", sort=False):
        for r in part.itertuples() if side != "unexplained" else ():
            said = Word(f"ledger.{hazard}.{r.name}")
            if r.name in gross:
                into, out = (shown(v) if people else f"{v:,.{places}f}" for v in gross[r.name])
                said = Word("report.ledger.netted", {"what": said, "into": into, "out": out})
            rows.append(row(said, r.amount, r.share))
        sums.append(len(rows))
        rows.append(row(Word(f"report.ledger.{side}"), part["amount"].sum(), part["share"].sum()))
    unit = Word("report.persons") if people else printed(str(balance["unit"]))
    heads = ("", unit, Word("report.ledger.share"))
    return Table(heads, tuple(rows), figures=(1, 2), sums=tuple(sums))


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
