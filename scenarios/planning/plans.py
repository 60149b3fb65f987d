"""Plans on record: drafted, approved, exported.

The records alone say in which state a plan is. What is approved is kept with the approval, to the byte, and is what goes out
from then on, whatever becomes of the run.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scenarios.case import manifest
from scenarios.planning.dossier import dossier
from scenarios.planning.draft import draft_plan
from scenarios.runner.run import Run, find_run, store
from scenarios.store.disk import writing
from scenarios.store.folders import link, replaced, sweep
from scenarios.store.records import Documents
from twin.bridge import EXPORTERS, OF_RUNS, cap, plan_json
from twin.errors import RecordError, ScenarioError, SourceError
from twin.lease import NAME as LEASE
from twin.lease import scratch
from twin.plan import CLOSED, STATES, Plan

#: The formats of a plan, which are approved and exported with it.
OF_PLANS = tuple(form for form in EXPORTERS if form not in OF_RUNS)

#: The formats of which a run keeps a copy in its folder.
KEPT = ("json", "geojson", "html")


def find_plan(plan_id: str, *, actor: str) -> Plan:
    """Return a plan from the records; the access is logged under `actor` (an office, never a person)."""
    return plan_json.from_dict(store().plan(plan_id, actor=actor).body)


def plan_state(plan: Plan) -> str:
    """Return the state that the records hold of a plan; its own where they hold none."""
    return store().state(plan.id) or plan.state


def put_draft(run: Run) -> None:
    """Put the plan in a run's folder on record as a draft unless it is there."""
    kept = run.folder / "plan.json"
    plan = plan_json.from_dict(json.loads(kept.read_text("utf-8"))) if kept.exists() else draft_plan(run)
    _put(replace(plan, state="drafted", revision=0))


def approve(plan_id: str, *, actor: str) -> Plan:
    """Approve a drafted plan: its new state, what is approved of it and the log entry are one transaction.

    The copies in the run's folder say so too.
    """
    plan = find_plan(plan_id, actor=actor)
    moved, run = plan.to("approved"), find_run(plan.run_id)
    approved = _documents(run, moved, OF_PLANS)
    with writing(run.folder), replaced(run.folder) as (part, _):
        for path in (path for path in run.folder.rglob("*") if path.is_file() and path.name != LEASE):
            name = path.relative_to(run.folder)
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            link(path, part / name)
        _write({name: content for name, content in approved.items() if name[0] in KEPT}, part)
        (part / manifest.MANIFEST).unlink()
        manifest.seal(part, run.manifest)
        store().step(plan.id, plan.revision, moved.state, actor=actor, documents=approved)
    return moved


def advance(plan: Plan, state: str, *, actor: str) -> Plan:
    """Put a plan into its next state; the new state and the log entry are one transaction.

    Raises ScenarioError for a step that is not allowed, and for a plan that has gone on since it was read.
    """
    _check_current(plan, recorded := find_plan(plan.id, actor=actor))
    if state == "approved":
        return approve(plan.id, actor=actor)
    moved = recorded.to(state)
    store().step(moved.id, recorded.revision, state, actor=actor)
    return moved


def export(plan: Plan, folder: str | Path, formats: Sequence[str] = OF_PLANS, *, actor: str = "export") -> list[Path]:
    """Write a plan to a new folder in the asked formats and return the files; nothing is left when one format fails.

    A draft is written from its run. Of an approved plan goes out what was approved, and it is exported from then on. Each message
    goes out under an identifier of its own and refers to those about the same that went before.
    """
    _check_formats(formats, OF_PLANS)
    recorded, records, target = _recorded(plan, actor), store(), Path(folder) / plan.id
    if recorded.state in CLOSED:
        raise ScenarioError("plan_closed", plan=plan.id, found=recorded.state)
    if recorded.state == "drafted":
        documents = _documents(find_run(recorded.run_id), recorded, formats)
    else:
        approved = records.documents(plan.id)
        documents = {name: approved[name] for form in formats for name in sorted(approved) if name[0] == form}
    documents, messages = _sent(documents, records.references(plan.id))
    try:
        sweep(target.parent, target.name)
        with writing(target.parent), replaced(target) as (part, _):
            _write(documents, part)
            state = "exported" if "exported" in STATES[recorded.state] else None
            records.send(plan.id, recorded.revision, messages, actor=actor, state=state)
    except FileExistsError as error:
        raise SourceError("not_writable", where=str(folder)) from error
    return [target / path for _, path in documents]


