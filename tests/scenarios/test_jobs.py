"""Jobs as a planner sees them: called after their scenario, with the time that is left; killed and deleted told in sentences."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import psutil
import pytest

import scenarios as sc
from scenarios.runner.run import COMPUTED
from scenarios.runner.simulate import part_of
from twin.lease import Lease


@pytest.fixture
def job(tmp_path: Path) -> sc.Job:
    """A job whose child is this process, begun ten minutes ago."""
    folder = tmp_path / "20260620T100000-abcdef"
    folder.mkdir()
    (folder / "scenario.yaml").write_text("name: {zh: 甲雨, en: Rain A}\n", "utf-8")
    (folder / "log.txt").write_text("", "utf-8")
    ask(folder, pid=os.getpid(), born=psutil.Process().create_time())
    return sc.Job(folder)


def ask(folder: Path, **child: float) -> None:
    (folder / "job.json").write_text(json.dumps(child), "utf-8")


def test_a_job_is_called_after_its_scenario_and_tells_the_time_left(job: sc.Job) -> None:
    assert job.name == {"zh": "甲雨", "en": "Rain A"} and job.state == "running"
    assert job.left_s is None, "nothing is done yet"
    ask(job.folder, pid=os.getpid(), born=time.time() - 600.0)
    (job.folder / "progress.json").write_text('{"share": 0.75}', "utf-8")
    assert job.left_s == pytest.approx(200.0, abs=5.0)


def test_a_killed_job_is_a_sentence_with_its_last_words(job: sc.Job) -> None:
    ask(job.folder, pid=2**22 + 1, born=0.0)
    Lease(job.folder).leave()  # the lock ends with the process that held it
    assert job.state == "failed"
    assert job.error("en") == (
        "Rain A: its process ended without an answer (killed, out of memory, or the machine restarted). "
        "Start it again. The last that it wrote: –"
    )
    (job.folder / "log.txt").write_text("Traceback\nMemoryError: 12 GiB\n", "utf-8")
    assert "被终止" in str(job.error("zh")) and str(job.error("zh")).endswith("MemoryError: 12 GiB")


def test_a_job_whose_run_was_deleted_says_so_and_has_no_run(job: sc.Job, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "a" / "0123"
    run.mkdir(parents=True)
    (run / "manifest.json").write_text("{}", "utf-8")
    (job.folder / "result.json").write_text(json.dumps({"run": str(run)}), "utf-8")
    assert job.run is not None and job.error("en") is None
    shutil.rmtree(run)
    assert job.run is None and job.error("en") == "Rain A: its result has been deleted. Compute it again."


def test_progress_leaves_room_for_plan_and_report(storm: Path) -> None:
    shares: list[float] = []
    case = sc.load(storm).with_changes(hours=0.5, hazards=[{"flood": {"drainage": "none"}}])
    sc.run(case, progress=lambda share: shares.append(share))
    before = [share for share in shares if share < 1.0]
    assert max(before) == pytest.approx(COMPUTED) and shares[-1] == 1.0 and shares == sorted(shares)
    moved: list[float] = []
    part_of(moved.append, 0.2, 0.6)(0.5)
    assert moved == [pytest.approx(0.4)]
