"""Records: the catalogue of runs, jobs, plans with what was approved and sent, and the audit log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from scenarios.store.audit import Head, Seals, digest
from scenarios.store.database import Answer, open_database, transact
from twin.errors import RecordError, ScenarioError

#: What an approved plan says to others: the bytes of each file by format and path.
Documents = Mapping[tuple[str, str], bytes]


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
    """A plan in its present state; each step makes another `revision`."""

    __tablename__ = "plans"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    run_id: Mapped[str]
    state: Mapped[str]
    revision: Mapped[int]
    body: Mapped[dict[str, Any]]


class DocumentRow(Base):
    """A file of an approved plan, as it was approved."""

    __tablename__ = "documents"
    plan_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    format: Mapped[str] = mapped_column(String(64), primary_key=True)
    path: Mapped[str] = mapped_column(String(255), primary_key=True)
    content: Mapped[bytes]


class MessageRow(Base):
    """A message that was sent: what it is about (`topic`), and how a later one refers to it."""

    __tablename__ = "messages"
    identifier: Mapped[str] = mapped_column(String(255), primary_key=True)
    plan_id: Mapped[str]
    topic: Mapped[str]
    reference: Mapped[str]
    sent: Mapped[str]


class AuditRow(Base):
    """One entry of the log: who did what to which plan, chained by signed hashes."""

    __tablename__ = "audit"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    time: Mapped[str]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]]
    before: Mapped[str]
    hash: Mapped[str]


class Store:
    """The records behind one URL, and the folder of the seals of their log."""

    def __init__(self, url: str, seals: Path) -> None:
        self.engine = open_database(url, Base.metadata)
        self.seals = Seals(seals)

    def put_run(self, **values: Any) -> None:
        """Add or replace a run in the catalogue."""
        transact(self.engine, lambda session: session.merge(RunRow(**values)))

    def drop_run(self, run_id: str) -> None:
        """Take a run out of the catalogue."""

        def drop(session: Session) -> None:
            row = session.get(RunRow, run_id)
            if row is not None:
                session.delete(row)

        transact(self.engine, drop)

    def runs(self) -> list[RunRow]:
        """Return every run, newest first."""
        rows = select(RunRow).order_by(RunRow.finished.desc())
        return transact(self.engine, lambda session: list(session.scalars(rows)), reads=True)

    def put_job(self, **values: Any) -> None:
        """Add or replace a job."""
        transact(self.engine, lambda session: session.merge(JobRow(**values)))

    def jobs(self) -> list[JobRow]:
        """Return every job, newest first."""
        rows = select(JobRow).order_by(JobRow.started.desc())
        return transact(self.engine, lambda session: list(session.scalars(rows)), reads=True)

    def put_draft(self, plan_id: str, run_id: str, body: dict[str, Any], *, actor: str) -> None:
        """Put a drafted plan on record unless it is there; drafts of the same run that say something else are superseded."""

        def put(session: Session) -> bool:
            if session.get(PlanRow, plan_id) is not None:
                return False
            drafts = select(PlanRow).where(PlanRow.run_id == run_id, PlanRow.state == "drafted")
            for older in session.scalars(drafts.with_for_update()):
                self._step(session, older, "superseded", actor)
            session.add(PlanRow(id=plan_id, run_id=run_id, state="drafted", revision=0, body=body))
            self._log(session, actor, "draft", plan_id, {"state": "drafted", "body": digest(body)})
            return True

        if not transact(self.engine, lambda session: session.get(PlanRow, plan_id) is not None, reads=True):
            self._logged(put)

    def plan(self, plan_id: str, *, actor: str) -> PlanRow:
        """Return a plan and log the access.

        Raises ScenarioError when there is none, RecordError for one that is not as the log says.
        """

        def read(session: Session) -> PlanRow:
            row = self._plan(session, plan_id)
            self._log(session, actor, "read", plan_id, {})
            return row

        return self._logged(read)

    def state(self, plan_id: str) -> str | None:
        """Return the state of a plan, None for one that is not on record; who looks at no more than this is not logged."""
        row = transact(self.engine, lambda session: session.get(PlanRow, plan_id), reads=True)
        return row.state if row is not None else None

    def step(
        self, plan_id: str, revision: int, state: str, *, actor: str, documents: Documents | None = None,
        noted: Mapping[str, Any] | None = None,
    ) -> PlanRow:  # fmt: skip
        """Put a plan of this `revision` into its next state with what is approved of it; plan and log are one transaction.

        The log keeps what is `noted` of the step.

        Raises ScenarioError when the plan has gone on since that revision.
        """

        def step(session: Session) -> PlanRow:
            row = self._current(session, plan_id, revision)
            for (form, path), content in (documents or {}).items():
                session.add(DocumentRow(plan_id=plan_id, format=form, path=path, content=content))
            self._step(session, row, state, actor, documents, noted)
            return row

        return self._logged(step)

    def documents(self, plan_id: str) -> Documents:
        """Return what was approved of a plan; raise RecordError when it is not as the log says."""
        rows = select(DocumentRow).where(DocumentRow.plan_id == plan_id)

        def read(session: Session) -> tuple[Documents, str | None]:
            found = {(row.format, row.path): row.content for row in session.scalars(rows)}
            return found, self._noted(session, plan_id, "documents")

        documents, noted = transact(self.engine, read, reads=True)
        if digest_of(documents) != noted:
            raise RecordError("plan_changed", plan=plan_id)
        return documents

    def send(
        self, plan_id: str, revision: int, messages: list[dict[str, str]], *, actor: str, state: str | None
    ) -> None:
        """Put messages of a plan of this `revision` on record as they go out, and the plan into its next state (None: it stays).

        Raises ScenarioError when the plan has gone on since that revision.
        """

        def send(session: Session) -> None:
            row = self._current(session, plan_id, revision)
            if state is not None:
                self._step(session, row, state, actor)
            session.add_all(MessageRow(plan_id=plan_id, **message) for message in messages)
            self._log(session, actor, "send", plan_id, {"messages": [m["identifier"] for m in messages]})

        self._logged(send)

    def references(self, plan_id: str) -> dict[str, list[str]]:
        """Return how a message refers to those sent of a plan before, the oldest first, by topic."""
        rows = select(MessageRow).where(MessageRow.plan_id == plan_id).order_by(MessageRow.sent, MessageRow.identifier)
        found: dict[str, list[str]] = {}
        for row in transact(self.engine, lambda session: list(session.scalars(rows)), reads=True):
            found.setdefault(row.topic, []).append(row.reference)
        return found

    def audit(self) -> list[AuditRow]:
        """Return the log in order."""
        rows = select(AuditRow).order_by(AuditRow.number)
        return transact(self.engine, lambda session: list(session.scalars(rows)), reads=True)

    def audit_faults(self) -> list[RecordError]:
        """Return what in log and plans is not as it was written: changed, put in, dropped; nothing when all holds."""
        rows, head, before = self.audit(), self.seals.head(), ""
        where, faults = str(self.seals.folder), []
        for expected, row in enumerate(rows, start=1):
            if row.number != expected or row.before != before or row.hash != self._signed(row):
                faults.append(RecordError("audit_chain", number=expected))
                break
            before = row.hash
        if head is None and rows:
            faults.append(RecordError("audit_head", where=where, count=len(rows)))
        if head is not None and head.number > len(rows):
            faults.append(RecordError("audit_cut", found=len(rows), expected=head.number))
        elif head is not None and rows[head.number - 1].hash != head.hash:
            faults.append(RecordError("audit_other", number=head.number, where=where))
        return faults + transact(self.engine, self._changed_plans, reads=True)

    def _changed_plans(self, session: Session) -> list[RecordError]:
        """Return the plans that are not as the log says they were written."""
        known = set(session.scalars(select(AuditRow.subject).where(AuditRow.action == "draft")))
        faults = []
        for plan_id in sorted(known | set(session.scalars(select(PlanRow.id)))):
            row = session.get(PlanRow, plan_id)
            documents = select(DocumentRow).where(DocumentRow.plan_id == plan_id)
            approved = {(d.format, d.path): d.content for d in session.scalars(documents)}
            if (
                row is None
                or not self._as_noted(session, row)
                or (digest_of(approved) if approved else None) != self._noted(session, plan_id, "documents")
            ):
                faults.append(RecordError("plan_changed", plan=plan_id))
        return faults

    def _plan(self, session: Session, plan_id: str) -> PlanRow:
        row = session.get(PlanRow, plan_id, with_for_update=True)
        if row is None:
            known = list(session.scalars(select(PlanRow.id)))
            if not known:
                raise ScenarioError("no_plans", found=plan_id)
            raise ScenarioError("unknown_plan", found=plan_id, expected=known[:5])
        if not self._as_noted(session, row):
            raise RecordError("plan_changed", plan=plan_id)
        return row

    def _current(self, session: Session, plan_id: str, revision: int) -> PlanRow:
        row = self._plan(session, plan_id)
        if row.revision != revision:
            raise ScenarioError("plan_moved", plan=plan_id, found=row.state)
        return row

    def _as_noted(self, session: Session, row: PlanRow) -> bool:
        body = {"state": row.state, "revision": row.revision}
        return digest(row.body) == self._noted(session, row.id, "body") and body.items() <= row.body.items()

    def _noted(self, session: Session, plan_id: str, what: str) -> str | None:
        """Return the hash of a plan's body or documents that the last entry on it holds; None where no entry has one."""
        entries = select(AuditRow).where(AuditRow.subject == plan_id, AuditRow.action != "read")
        for entry in session.scalars(entries.order_by(AuditRow.number.desc())):
            if what in entry.detail and entry.hash == self._signed(entry):
                return str(entry.detail[what])
        return None

    def _step(
        self, session: Session, row: PlanRow, state: str, actor: str, documents: Documents | None = None,
        noted: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        row.state, row.revision = state, row.revision + 1
        row.body = {**row.body, "state": state, "revision": row.revision}
        said = {**(noted or {}), "state": state, "body": digest(row.body)}
        self._log(session, actor, state, row.id, said | ({"documents": digest_of(documents)} if documents else {}))

    def _logged(self, work: Callable[[Session], Answer]) -> Answer:
        """Do work that writes entries, then put the head on the last of them."""

        def whole(session: Session) -> tuple[Answer, Head | None]:
            answer = work(session)
            session.flush()
            return answer, session.info.get("head")

        answer, head = transact(self.engine, whole)
        if head is not None:
            self.seals.move(head)
        return answer

    def _log(self, session: Session, actor: str, action: str, subject: str, detail: dict[str, Any]) -> None:
        """Add an entry; the head will go to it unless the log before it is not the one that the head vouches for."""
        if not actor.strip() or not actor.isprintable():
            raise ScenarioError("actor", found=actor)
        last = session.scalars(select(AuditRow).order_by(AuditRow.number.desc()).limit(1)).first()
        head = self.seals.head()
        vouched = session.get(AuditRow, head.number) if head is not None else None
        follows = last is None if head is None else vouched is not None and vouched.hash == head.hash
        row = AuditRow(
            number=last.number + 1 if last else 1,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            actor=actor,
            action=action,
            subject=subject,
            detail=detail,
            before=last.hash if last else "",
        )
        row.hash = self._signed(row)
        session.add(row)
        session.flush()
        if follows or "head" in session.info:
            session.info["head"] = Head(row.number, row.hash)

    def _signed(self, row: AuditRow) -> str:
        return self.seals.sign([row.number, row.time, row.actor, row.action, row.subject, row.detail, row.before])


def digest_of(documents: Documents) -> str:
    """Return the hash of what is approved of a plan."""
    return digest([[*name, hashlib.sha256(documents[name]).hexdigest()] for name in sorted(documents)])
