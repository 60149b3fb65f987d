"""The flood and the three toys as an ensemble: fields on cells, edges and zones, tables and counts of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import scenarios as sc
from scenarios.runner.exposure_files import read_exposure
from twin.sheet import QUANTILES


def test_all_four_are_reduced_to_one_plan_report_and_alert(toys, four: Path, tmp_path: Path) -> None:
    vary = {"rain.factor": {"uniform": [0.5, 1.5]}, "wind.factor": {"uniform": [0.5, 2.0]}}
    run = sc.run(sc.load(four).with_changes(ensemble={"members": 2, "vary": vary}))
    for hazard in run.hazards:
        sheet, fields = run.sheet(hazard), run.fields[hazard]
        layers = [layer for layer in sheet.drawable(fields) if layer in sheet.spread_layers]
        assert [layer.variable for layer in layers] == [f"{sheet.worst_name}_p{q}" for q in QUANTILES]
        low, _, high = (layer.of(fields) for layer in layers)
        assert (low <= high).all() and low.dims == sheet.peak_layer.of(fields).dims
        members = [read_exposure(run.folder / "members" / str(k) / "exposure" / hazard, hazard) for k in range(2)]
        got = run.exposure[hazard]
        for colour in ("blue", "red"):
            reached = np.sum([m.places[f"first_{colour}"].notna() for m in members], axis=0)
            know = np.sum([m.places["known"] for m in members], axis=0)
            share = np.divide(reached, know, where=know > 0, out=np.full(len(know), np.nan))
            np.testing.assert_array_equal(got.places[f"share_{colour}"], share)
        for scale, tables in got.counts.items():
            for of, table in tables.items():
                assert table.shape == members[0].counts[scale][of].shape and (table.to_numpy() >= -1e-9).all()
    assert set(run.levels["probability"]) <= {0.5, 1.0} and (run.levels["probability"] == 1.0).any()
    plan = sc.draft_plan(run)
    from_tables = [task for task in plan.tasks if "table" in task.trigger]
    assert from_tables and {task.probability for task in plan.tasks} <= {0.5, 1.0}
    page = (run.folder / "report.html").read_text("utf-8")
    assert "Probability is the share of the ensemble" in page and "% quantile of the members" in page
    written = sc.export(plan, tmp_path / "outbox", formats=("cap",))
    messages = "".join(path.read_text("utf-8") for path in written)
    assert "Likely" in messages and "probability" in messages
