"""Whether a run fits into the memory and onto the disk of this machine: told before it begins, with what to change."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import psutil

from scenarios.case.case import Case
from scenarios.runner.pool import at_once
from twin.errors import ScenarioError
from twin.hazard import Weighed

#: Where a container states how much memory it may hold, and holds (control groups of Linux, version 2 and 1).
GROUPS = (
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current", "inactive_file"),
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def check_fits(case: Case, folder: Path) -> None:
    """Raise ScenarioError where the results of a case need more memory, or more of the disk of `folder`, than there is.

    Counted are the fields in time that its models say (`Weighed`). They go to disk as they come (`twin.frames`); up to the size
    of the largest model's is asked for besides, where they are checked and read (a third of it was measured), for each member
    that runs at one time. On disk they lie twice, as frames and as what is stored, which is smaller when much is the same:
    twice the sum is asked for, so that no run ends on a full disk.
    """
    sizes = [m.result_bytes(case.city, case.clock) for m in case.models.values() if isinstance(m, Weighed)]
    members = at_once(case.scenario.ensemble.members)
    held, stored = max(sizes, default=0) * members, sum(sizes) * (1 + members)
    for code, needed, free in (("no_memory", held, memory_left()), ("no_disk", stored, disk_left(folder))):
        if needed > free:
            raise ScenarioError(
                code, where=case.where, found=needed / 1e9, expected=free / 1e9, steps=case.clock.steps,
                minutes=math.ceil(case.clock.step_s / 60.0 * needed / max(free, 1)),
            )  # fmt: skip


def memory_left() -> int:
    """Return how many bytes of memory this process may still take: what is free, or what its container may still hold."""
    left = [psutil.virtual_memory().available]
    for group, most, now, files in GROUPS:
        try:
            held = int((group / now).read_text("ascii"))
            kept = dict(line.split() for line in (group / "memory.stat").read_text("ascii").splitlines())
            left.append(
                int((group / most).read_text("ascii")) - held + int(kept[files])
            )  # files are given up when asked for
        except (OSError, ValueError, KeyError):  # no such group, or "max": no limit
            continue
    return max(0, min(left))


def disk_left(folder: Path) -> int:
    """Return how many bytes the disk can still take of the first folder above `folder` that is there."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), Path())
    return shutil.disk_usage(there).free
