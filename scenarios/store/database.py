"""The database behind the records: SQLite by default, PostgreSQL by URL; its troubles are errors that a user can mend.

Work is done in one transaction, and again from its beginning where another's came first.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.orm import Session

from scenarios.store.disk import writing
from twin.errors import RecordError, SourceError, TwinError

Answer = TypeVar("Answer")

#: Work is tried so often, with a random wait that grows to this, s.
TRIES, LONGEST_WAIT_S = 40, 0.5

#: Codes of PostgreSQL: two transactions in each other's way; a disk that is full.
IN_THE_WAY, PG_FULL = {"40001", "40P01", "55P03"}, "53100"

#: Where less than this is free a disk is full, bytes: SQLite does not say so when it cannot make the files beside its own.
LEAST_FREE = 1 << 20


def transact(engine: Engine, work: Callable[[Session], Answer], *, reads: bool = False) -> Answer:
    """Return what `work` returns, done in one transaction; one that only `reads` keeps no other from writing.

    Raises SourceError where the disk is full or may not be written to, RecordError for whatever else the database refuses.
    """
    return _again(engine.url, lambda: _once(engine, work, reads))


def _once(engine: Engine, work: Callable[[Session], Answer], reads: bool) -> Answer:
    with Session(engine.execution_options(reads=reads), expire_on_commit=False) as session, session.begin():
        return work(session)


def _again(url: URL, work: Callable[[], Answer]) -> Answer:
    for tried in range(TRIES):
        try:
            return work()
        except DBAPIError as error:
            if not _may_pass(error) or tried == TRIES - 1:
                raise _told(error, url) from error
            time.sleep(random.uniform(0.0, min(LONGEST_WAIT_S, 0.01 * 2**tried)))
    raise RecordError("records_busy", where=_shown(url))


@cache
def open_database(url: str, tables: MetaData) -> Engine:
    """Return the engine of a URL with all `tables` there; a column that an earlier version did not know is added."""
    try:
        where = make_url(url)
        if where.drivername in ("postgres", "postgresql"):
            where = where.set(drivername="postgresql+psycopg")
        engine = create_engine(where)
    except (ArgumentError, NoSuchModuleError) as error:
        raise RecordError("records_url", found=url, expected="sqlite:///FILE, postgresql://USER@HOST/NAME") from error
    except ModuleNotFoundError as error:
        raise RecordError("records_driver", found=error.name) from error
    if where.get_backend_name() == "sqlite":
        _prepare_sqlite(engine)
    _again(where, lambda: _make(engine, tables))
    return engine


def _prepare_sqlite(engine: Engine) -> None:
    """Let readers and one writer at the file at once, and let a transaction that writes begin as one: it reads what is true."""
    file = engine.url.database
    if file and file != ":memory:":
        with writing(Path(file).parent):
            Path(file).parent.mkdir(parents=True, exist_ok=True)

    @event.listens_for(engine, "connect")
    def _wait_and_log(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        connection.execute("PRAGMA busy_timeout=2000")
        connection.execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _make(engine: Engine, tables: MetaData) -> None:
    """Make the tables and columns that are not there; where all are, nothing is written."""
    with engine.execution_options(reads=True).connect() as connection:
        seen = inspect(connection)
        there = {
            table.name: {column["name"] for column in seen.get_columns(table.name)}
            for table in tables.sorted_tables
            if seen.has_table(table.name)
        }
    missing = [
        c
        for table in tables.sorted_tables
        if table.name in there
        for c in table.columns
        if c.name not in there[table.name]
    ]
    if len(there) == len(tables.sorted_tables) and not missing:
        return
    with engine.begin() as connection:
        tables.create_all(connection)
        for column in missing:
            kind = column.type.compile(engine.dialect)
            connection.execute(text(f"ALTER TABLE {column.table.name} ADD COLUMN {column.name} {kind} DEFAULT 0"))


def _may_pass(error: DBAPIError) -> bool:
    """Return whether the same work may succeed when it is done again: another's came first."""
    orig = error.orig
    busy = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    made_twice = "already exists" in str(orig) or "duplicate column" in str(orig)  # two processes make the same table
    return (
        isinstance(error, IntegrityError)
        or _sqlite_code(orig) in busy
        or getattr(orig, "sqlstate", None) in IN_THE_WAY
        or made_twice
    )


def _told(error: DBAPIError, url: URL) -> TwinError:
    """Return a trouble of the database as an error that a user can mend."""
    where, said = _shown(url), " ".join(str(error.orig).split())[:200]
    code = _sqlite_code(error.orig)
    unsure = code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
    if code == sqlite3.SQLITE_FULL or getattr(error.orig, "sqlstate", None) == PG_FULL or (unsure and _is_full(url)):
        return SourceError("disk_full", where=where)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return SourceError("not_writable", where=where)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return RecordError("records_damaged", where=where, found=said)
    if _may_pass(error):
        return RecordError("records_busy", where=where)
    return RecordError("records_failed", where=where, found=said)


def _sqlite_code(error: object) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _is_full(url: URL) -> bool:
    try:
        return shutil.disk_usage(Path(url.database or ".").parent).free < LEAST_FREE
    except OSError:
        return False


def _shown(url: URL) -> str:
    """Return where the records are, without a password."""
    return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
