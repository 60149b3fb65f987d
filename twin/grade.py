"""Levels: blue, yellow, orange, red, for places only, each with its rule, threshold, probability and expiry."""

from __future__ import annotations

import pandas as pd

from twin.expose import Exposure
from twin.sheet import COLOURS, Sheet


def grade(exposure: Exposure, sheet: Sheet, probability: float | None = None) -> pd.DataFrame:
    """Return one row per place that reaches blue or higher, most severe first.

    `level` is the highest colour reached, `rule` the place kind's rule and its version, `threshold` what was reached,
    `open_end` whether the place still stands at its lowest colour when the run ends, so that `until` is only a bound,
    `probability` the share of members that reached it (None for a single deterministic run: no probability is known),
    `expires` the end of validity.
    """
    rows = []
    for place, at_end in zip(exposure.places.itertuples(), exposure.series.values[-1], strict=True):
        reached = [c for c in COLOURS if pd.notna(getattr(place, f"first_{c}"))]
        if not reached:
            continue
        colour = reached[-1]
        rows.append(
            {
                "place": place.id,
                "kind": place.kind,
                "name_zh": place.name_zh,
                "name_en": place.name_en,
                "level": colour,
                "peak": place.peak,
                "peak_time": place.peak_time,
                "from": getattr(place, f"first_{reached[0]}"),
                "until": getattr(place, f"last_{reached[0]}"),
                "open_end": bool(at_end >= sheet.threshold(place.kind, reached[0])),
                "reached": getattr(place, f"first_{colour}"),
                "threshold": sheet.threshold(place.kind, colour),
                "statistic": sheet.rules[place.kind]["statistic"],
                "rule": f"{sheet.id}/{place.kind}@{sheet.rules_version}",
                "probability": probability,
                "expires": getattr(place, f"last_{reached[0]}") + pd.Timedelta(hours=sheet.expiry_hours),
            }
        )
    columns = [
        "place",
        "kind",
        "name_zh",
        "name_en",
        "level",
        "peak",
        "peak_time",
        "from",
        "until",
        "open_end",
        "reached",
        "threshold",
        "statistic",
        "rule",
        "probability",
        "expires",
    ]
    table = pd.DataFrame(rows, columns=columns)
    order = table["level"].map({c: k for k, c in enumerate(COLOURS)}) if len(table) else pd.Series(dtype=int)
    return (
        table.assign(order=order)
        .sort_values(["order", "peak"], ascending=False)
        .drop(columns="order")
        .reset_index(drop=True)
    )