def export_run(run: Run, folder: str | Path, formats: Sequence[str]) -> list[Path]:
    """Write what a run found, with its draft plan, to a new folder in the asked formats and return the files.

    Nothing is left when one format fails.
    """
    _check_formats(formats, tuple(EXPORTERS))
    documents, target = _documents(run, draft_plan(run), formats), Path(folder) / run.id
    if not documents:
        raise ScenarioError("export_nothing", run=run.id, found=list(formats), expected=sorted(EXPORTERS))
    try:
        sweep(target.parent, target.name)
        with writing(target.parent), replaced(target) as (part, _):
            _write(documents, part)
    except FileExistsError as error:
        raise SourceError("not_writable", where=str(folder)) from error
    return [target / path for _, path in documents]


def audit() -> tuple[int, list[RecordError]]:
    """Return how many entries the log has, and what in log and plans is not as it was written."""
    records = store()
    return len(records.audit()), records.audit_faults()


def write_kept(run: Run) -> None:
    """Write the copies of plan and report into the folder of a run that is being built."""
    plan = draft_plan(run)
    if plan_state(plan) == "drafted":
        _write(_documents(run, plan, KEPT), run.folder)
    else:  # the same run, computed again after an officer has acted on its plan
        approved = store().documents(plan.id)
        _write({name: content for name, content in approved.items() if name[0] in KEPT}, run.folder)


def _check_formats(formats: Sequence[str], known: Sequence[str]) -> None:
    unknown = [f for f in formats if f not in known]
    if unknown or not formats:
        raise ScenarioError("export_format", found=unknown, expected=sorted(known))


def _put(draft: Plan) -> None:
    store().put_draft(draft.id, draft.run_id, plan_json.to_dict(draft), actor="anlan")


def _recorded(plan: Plan, actor: str) -> Plan:
    """Return a plan as it stands on record, where a draft is put when it is not there.

    Raises ScenarioError for one that says something else than the one on record.
    """
    if plan.state == "drafted":
        _put(plan)
    recorded = find_plan(plan.id, actor=actor)
    _check_same(plan, recorded)
    return recorded


def _check_current(plan: Plan, recorded: Plan) -> None:
    if plan.revision != recorded.revision:
        raise ScenarioError("plan_moved", plan=plan.id, found=recorded.state)
    _check_same(plan, recorded)


def _check_same(plan: Plan, recorded: Plan) -> None:
    if plan_json.to_dict(replace(plan, state="drafted", revision=0)) != plan_json.to_dict(
        replace(recorded, state="drafted", revision=0)
    ):
        raise ScenarioError("plan_other", plan=plan.id)


def _documents(run: Run, plan: Plan, formats: Iterable[str]) -> Documents:
    """Return a plan of a run in some formats."""
    about = dossier(run, plan)
    with scratch("anlan-plan-") as folder:
        return {
            (form, path.relative_to(folder).as_posix()): path.read_bytes()
            for form in formats
            for path in EXPORTERS[form](about, folder)
        }


def _write(documents: Documents, folder: Path) -> None:
    """Write documents into a folder; a file that is there, and may have another name elsewhere, is left as it is there."""
    for (_, path), content in documents.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_bytes(content)


def _sent(documents: Documents, earlier: dict[str, list[str]]) -> tuple[Documents, list[dict[str, Any]]]:
    """Return documents with their messages as they go out now, and what the records keep of those."""
    moment, mark = datetime.now(UTC), uuid.uuid4().hex[:12]
    out, messages = dict(documents), []
    for name in (name for name in documents if name[0] == "cap"):
        topic = cap.topic(documents[name])
        out[name], reference, identifier = cap.sent(documents[name], moment, mark, earlier.get(topic, ()))
        messages.append({"identifier": identifier, "topic": topic, "reference": reference, "sent": moment.isoformat()})
    return out, messages
