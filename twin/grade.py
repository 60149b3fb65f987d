"""Levels: blue, yellow, orange, red, for places only, each with its rule, threshold, probability and expiry."""

from __future__ import annotations

import pandas as pd

from twin.exposure import Exposure
from twin.exposure.members import LIKELY
from twin.sheet import COLOURS, Sheet

#: Columns of the table of levels, in their order.
COLUMNS = (
    "hazard", "place", "kind", "name_zh", "name_en", "level", "peak", "unit", "peak_time", "from", "until", "open_end",
    "reached", "threshold", "statistic", "rule", "probability", "expires", *(f"share_{c}" for c in COLOURS),
)  # fmt: skip


def grade(exposure: Exposure, sheet: Sheet) -> pd.DataFrame:
    """Return one row per place that reaches blue or higher, most severe first (COLUMNS).

    `level` is the highest colour reached, `rule` the place kind's rule and its version, `threshold` what was reached,
    `open_end` whether the place still stands at its lowest colour when the run ends, so that `until` is only a bound,
    `expires` the end of validity. Of an ensemble, `probability` is the share of members that reach `level` and
    `share_<colour>` the share that reaches each colour, of those that know the place: the level is the highest colour that at
    least half of them reach; a place that fewer reach at all has the lowest that any of them does, so that nothing possible is
    hidden (`likely` tells them apart). None for a single run, of which no probability is known.
    """
    rows = []
    end = exposure.series["time"].values[-1]
    for place, at_end in zip(exposure.places.to_dict("records"), exposure.series.values[-1], strict=True):
        rule = sheet.rules[place["kind"]]
        shares = {f"share_{c}": place.get(f"share_{c}") for c in COLOURS}
        reached = [c for c in COLOURS if pd.notna(place[f"first_{c}"])]
        if reached:
            lowest, level = reached[0], reached[-1]
            begin, until, at = place[f"first_{lowest}"], place[f"last_{lowest}"], place[f"first_{level}"]
            stands = bool(at_end * rule.sign >= rule.threshold(lowest) * rule.sign)
        elif possible := [c for c in COLOURS if (shares[f"share_{c}"] or 0.0) > 0.0]:
            level = possible[0]
            begin, until, at = place["first_any"], place["last_any"], place["first_any"]
            stands = bool(until >= end)
        else:
            continue
        rows.append(
            {
                **{name: place[name] for name in ("kind", "name_zh", "name_en", "peak", "unit", "peak_time")},
                "hazard": sheet.id,
                "place": place["id"],
                "level": level,
                "from": begin,
                "until": until,
                "open_end": stands,
                "reached": at,
                "threshold": rule.threshold(level),
                "statistic": rule.statistic,
                "rule": f"{sheet.kind}/{place['kind']}@{sheet.rules_version}",
                "expires": until + pd.Timedelta(hours=sheet.expiry_hours),
                "worst": place["peak"] * rule.sign,
                "probability": shares[f"share_{level}"],
                **shares,
            }
        )
    table = pd.DataFrame(rows, columns=[*COLUMNS, "worst"])
    order = table["level"].map({c: k for k, c in enumerate(COLOURS)})
    table = table.assign(order=order).sort_values(["order", "worst"], ascending=False)
    return table[list(COLUMNS)].reset_index(drop=True)


def likely(levels: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that at least half of the members reach; of a single run, all."""
    return levels[levels["probability"].isna() | (levels["probability"].astype(float) >= LIKELY)]
