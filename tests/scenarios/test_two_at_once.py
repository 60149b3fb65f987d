"""Several processes at one set of records: of two approvals one holds, of many runs none is lost, on SQLite and PostgreSQL."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from scenarios.store.database import open_database, transact
from scenarios.store.records import PlanRow, Store
from twin.errors import RecordError, TwinError

#: Where Debian keeps the server's programs.
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def together(url: str, seals: Path, act: Callable[[Store, str], None], count: int) -> list[str]:
    """Let `count` processes act at the same moment and return what came of each, in order."""
    context = multiprocessing.get_context("fork")
    start, told = context.Barrier(count), context.Queue()

    def child(me: str) -> None:
        open_database.cache_clear()
        start.wait(60)
        try:
            act(Store(url, seals), me)
            told.put("done")
        except TwinError as error:
            told.put(error.code)

    children = [context.Process(target=child, args=(str(k),)) for k in range(count)]
    for one in children:
        one.start()
    answers = sorted(told.get(timeout=120) for _ in children)
    for one in children:
        one.join(60)
    return answers


def approve(records: Store, me: str) -> None:
    records.step("P1", 0, "approved", actor=me, documents={("json", "plan.json"): b"{}"})


def finish_a_run(records: Store, me: str) -> None:
    records.put_draft(f"P{me}", f"run-{me}", {"state": "drafted", "revision": 0, "by": me}, actor=me)
    records.put_run(id=me, folder=me, name_zh=me, name_en=me, city="c", finished=me, wall_s=1.0, summary={})
    records.plan(f"P{me}", actor=me)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """New records."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'anlan.db'}"
        return
    yield from _server(tmp_path)


def _server(tmp_path: Path) -> Iterator[str]:
    """Start a PostgreSQL server of its own that listens at a socket only; skip where there is none."""
    if not PROGRAMS:
        pytest.skip("no PostgreSQL server on this machine (Debian: postgresql)")
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("no driver for PostgreSQL (extra postgres)")
    owner = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}  # the server refuses to run as root
    place = Path(tempfile.gettempdir()) / f"anlan-pg-{os.getpid()}-{tmp_path.name[-4:]}"
    place.mkdir(mode=0o755)
    data = place / "data"
    data.mkdir(mode=0o700)
    if owner:
        shutil.chown(data, **owner)
        shutil.chown(place, **owner)

    def program(name: str, *arguments: str) -> None:
        subprocess.run([PROGRAMS[0] / name, *arguments], check=True, capture_output=True, timeout=120, cwd="/", **owner)

    try:
        program("initdb", "-D", str(data), "-A", "trust", "-U", "anlan", "--no-sync")
        program("pg_ctl", "-D", str(data), "-w", "-l", str(place / "log"), "-o", f"-k {place} -h '' -F", "start")
        yield f"postgresql://anlan@/postgres?host={place}"
    finally:
        if (data / "postmaster.pid").exists():
            program("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(place)


def test_of_two_approvals_at_once_one_holds(url: str, tmp_path: Path) -> None:
    records = Store(url, tmp_path / "audit")
    records.put_draft("P1", "run-1", {"state": "drafted", "revision": 0}, actor="anlan")
    records.engine.dispose()  # a connection is not taken along into another process
    assert together(url, tmp_path / "audit", approve, 4) == ["done", "plan_moved", "plan_moved", "plan_moved"]
    row = records.plan("P1", actor="desk")
    assert (row.state, row.revision) == ("approved", 1) and records.audit_faults() == []
    assert [entry.action for entry in records.audit()].count("approved") == 1


def test_of_eight_runs_at_once_on_new_records_none_is_lost(url: str, tmp_path: Path) -> None:
    """No table is there yet, and every process writes entries of one log."""
    assert together(url, tmp_path / "audit", finish_a_run, 8) == ["done"] * 8
    records = Store(url, tmp_path / "audit")
    entries = records.audit()
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1)) and len(entries) == 16
    assert len(records.runs()) == 8 and records.audit_faults() == []
    head = records.seals.head()
    assert head is not None and head.number == 16, "the head is on the last entry"


def test_drafts_of_one_run_that_say_something_else_are_superseded(url: str, tmp_path: Path) -> None:
    records = Store(url, tmp_path / "audit")
    for name in ("P1", "P2", "P2"):
        records.put_draft(name, "run", {"state": "drafted", "revision": 0, "says": name}, actor="anlan")
    states = {row.id: row.state for row in transact(records.engine, lambda s: list(s.scalars(select(PlanRow))))}
    assert states == {"P1": "superseded", "P2": "drafted"} and records.audit_faults() == []


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("nonsense", "records_url"),
        ("mysterious://a/b", "records_url"),
        ("postgresql://nobody@localhost:1/none", "records_failed"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_clear_sentence(address: str, code: str, tmp_path: Path) -> None:
    if address.startswith("postgresql") and importlib.util.find_spec("psycopg") is None:
        code = "records_driver"
    with pytest.raises(RecordError) as error:
        Store(address, tmp_path)
    assert error.value.code == code
    assert all(len(error.value.message(lang).splitlines()) == 1 for lang in ("zh", "en"))


def test_a_file_that_is_no_database_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "anlan.db").write_bytes(b"no database" * 100)
    with pytest.raises(RecordError) as error:
        Store(f"sqlite:///{tmp_path / 'anlan.db'}", tmp_path)
    assert error.value.code == "records_damaged" and "anlan.db" in error.value.message("zh")


def test_records_of_an_earlier_version_gain_what_they_lack(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "anlan.db") as old:
        old.execute("CREATE TABLE plans (id VARCHAR(64) PRIMARY KEY, run_id VARCHAR, state VARCHAR, body JSON)")
        old.execute("INSERT INTO plans VALUES ('P1', 'r', 'approved', '{}')")
    records = Store(f"sqlite:///{tmp_path / 'anlan.db'}", tmp_path / "audit")
    assert records.state("P1") == "approved" and [f.code for f in records.audit_faults()] == ["plan_changed"]
    with pytest.raises(RecordError, match="earlier version"):
        records.plan("P1", actor="desk")
