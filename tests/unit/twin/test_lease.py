"""Leases: who is at work is told by a lock, not by a number that others have too."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from scenarios.store.folders import replaced, restore, sweep
from twin import lease
from twin.lease import NAME, SILENCE_S, Lease, is_held, scratch

HOLD = "import sys, time; from pathlib import Path; from twin.lease import Lease\nLease(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"


def aged(path: Path, seconds: float = 2 * SILENCE_S) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_a_killed_process_holds_nothing_and_a_living_one_does(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD.replace("Lease(Path", "kept = Lease(Path"), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "held\n"
    aged(tmp_path / NAME)
    assert is_held(tmp_path), "a lock holds however long nobody renews it"
    child.kill()
    child.communicate()
    assert (tmp_path / NAME).exists() and not is_held(tmp_path)


#: A process with process numbers of its own, as in a container; as another user's root where that is allowed.
APART = ["unshare", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]


def apart() -> list[str]:
    """Return how to start a process with numbers of its own on this machine; skip where that may not be."""
    for how in (APART, [part for part in APART if part != "--map-root-user"]):
        if shutil.which("unshare") and subprocess.run([*how, "true"], capture_output=True).returncode == 0:
            return how
    pytest.skip("process numbers of its own are not allowed here")


def test_two_containers_on_one_home_see_each_other_s_leases(tmp_path: Path) -> None:
    hold = HOLD.replace("Lease(Path", "import os; print(os.getpid(), flush=True); kept = Lease(Path")
    look = "import os, sys; from pathlib import Path; from twin.lease import is_held; print(os.getpid(), is_held(Path(sys.argv[1])))"

    def looked() -> list[str]:
        return subprocess.run(
            [*apart(), sys.executable, "-c", look, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout.split()

    child = subprocess.Popen(
        [*apart(), sys.executable, "-c", hold, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    number = child.stdout.readline().strip()
    assert child.stdout.readline() == "held\n"
    aged(tmp_path / NAME)
    assert looked() == [number, "True"], "both have the same number, and the lock is seen all the same"
    child.kill()
    child.communicate()
    assert looked()[1] == "False"


def test_a_lease_ends_with_nothing_left_in_the_folder(tmp_path: Path) -> None:
    held = Lease(tmp_path)
    said = json.loads((tmp_path / NAME).read_text("utf-8"))
    assert set(said) == {"host", "boot", "start"} and is_held(tmp_path)
    held.end()
    assert not list(tmp_path.iterdir())


def test_another_machine_s_lease_is_held_while_it_was_renewed_of_late(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(json.dumps({"host": "anlan", "boot": "another", "start": 0.0}), "utf-8")
    assert is_held(tmp_path), "its lock cannot be seen from here"
    aged(tmp_path / NAME)
    assert not is_held(tmp_path)


def test_a_folder_without_a_lease_is_left_alone_until_it_is_old(tmp_path: Path) -> None:
    assert is_held(tmp_path)
    aged(tmp_path)
    assert not is_held(tmp_path) and not is_held(tmp_path / "none")


def test_a_lease_that_is_renewed_is_of_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Lease(tmp_path)
    aged(tmp_path / NAME)
    monkeypatch.setattr(lease, "RENEW_S", 0.0)
    held.renew()
    assert lease._age(tmp_path / NAME) < 60
    held.end()


def test_sweeping_takes_what_nobody_holds_and_nothing_that_is_another_s(tmp_path: Path) -> None:
    for name in (".a.part-00000001", ".a.part-00000002", ".b.part-00000001", "a.part-1"):
        (tmp_path / name).mkdir()
        aged(tmp_path / name)
    held = Lease(tmp_path / ".a.part-00000002")
    sweep(tmp_path, "a")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".a.part-00000002", ".b.part-00000001", "a.part-1"]
    held.end()


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "box" / "target"
    with pytest.raises(ZeroDivisionError), replaced(target) as (part, _):
        assert part.name.startswith(".") and is_held(part)
        (part / "file").write_text("new")
        raise ZeroDivisionError
    assert not target.parent.exists()
    for text in ("old", "new"):
        with replaced(target) as (part, _):
            (part / "file").write_text(text)
    assert [p.name for p in target.parent.iterdir()] == ["target"] and [p.name for p in target.iterdir()] == ["file"]
    assert (target / "file").read_text() == "new"


def test_what_a_killed_process_left_among_the_temporary_files_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / "anlan-toy-left"
    left.mkdir()
    (left / NAME).write_text(json.dumps({"boot": lease.boot()}), "utf-8")
    with scratch("anlan-toy-") as first:
        assert not left.exists()
        with scratch("anlan-toy-") as second:
            assert first.exists() and second != first
    assert not list(tmp_path.iterdir())


def test_a_builder_that_is_killed_leaves_nothing_that_shows_and_the_next_sweeps_it(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with replaced(tmp_path / "outbox" / "plan") as (part, _):
            (part / "plan.json").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    (left,) = (tmp_path / "outbox").iterdir()
    assert left.name.startswith(".") and (left / "plan.json").exists()
    sweep(tmp_path / "outbox", "plan")
    assert not list((tmp_path / "outbox").iterdir())


def test_what_was_moved_aside_is_given_back_under_any_name(tmp_path: Path) -> None:
    for name in ("a", "**", "[b]"):
        (tmp_path / f".{name}.earlier-00000001").mkdir()
        restore(tmp_path / name)
        assert (tmp_path / name).is_dir()
