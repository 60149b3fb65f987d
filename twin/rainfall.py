"""From what a rain record writes to rates on windows: counters, gaps, missing values, and the doubt whether it can be true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from twin.errors import SourceError

Array = NDArray[np.float64]
Note = tuple[str, dict[str, Any]]

#: The greatest depths of rain ever measured at a point: minutes -> mm (WMO-No. 1045, Manual on Estimation of Probable
#: Maximum Precipitation, 2009, list of record point rainfalls; 3 and 4 days: Quetelard et al. 2009, BAMS 90(5)).
RECORDS = {1: 38, 5: 64, 8: 126, 15: 198, 20: 206, 30: 280, 42: 305, 60: 401, 72: 440, 120: 489, 150: 550, 180: 600,
           270: 782, 360: 840, 540: 1087, 600: 1400, 1110: 1689, 1440: 1825, 2880: 2493, 4320: 3930, 5760: 4869}  # fmt: skip

#: Numbers that loggers and archives write where there is no value (32766, 32744 and 32700 are those of the China
#: Meteorological Administration, in tenths 3276.6 and so on; 65535 and 32767 are full registers).
CODES = (999, 999.9, 999.99, 9999, 9999.9, 99999, 99999.9, 999990, 999998, 999999, 3270, 3274.4, 3276.6, 3276.7,
         32700, 32744, 32766, 32767, 6553.5, 65535)  # fmt: skip

#: A step longer than this many usual ones is a gap.
GAP = 1.5

#: A running total may fall by this share of its largest value through rounding; one that falls to less than `RESTART` of
#: what it was has begun anew.
NOISE, RESTART = 1e-5, 0.5


@dataclass(frozen=True)
class RainForm:
    """How the values of a rain record are meant, where the record does not say it.

    `stamps`: a value belongs to the time after its stamp ("start") or before it ("end"). `cumulative`: a value is the total
    so far (None: not said, and a record that looks like one is refused). `gaps`: where values are missing no rain fell
    ("dry"), or the last value holds ("held"); None refuses. `missing`: numbers that mean no value. `interval_s`: how long a
    value lasts, s (None: the usual step).
    """

    stamps: Literal["start", "end"] | None = None
    cumulative: bool | None = None
    gaps: Literal["dry", "held"] | None = None
    missing: tuple[float, ...] = ()
    interval_s: float | None = None


#: Nothing is said beside the record.
AS_WRITTEN = RainForm()


@dataclass(frozen=True)
class Record:
    """A rain record: stamps (s, rising) with their text, values (time, ...) in units of `unit_m`, and the file they are from.

    `unit_m` is one unit in m, or in m/s where the values are no depths (`depth` False). `bounds` (time, 2), s, is what each
    value belongs to, where the file says so. `run` (s) is the time in which a gap matters.
    """

    where: str
    seconds: Array
    labels: Sequence[str]
    values: Array
    unit_m: float
    depth: bool
    bounds: Array | None = None
    run: tuple[float, float] = (-np.inf, np.inf)


def with_gaps(
    values: Array, form: RainForm, where: str, labels: Sequence[str], *, dip: float = 0.0
) -> tuple[Array, int]:
    """Return values with NaN for those that mean none, and how many lay below zero by less than `dip` of the largest.

    Raises SourceError for a value that is a usual mark of a missing one and is not named in `missing`, and for negative rain.
    """
    values = np.where(_among(values, form.missing), np.nan, values)
    for bad, code in (
        (is_code(values), "rain_code"),
        (values < -dip * np.nanmax(values, initial=0.0), "rain_negative"),
    ):
        if bad.any():
            k = int(np.argmax(bad.reshape(len(bad), -1).any(axis=1)))
            raise SourceError(code, where=where, time=labels[k], found=float(values[bad][0]))
    low = values < 0
    return np.where(low, 0.0, values), int(low.sum())


def rates(record: Record, form: RainForm) -> tuple[Array, Array, list[Note]]:
    """Return the edges of the windows (s), the rate from each edge on (m/s, the last 0), and what must be said.

    Raises SourceError for fewer than two values, a record that looks like a running total, a running total that falls, a
    gap that nothing is said about, and rain that is more than was ever measured.
    """
    if len(record.seconds) < 2:
        raise SourceError("series_short", where=record.where, found=len(record.seconds))
    notes: list[Note] = []
    if form.cumulative is None and record.depth and _looks_cumulative(_mean(record.values)):
        raise SourceError("rain_counter", where=record.where, first=_first(record.values), last=_last(record.values))
    if form.cumulative:
        begin, end, rate, labels = _increments(record, notes)
    else:
        begin, end = _windows(record, form, notes)
        rate = record.values / _tall(end - begin, record.values) if record.depth else record.values
        labels = list(record.labels)
    edges, rate, gap, at = _joined(begin, end, rate * record.unit_m, labels)
    rate = _filled(record, form, edges, rate, gap, at, notes)
    _check_records(record.where, edges, rate, at)
    return edges, rate, notes


def _windows(record: Record, form: RainForm, notes: list[Note]) -> tuple[Array, Array]:
    """Return when each value begins and ends to hold, s: to the next stamp, or for a usual step where that is a gap."""
    if record.bounds is not None and form.stamps is None:
        return record.bounds[:, 0], record.bounds[:, 1]
    steps, usual = np.diff(record.seconds), _usual(record.seconds, form)
    lasts = np.append(steps, form.interval_s or steps[-1])
    if form.stamps == "end":
        lasts = np.insert(steps, 0, form.interval_s or steps[0])
    long = lasts > GAP * (usual or np.inf)
    if long.any() and form.gaps == "held":
        silent = float((lasts[long] - (usual or 0.0)).sum()) / 60.0
        notes.append(("rain_gap_held", {"minutes": silent, "time": record.labels[int(np.argmax(long))]}))
    elif usual is not None:
        lasts = np.where(long, usual, lasts)
    elif steps.max() > GAP * steps.min():
        notes.append(("rain_uneven", {"least": float(steps.min()) / 60.0, "most": float(steps.max()) / 60.0}))
    if form.stamps == "end":
        return record.seconds - lasts, record.seconds
    return record.seconds, record.seconds + lasts


def _usual(seconds: Array, form: RainForm) -> float | None:
    """Return the usual step, s: the one that is said, or the commonest if half of the steps are so; None where there is none."""
    if form.interval_s is not None:
        return form.interval_s
    steps, count = np.unique(np.round(np.diff(seconds)), return_counts=True)
    return float(steps[count.argmax()]) if count.sum() >= 3 and 2 * count.max() >= count.sum() else None


def _increments(record: Record, notes: list[Note]) -> tuple[Array, Array, Array, list[str]]:
    """Return windows and mean rates between the readings of a running total; after a fall it counts from zero again."""
    known = np.asarray(~np.isnan(record.values).reshape(len(record.values), -1).any(axis=1))
    seconds, values = record.seconds[known], record.values[known]
    labels = [record.labels[int(k)] for k in np.flatnonzero(known)]
    if len(seconds) < 2:
        raise SourceError("series_short", where=record.where, found=len(seconds))
    rise = np.diff(values, axis=0)
    fell = rise < -NOISE * values.max()
    odd = fell & (values[1:] > RESTART * values[:-1])
    if odd.any():
        k = int(np.argmax(odd.reshape(len(odd), -1).any(axis=1)))
        found = [float(values[k].ravel()[odd[k].ravel()][0]), float(values[k + 1].ravel()[odd[k].ravel()][0])]
        raise SourceError("rain_counter_falls", where=record.where, time=labels[k + 1], found=found)
    rise = np.where(fell, values[1:], np.maximum(rise, 0.0))
    restarts = int(fell.reshape(len(fell), -1).any(axis=1).sum())
    notes.append(("rain_counter", {"total": float(_mean(rise).sum() * record.unit_m * 1000.0), "restarts": restarts}))
    return seconds[:-1], seconds[1:], rise / _tall(np.diff(seconds), rise), labels[1:]


def _joined(
    begin: Array, end: Array, rate: Array, labels: Sequence[str]
) -> tuple[Array, Array, NDArray[np.bool_], list[str]]:
    """Return edges, rates, which windows no value covers, and the text of the value at or before each; the last edge is dry."""
    end = np.minimum(end, np.append(begin[1:], np.inf))
    gap_after = np.append(begin[1:] - end[:-1] > 0.5, True)
    order = np.sort(np.concatenate([np.arange(len(begin)), np.flatnonzero(gap_after)]), kind="stable")
    gap = np.append(False, order[1:] == order[:-1])
    edges = np.where(gap, end[order], begin[order])
    rate = np.where(_tall(gap, rate), np.nan, rate[order])
    rate[-1], gap[-1] = 0.0, False
    return edges, rate, gap, [labels[k] for k in order]


def _filled(
    record: Record,
    form: RainForm,
    edges: Array,
    rate: Array,
    gap: NDArray[np.bool_],
    at: Sequence[str],
    notes: list[Note],
) -> Array:
    """Return rates without gaps: as the form says, and as before where the last value of a silent record was no rain."""
    unknown = np.isnan(rate).reshape(len(rate), -1).any(axis=1)
    last = np.maximum.accumulate(np.where(unknown, -1, np.arange(len(rate))))
    held = np.where(_tall(last < 0, rate), np.nan, rate[last])
    still = gap & (_mean(held) == 0.0)
    until = np.append(edges[1:], edges[-1])
    matters = unknown & (until > record.run[0]) & (edges < record.run[1])
    asked = matters & ~still
    if asked.any() and (form.gaps is None or (form.gaps == "held" and last[int(np.argmax(asked))] < 0)):
        k = int(np.argmax(asked))
        raise SourceError("rain_gap", where=record.where, time=at[k], minutes=(until[k] - edges[k]) / 60.0)
    for code, those in (("rain_still", matters & still), (f"rain_gap_{form.gaps}", asked)):
        if those.any():
            minutes = float((until - edges)[those].sum() / 60.0)
            notes.append((code, {"minutes": minutes, "time": at[int(np.argmax(those))]}))
    return np.where(_tall(unknown, rate), np.nan_to_num(held) if form.gaps == "held" else 0.0, rate)


def _check_records(where: str, edges: Array, rate: Array, at: Sequence[str]) -> None:
    """Raise SourceError when more falls in some time than was ever measured in one as long."""
    flat = rate.reshape(len(rate), -1)
    total = np.concatenate([np.zeros((1, flat.shape[1])), np.cumsum(flat[:-1] * np.diff(edges)[:, None], axis=0)])
    worst = (1.0 + 1e-9, 0, 0, 0.0)
    for minutes, most in RECORDS.items():
        begin = np.concatenate([edges, edges - 60.0 * minutes])
        fallen = 1000.0 * (_at(edges, total, begin + 60.0 * minutes) - _at(edges, total, begin)).max(axis=1)
        k = int(fallen.argmax())
        worst = max(
            worst,
            (float(fallen[k]) / most, minutes, int(np.searchsorted(edges, begin[k], "right")) - 1, float(fallen[k])),
        )
    _, minutes, k, found = worst
    if minutes:
        record = RECORDS[minutes]
        raise SourceError("rain_record", where=where, time=at[max(k, 0)], found=found, minutes=minutes, record=record)


def _at(edges: Array, total: Array, when: Array) -> Array:
    """Return running totals (time, cells) at other times, straight between the edges and level beyond them."""
    when = np.clip(when, edges[0], edges[-1])
    k = np.clip(np.searchsorted(edges, when, side="right") - 1, 0, len(edges) - 2)
    share = (when - edges[k]) / (edges[k + 1] - edges[k])
    return total[k] + share[:, None] * (total[k + 1] - total[k])


def _looks_cumulative(values: Array) -> bool:
    """Return whether depths rise and hardly ever fall, or fall only to begin anew near zero, as a running total does."""
    values = values[~np.isnan(values)]
    rise = np.diff(values)
    fell, rose = int((rise < 0).sum()), int((rise > 0).sum())
    if len(values) < 6 or rose < 3:
        return False
    anew = bool((values[1:][rise < 0] < 0.1 * values[:-1][rise < 0]).all())
    holds = bool(((rise == 0) & (values[1:] > 0)).any())
    return fell == 0 or (len(values) >= 12 and anew and holds and rose >= 6 * fell)


def is_code(values: Array) -> NDArray[np.bool_]:
    """Return which values are usual marks of a missing one."""
    return _among(values, CODES)


def _among(values: Array, numbers: Sequence[float]) -> NDArray[np.bool_]:
    """Return which values are one of the numbers, to the digits of a 32-bit one."""
    found = np.zeros(values.shape, dtype=bool)
    for number in numbers:
        found |= np.isclose(values, number, rtol=1e-6, atol=0.0)
    return found


def _mean(values: Array) -> Array:
    mean: Array = values.reshape(len(values), -1).mean(axis=1)
    return mean


def _tall(series: Any, like: Array) -> Any:
    """Return a series in time shaped to go along with (time, ...)."""
    return np.asarray(series).reshape(-1, *[1] * (like.ndim - 1))


def _first(values: Array) -> float:
    return float(_mean(values)[0])


def _last(values: Array) -> float:
    return float(_mean(values)[-1])
