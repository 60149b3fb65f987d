"""Records: the catalogue of runs, jobs, plans and the audit log, in SQLite by default, PostgreSQL by URL.

The audit log is tamper-evident: each entry carries the hash of its content and of the entry before it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Engine, String, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from twin.errors import ScenarioError


class Base(DeclarativeBase):
    """Base of every table."""

    type_annotation_map = {dict[str, Any]: JSON}  # noqa: RUF012 - SQLAlchemy reads it as declared


class RunRow(Base):
    """A finished run: what a list of runs shows."""

    __tablename__ = "runs"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    folder: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    city: Mapped[str]
    finished: Mapped[str]
    wall_s: Mapped[float]
    summary: Mapped[dict[str, Any]]


class JobRow(Base):
    """A run asked for in a child process."""

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    folder: Mapped[str]
    scenario: Mapped[str]
    pid: Mapped[int]
    started: Mapped[str]


class PlanRow(Base):
    """A plan in its present state."""

    __tablename__ = "plans"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    run_id: Mapped[str]
    state: Mapped[str]
    body: Mapped[dict[str, Any]]


class AuditRow(Base):
    """One entry of the log: who did what to which plan, chained by hashes."""

    __tablename__ = "audit"
    number: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[str]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]]
    before: Mapped[str]
    hash: Mapped[str]


@cache
def _engine(url: str) -> Engine:
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    if url.startswith("sqlite"):

        @event.listens_for(engine, "connect")
        def _wait_and_log(connection: Any, _: Any) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA busy_timeout=10000")

    Base.metadata.create_all(engine)
    return engine


class Store:
    """The records behind one URL."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with Session(self._engine) as session, session.begin():
            yield session

    def put_run(self, **values: Any) -> None:
        """Add or replace a run in the catalogue."""
        with self._session() as session:
            session.merge(RunRow(**values))

    def drop_run(self, run_id: str) -> None:
        """Take a run out of the catalogue."""
        with self._session() as session:
            row = session.get(RunRow, run_id)
            if row is not None:
                session.delete(row)

    def runs(self) -> list[RunRow]:
        """Return every run, newest first."""
        with self._session() as session:
            rows = list(session.scalars(select(RunRow).order_by(RunRow.finished.desc())))
            session.expunge_all()
            return rows

    def put_job(self, **values: Any) -> None:
        """Add or replace a job."""
        with self._session() as session:
            session.merge(JobRow(**values))

    def jobs(self) -> list[JobRow]:
        """Return every job, newest first."""
        with self._session() as session:
            rows = list(session.scalars(select(JobRow).order_by(JobRow.started.desc())))
            session.expunge_all()
            return rows

    def put_plan(self, plan_id: str, run_id: str, state: str, body: dict[str, Any], *, actor: str, action: str) -> None:
        """Write a plan's state and the log entry of who changed it, in one transaction."""
        with self._session() as session:
            session.merge(PlanRow(id=plan_id, run_id=run_id, state=state, body=body))
            self._log(session, actor, action, plan_id, {"state": state, "body": _digest(body)})

    def plan(self, plan_id: str, *, actor: str) -> PlanRow:
        """Return a plan and log the access; raise ScenarioError when there is none."""
        with self._session() as session:
            row = session.get(PlanRow, plan_id)
            if row is None:
                known = list(session.scalars(select(PlanRow.id)))
                if not known:
                    raise ScenarioError("no_plans", found=plan_id)
                raise ScenarioError("unknown_plan", found=plan_id, expected=known[:5])
            self._log(session, actor, "read", plan_id, {})
            session.flush()
            session.expunge_all()
            return row

    def audit(self) -> list[AuditRow]:
        """Return the log in order."""
        with self._session() as session:
            rows = list(session.scalars(select(AuditRow).order_by(AuditRow.number)))
            session.expunge_all()
            return rows

    def audit_break(self) -> int | None:
        """Return the number of the first log entry that does not follow from those before it, None when all do."""
        before = ""
        for expected, row in enumerate(self.audit(), start=1):
            if row.number != expected or row.before != before or row.hash != _entry_hash(row):
                return expected
            before = row.hash
        return None

    def _log(self, session: Session, actor: str, action: str, subject: str, detail: dict[str, Any]) -> None:
        last = session.scalars(select(AuditRow).order_by(AuditRow.number.desc()).limit(1)).first()
        row = AuditRow(
            number=last.number + 1 if last else 1,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            actor=actor,
            action=action,
            subject=subject,
            detail=detail,
            before=last.hash if last else "",
        )
        row.hash = _entry_hash(row)
        session.add(row)


def _digest(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _entry_hash(row: AuditRow) -> str:
    return _digest([row.number, row.time, row.actor, row.action, row.subject, row.detail, row.before])
