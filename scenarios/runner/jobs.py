"""Jobs: the same run in a child process, with progress, cancel and re-attach from any other process."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import yaml

from scenarios.case.case import Case
from scenarios.case.home import home
from scenarios.case.manifest import MANIFEST
from scenarios.runner.run import Run, store, sweep
from twin.errors import ScenarioError
from twin.lease import Lease, is_held
from twin.words import say

#: From this share done on one can tell how long a job will take.
TELLING = 0.05


@dataclass(frozen=True)
class Job:
    """A run asked for; everything known of it lies in its folder, so any process can look at it."""

    folder: Path

    @property
    def id(self) -> str:
        """The job's id."""
        return self.folder.name

    @property
    def name(self) -> dict[str, str]:
        """The name of its scenario in both languages."""
        scenario: dict[str, Any] = yaml.safe_load((self.folder / "scenario.yaml").read_text("utf-8"))
        return dict(scenario["name"])

    @property
    def state(self) -> str:
        """One of running, done, failed, cancelled."""
        if self._result is not None:
            return "done" if "run" in self._result else "failed"
        if (self.folder / "cancelled").exists():
            return "cancelled"
        return "running" if is_held(self.folder) else "failed"

    @property
    def progress(self) -> float:
        """The share done, 0..1."""
        if self.state == "done":
            return 1.0
        found = _read(self.folder / "progress.json")
        return float(found["share"]) if found else 0.0

    @property
    def left_s(self) -> float | None:
        """How long it will still take, s, if it goes on as it did so far; None where too little is done to tell."""
        done = self.progress
        if not TELLING <= done < 1.0 or "born" not in self._ask:
            return None
        told = (self.folder / "progress.json").stat().st_mtime
        born = float(self._ask["born"])
        return max(0.0, (told - born) / done - (time.time() - born))

    @property
    def run(self) -> Run | None:
        """The finished run; None before, and once it has been deleted."""
        folder = Path(self._result["run"]) if self._result and "run" in self._result else None
        return Run(folder) if folder is not None and (folder / MANIFEST).exists() else None

    def error(self, lang: str) -> str | None:
        """Return in one sentence why the job has no run: it failed, its process was killed, its run was deleted; else None."""
        state = self.state
        if state == "failed" and self._result:
            return str(self._result[lang])
        if state == "failed":
            log = (self.folder / "log.txt").read_text("utf-8", errors="replace").strip().splitlines()
            return say("job.died", lang=lang, name=self.name, last=log[-1][:300] if log else "–")
        return say("job.gone", lang=lang, name=self.name) if state == "done" and self.run is None else None

    def cancel(self) -> None:
        """Stop the child and those that it runs members in; what they had half written is removed.

        A child that cannot be reached from here, in another container say, stops by itself at its next progress.
        """
        (self.folder / "cancelled").touch()
        process = self._process()
        if process is not None:
            members = []
            with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself meanwhile
                process.suspend()  # or it would start a member that nobody here knows of
                members = process.children(recursive=True)
                process.terminate()  # members end with it
                process.resume()
            _gone, alive = psutil.wait_procs([process, *members], timeout=5)
            for stubborn in alive:
                with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself meanwhile
                    stubborn.kill()
                    stubborn.wait(5)
        sweep()

    def wait(self, timeout_s: float = 600.0) -> Run:
        """Return the run when it is finished; raise ScenarioError when the job failed, was cancelled or takes longer."""
        end = time.monotonic() + timeout_s
        while self.state == "running" and time.monotonic() < end:
            time.sleep(0.1)
        run = self.run
        if run is None:
            raise ScenarioError("job_failed", found=self.id, state=self.state, why=self.error("en") or "-")
        return run

    @property
    def _ask(self) -> dict[str, Any]:
        return _read(self.folder / "job.json") or {}

    @property
    def _result(self) -> dict[str, Any] | None:
        return _read(self.folder / "result.json")

    def _process(self) -> psutil.Process | None:
        """Return the child if it still runs and can be reached from here (same pid and same start)."""
        try:
            process = psutil.Process(self._ask["pid"])
            same = abs(process.create_time() - self._ask["born"]) < 1.0
            return process if same and is_held(self.folder) else None
        except (psutil.NoSuchProcess, KeyError):
            return None


def submit(case: Case, *, fresh: bool = False) -> Job:
    """Check a case and start it in a child process."""
    case.check()
    folder = home() / "jobs" / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
    folder.mkdir(parents=True)
    (folder / "scenario.yaml").write_text(
        yaml.safe_dump(case.raw | {"name": case.title}, allow_unicode=True, sort_keys=False), "utf-8"
    )
    ask = {"base": str(case.base), "where": case.where, "fresh": fresh}
    (folder / "job.json").write_text(json.dumps(ask, ensure_ascii=False), "utf-8")
    lease = Lease(folder)
    with (folder / "log.txt").open("w") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "scenarios.work", str(folder)],
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[lease.fileno()],  # the child holds the lease as long as it lives
        )
    lease.leave()
    ask |= {"pid": child.pid, "born": psutil.Process(child.pid).create_time()}
    (folder / "job.json").write_text(json.dumps(ask, ensure_ascii=False), "utf-8")
    store().put_job(
        id=folder.name,
        folder=str(folder),
        scenario=case.where,
        pid=child.pid,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return Job(folder)


def jobs() -> list[Job]:
    """Return every job, newest first."""
    return [Job(Path(row.folder)) for row in store().jobs() if Path(row.folder).exists()]


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found
