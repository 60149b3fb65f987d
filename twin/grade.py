"""Levels: blue, yellow, orange, red, for places only, each with its rule, threshold, probability and expiry."""

from __future__ import annotations

import pandas as pd

from twin.exposure import Exposure
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
    `expires` the end of validity. `probability` and `share_<colour>` are shares of ensemble members; None for a single
    run, of which no probability is known.
    """
    rows = []
    for place, at_end in zip(exposure.places.to_dict("records"), exposure.series.values[-1], strict=True):
        reached = [c for c in COLOURS if pd.notna(place[f"first_{c}"])]
        if not reached:
            continue
        rule, lowest = sheet.rules[place["kind"]], reached[0]
        rows.append(
            {
                **{name: place[name] for name in ("kind", "name_zh", "name_en", "peak", "unit", "peak_time")},
                "hazard": sheet.id,
                "place": place["id"],
                "level": reached[-1],
                "from": place[f"first_{lowest}"],
                "until": place[f"last_{lowest}"],
                "open_end": bool(at_end * rule.sign >= rule.threshold(lowest) * rule.sign),
                "reached": place[f"first_{reached[-1]}"],
                "threshold": rule.threshold(reached[-1]),
                "statistic": rule.statistic,
                "rule": f"{sheet.id}/{place['kind']}@{sheet.rules_version}",
                "expires": place[f"last_{lowest}"] + pd.Timedelta(hours=sheet.expiry_hours),
                "worst": place["peak"] * rule.sign,
                **dict.fromkeys(("probability", *(f"share_{c}" for c in COLOURS))),
            }
        )
    table = pd.DataFrame(rows, columns=[*COLUMNS, "worst"])
    order = table["level"].map({c: k for k, c in enumerate(COLOURS)})
    table = table.assign(order=order).sort_values(["order", "worst"], ascending=False)
    return table[list(COLUMNS)].reset_index(drop=True)
