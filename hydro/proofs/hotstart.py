"""How far the engine's own hotstart file leads away from a replay of the inflows, with which a run really goes on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hydro.drains.coupling import GRATE_PAIR
from hydro.drains.swmm import Engine
from hydro.drains.swmm_input import prepare

Array = NDArray[np.float64]


def hotstart_difference(
    inp: str,
    ids: Sequence[str],
    record: Mapping[str, NDArray[np.float64]],
    *,
    start: datetime,
    exchange_s: float,
    split: int,
    outfalls: Sequence[str] = (),
) -> dict[str, float]:
    """Return how far heads (m) at `ids` part when the engine goes on from its hotstart file instead of a replay.

    `record` is a `Coupling.record()`; the engine runs its inflows once whole and once from a hotstart written after
    `split` steps. `at_split_m` is the largest difference before the first step, `largest_m` at any later step, `mean_m` the
    mean of all. Zero would mean that the file keeps all that the engine needs.
    """
    flows, stages = record["drain_inflows"], record["drain_stages"]
    pond = dict.fromkeys(ids, GRATE_PAIR.pond_area_m2)
    total = len(flows) * exchange_s
    with tempfile.TemporaryDirectory(prefix="anlan-hotstart-") as folder:
        file = Path(folder) / "drains.hsf"
        with Engine(prepare(inp, start, total, exchange_s, pond), ids) as engine:
            whole = []
            for k, heads in enumerate(_heads(engine, flows, stages, exchange_s, outfalls)):
                whole.append(heads)
                if k == split:
                    engine.save_hotstart(file)
        later = start + timedelta(seconds=split * exchange_s)
        rest = total - split * exchange_s
        with Engine(prepare(inp, later, rest, exchange_s, pond), ids, hotstart=file) as engine:
            again = list(_heads(engine, flows[split:], stages[split:], exchange_s, outfalls))
    apart = np.abs(np.array(again) - np.array(whole[split:]))
    return {"at_split_m": float(apart[0].max()), "largest_m": float(apart.max()), "mean_m": float(apart.mean())}


def _heads(engine: Engine, flows: Array, stages: Array, step_s: float, outfalls: Sequence[str]) -> Iterator[Array]:
    """Yield heads before the first step and after each."""
    yield engine.heads()
    for flow, stage in zip(flows, stages, strict=True):
        engine.set_inflows(flow)
        if not np.isnan(stage) and outfalls:
            engine.set_outfall_stages(list(outfalls), float(stage))
        engine.advance(step_s)
        yield engine.heads()
