"""Two plans on the same draws: how much one changes each figure, and whether that can be told from chance.

Both are ensembles whose members drew the same. The difference of a figure, member by member, has a mean and, by Student's t, an
interval that holds it in 95 of 100 such pairs of ensembles. Where the interval holds 0, no difference can be told: that is an answer.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from scenarios.planning.compare import figures_of, label_of, rows_of
from scenarios.runner.run import Run
from twin.errors import ScenarioError
from twin.plan import rounded
from twin.words import say

#: Fewer pairs tell nothing.
LEAST = 5
SURE = 0.95


def can_pair(run: Run, other: Run) -> bool:
    """Return whether two runs are ensembles whose members drew the same: LEAST or more of them."""
    first, second = ([row["drawn"] for row in each.members] for each in (run, other))
    return len(first) >= LEAST and first == second


def paired(run: Run, other: Run) -> pd.DataFrame:
    """Return by how much `other` differs from `run` in each figure of `compare` that differs in any member.

    Rows are (hazard, figure, bound); columns `mean`, `low` and `high` of the difference, `members`, and `told`: the interval does not
    hold 0. Where every member differs by the same, the interval is that number. Raises ScenarioError for runs that `can_pair` denies.
    """
    if not can_pair(run, other):
        raise ScenarioError("compare_draws", first=run.id, other=other.id, expected=LEAST)
    names, count = rows_of([run, other]), len(run.members)
    values: list[pd.DataFrame] = []
    for each, rows in zip((run, other), names, strict=True):
        members = [figures_of(each, *each.of_member(k), k) for k in range(count)]
        table = pd.DataFrame(members)
        table.columns = pd.MultiIndex.from_tuples([(rows.get(h, h), f, b) for h, f, b in members[0]])
        values.append(table)
    both = values[0].columns.intersection(values[1].columns, sort=False)
    change = (values[1][both] - values[0][both]).T.rename_axis(["hazard", "figure", "bound"])
    change = change[(change != 0.0).any(axis=1) & change.notna().all(axis=1)]
    mean = change.mean(axis=1)
    reach = stdtrit(count - 1, 0.5 + SURE / 2.0) * change.std(axis=1, ddof=1) / np.sqrt(count)
    low, high = mean - reach, mean + reach
    return pd.DataFrame({"mean": mean, "low": low, "high": high, "members": count, "told": (low > 0) | (high < 0)})


def told_apart(run: Run, other: Run, lang: str) -> list[str]:
    """Return what two plans change in words, a line a figure; one sentence where nothing differs, or too few members say anything.

    Of single runs nothing is said but that their hazards by chance (`Sheet.by_chance`), if any, are single draws.
    """
    if not (run.members and other.members):
        names = [run.sheet(hazard).name[lang] for hazard in run.hazards if run.sheet(hazard).by_chance]
        joined = ("、" if lang == "zh" else ", ").join(names)
        return [say("compare.single", lang=lang, hazards=joined, least=LEAST)] if names else []
    if not can_pair(run, other):
        return [say("compare.unpaired", lang=lang, least=LEAST)]
    titles = {
        row: each.sheet(own).name
        for each, names in zip((run, other), rows_of([run, other]), strict=True)
        for own, row in names.items()
    }
    table = paired(run, other)
    if not len(table):
        return [say("compare.same_in_all", lang=lang, members=len(run.members))]
    lines = [say("compare.paired", lang=lang, members=len(run.members), percent=round(100 * SURE))]
    for row in table.itertuples():
        mean, low, high = (_text(row.Index[1], value) for value in (row.mean, row.low, row.high))
        code = "compare.differs" if row.told else "compare.not_told"
        lines.append(say(code, lang=lang, figure=label_of(row.Index, titles, lang), mean=mean, low=low, high=high))
    return lines


def _text(figure: str, value: float) -> str:
    """Write a difference: people to two figures (rule R2: those under 10 as 0), others as they are."""
    if figure in ("people", "harmed", "counted", "most", "unknown"):
        return f"{int(np.sign(value)) * (rounded(abs(value)) or 0):+,}"
    return f"{value:+,.1f}"
