"""Plans on record: one state, one step at a time; what is approved is kept to the byte and is what goes out."""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree
from sqlalchemy import delete, select, update
from typer.testing import CliRunner

import scenarios as sc
from scenarios.cli import app
from scenarios.runner.run import store
from scenarios.store.database import transact
from scenarios.store.records import AuditRow, DocumentRow, MessageRow, PlanRow
from twin import phrases
from twin.bridge import EXPORTERS, cap, plan_json
from twin.bridge.dossier import Dossier
from twin.errors import RecordError, ScenarioError, SourceError, TwinError
from twin.plan import Conflict


def codes(faults: list[RecordError]) -> set[str]:
    return {fault.code for fault in faults}


def messages(files: list[Path]) -> dict[str, dict[str, str]]:
    """Return the head of each message by its file."""
    tags = ("identifier", "sent", "msgType", "references", "note")
    found = {}
    for path in files:
        if path.suffix == ".xml":
            root = etree.parse(path).getroot()
            cap.check(root)
            found[path.name] = {tag: root.findtext(f"{{{cap.NAMESPACE}}}{tag}", "") for tag in tags}
    return found


@pytest.fixture
def plan(smoke: sc.Run, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> sc.Plan:
    """The draft of the run; its page says no more than what the plan is, but where a test looks at it (`whole_page`)."""

    def page(dossier: Dossier, folder: Path) -> list[Path]:
        (folder / "report.html").write_text(phrases.stamp(dossier.plan, "zh"), "utf-8")
        return [folder / "report.html"]

    if "whole_page" not in request.fixturenames:
        monkeypatch.setitem(EXPORTERS, "html", page)
    drafted = sc.draft_plan(smoke)
    assert drafted.tasks and drafted.alerts and sc.plan_state(drafted) == "drafted"
    return drafted


@pytest.fixture
def whole_page() -> None:
    """The test looks at the report as it is."""


def test_a_plan_with_conflicts_is_approved_only_by_who_accepts_them(
    smoke: sc.Run, plan: sc.Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = plan.tasks[0]
    open_ = Conflict("excluded", (task.id,), task.place, task.place_name, task.start, (task.hazard,))
    monkeypatch.setattr("scenarios.planning.draft.conflicts", lambda *_: (open_,))
    drafted = sc.draft_plan(smoke)
    store().put_draft(drafted.id, smoke.id, plan_json.to_dict(drafted), actor="anlan")
    with pytest.raises(ScenarioError, match=r"1 conflicts|1处冲突"):
        sc.approve(drafted.id, actor="duty-office")
    assert sc.plan_state(drafted) == "drafted"
    monkeypatch.setenv("ANLAN_LANG", "en")  # the option sets it
    said = CliRunner().invoke(app, ["--lang", "zh", "plan", "approve", drafted.id, "--accept-conflicts"])
    assert said.exit_code == 0 and "已批准" in said.stdout
    entry = next(row for row in reversed(store().audit()) if row.action == "approved")
    assert entry.subject == drafted.id and entry.detail["accepted_conflicts"] == 1 and not sc.audit()[1]


def test_after_approval_records_folder_and_export_say_approved(
    whole_page: None, smoke: sc.Run, plan: sc.Plan, tmp_path: Path
) -> None:
    approved = sc.approve(plan.id, actor="值班室")
    assert (approved.state, approved.revision) == ("approved", 1) and sc.plan_state(plan) == "approved"
    assert json.loads((smoke.folder / "plan.json").read_text("utf-8"))["state"] == "approved"
    assert "已批准" in (smoke.folder / "report.html").read_text("utf-8")
    assert sc.find_run(smoke.id).id == smoke.id and not sc.damaged_runs(), "the run is sealed again"
    files = sc.export(plan, tmp_path / "outbox", ("json", "html"))
    assert json.loads(files[0].read_text("utf-8"))["state"] == "approved" and "已批准" in files[1].read_text("utf-8")
    assert sc.plan_state(plan) == "exported"


def test_an_older_object_cannot_act(plan: sc.Plan, tmp_path: Path) -> None:
    approved = sc.approve(plan.id, actor="duty-office")
    sc.export(approved, tmp_path / "outbox", ("json",))
    for older, state in ((plan, "approved"), (plan, "refused"), (approved, "exported"), (approved, "expired")):
        with pytest.raises(ScenarioError) as error:
            sc.advance(older, state, actor="duty-office")
        assert error.value.code == "plan_moved" and error.value.values["found"] == "exported"
    with pytest.raises(ScenarioError, match="exported -> approved"):
        sc.approve(plan.id, actor="duty-office")
    assert sc.plan_state(plan) == "exported" and sc.audit()[1] == []


@pytest.mark.parametrize("office", ["", "  ", "a\nb", "\x1b[2J"])
def test_an_approval_needs_an_office(plan: sc.Plan, office: str) -> None:
    with pytest.raises(ScenarioError) as error:
        sc.approve(plan.id, actor=office)
    assert error.value.code == "actor" and sc.plan_state(plan) == "drafted"
    told = CliRunner().invoke(app, ["plan", "approve", plan.id, "--by", office])
    assert told.exit_code != 0 and sc.plan_state(plan) == "drafted"


def test_what_was_approved_goes_out_whatever_becomes_of_the_run(smoke: sc.Run, plan: sc.Plan, tmp_path: Path) -> None:
    sc.approve(plan.id, actor="duty-office")
    before = {p.name: p.read_bytes() for p in sc.export(plan, tmp_path / "a", ("json", "geojson", "html"))}
    (smoke.folder / "levels.parquet").write_bytes(b"altered")
    assert {p.name: p.read_bytes() for p in sc.export(plan, tmp_path / "b", ("json", "geojson", "html"))} == before
    shutil.rmtree(smoke.folder)
    assert {p.name: p.read_bytes() for p in sc.export(plan, tmp_path / "c", ("json", "geojson", "html"))} == before


def test_altered_levels_reach_neither_a_draft_s_export_nor_an_approval(
    smoke: sc.Run, plan: sc.Plan, tmp_path: Path
) -> None:
    levels = smoke.levels.assign(level="blue")
    levels.to_parquet(smoke.folder / "levels.parquet")
    for act in (lambda: sc.export(plan, tmp_path / "out"), lambda: sc.approve(plan.id, actor="duty-office")):
        with pytest.raises(RecordError) as error:
            act()
        assert error.value.code == "run_damaged" and "levels.parquet" in error.value.message("zh")
    assert not (tmp_path / "out").exists() and sc.plan_state(plan) == "drafted"


def test_a_plan_altered_by_hand_is_neither_exported_nor_approved(plan: sc.Plan, tmp_path: Path) -> None:
    altered = replace(plan, tasks=plan.tasks[1:])
    for act in (lambda: sc.export(altered, tmp_path), lambda: sc.advance(altered, "approved", actor="duty-office")):
        with pytest.raises(ScenarioError) as error:
            act()
        assert error.value.code == "plan_other"


def test_the_same_run_computed_again_keeps_the_approval(smoke: sc.Run, plan: sc.Plan, anlan_home: Path) -> None:
    sc.approve(plan.id, actor="duty-office")
    again = sc.run(sc.load(anlan_home / "smoke.yaml"), fresh=True)
    assert sc.draft_plan(again).id == plan.id and sc.plan_state(plan) == "approved"
    assert json.loads((again.folder / "plan.json").read_text("utf-8"))["state"] == "approved"


def test_a_refused_plan_does_not_go_out(plan: sc.Plan, tmp_path: Path) -> None:
    sc.advance(sc.advance(sc.approve(plan.id, actor="o"), "exported", actor="o"), "refused", actor="o")
    with pytest.raises(ScenarioError) as error:
        sc.export(plan, tmp_path / "out")
    assert error.value.code == "plan_closed" and not (tmp_path / "out").exists()


def test_each_message_has_its_own_identifier_and_refers_to_those_before(plan: sc.Plan, tmp_path: Path) -> None:
    start = datetime.now(UTC) - timedelta(seconds=1)
    draft = messages(sc.export(plan, tmp_path / "outbox"))
    sc.approve(plan.id, actor="duty-office")
    first, second = (messages(sc.export(plan, tmp_path / "outbox")) for _ in range(2))
    assert draft.keys() == first.keys() == second.keys() and draft
    every = [message for sent in (draft, first, second) for message in sent.values()]
    assert len({message["identifier"] for message in every}) == len(every)
    for name, message in draft.items():
        assert (message["msgType"], message["references"]) == ("Alert", "")
        assert first[name]["msgType"] == second[name]["msgType"] == "Update"
        before = f"{cap.SENDER},{message['identifier']},{message['sent']}"
        assert first[name]["references"] == before
        assert second[name]["references"].split()[0] == before and len(second[name]["references"].split()) == 2
        assert "approved" in first[name]["note"] and "drafted" in message["note"]
        assert all(start <= datetime.fromisoformat(m["sent"]) <= datetime.now(UTC) for m in (message, first[name]))


def test_a_full_disk_stops_an_export_and_leaves_the_earlier_one(
    plan: sc.Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sc.approve(plan.id, actor="duty-office")
    (kept,) = sc.export(plan, tmp_path / "outbox", ("json",))
    before, log = kept.read_bytes(), sc.audit()[0]

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("scenarios.planning.plans._write", full)
    with pytest.raises(SourceError) as error:
        sc.export(plan, tmp_path / "outbox")
    assert error.value.code == "disk_full" and str(tmp_path / "outbox") in error.value.message("zh")
    assert kept.read_bytes() == before and [p.name for p in (tmp_path / "outbox").iterdir()] == [plan.id]
    assert sc.audit()[0] == log + 1, "it was read, and nothing was sent"


def test_an_outbox_that_is_a_file_is_told(plan: sc.Plan, tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("")
    with pytest.raises(SourceError) as error:
        sc.export(plan, tmp_path / "outbox")
    assert error.value.code == "not_writable"


def test_a_database_that_is_full_is_one_clear_sentence_and_runs_are_still_listed(smoke: sc.Run, plan: sc.Plan) -> None:
    """SQLite's own full error, by its own limit."""
    with store().engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    for _ in range(200):
        try:
            sc.approve(plan.id, actor="duty-office" * 100)
        except SourceError as error:
            assert error.code == "disk_full" and "anlan.db" in error.message("en")
            break
        except ScenarioError:
            continue
    else:
        pytest.fail("the database never was full")
    assert [run.id for run in sc.all_runs()] == [smoke.id]
    shown = CliRunner().invoke(app, ["runs"])
    assert shown.exit_code == 0 and smoke.id in shown.output


def test_an_entry_that_was_changed_and_a_log_that_was_made_anew_are_found(plan: sc.Plan) -> None:
    sc.approve(plan.id, actor="duty-office")
    records = store()
    count, faults = sc.audit()
    assert count >= 3 and faults == []
    transact(records.engine, lambda s: s.execute(update(AuditRow).where(AuditRow.number == 2).values(actor="other")))
    assert [(f.code, f.values["number"]) for f in sc.audit()[1] if f.code == "audit_chain"] == [("audit_chain", 2)]

    def rehash(session) -> None:
        """Chain the whole log anew, as one would who has the database and not the key."""
        other, before = type(records.seals)(records.seals.folder.with_name("elsewhere")), ""
        for row in session.scalars(select(AuditRow).order_by(AuditRow.number)):
            row.before = before
            row.hash = before = other.sign(
                [row.number, row.time, row.actor, row.action, row.subject, row.detail, before]
            )

    transact(records.engine, rehash)
    assert {"audit_chain", "audit_other"} <= codes(sc.audit()[1])
    shown = CliRunner().invoke(app, ["audit", "verify"])
    assert shown.exit_code == 1 and "Audit:" in shown.output


def test_dropped_last_entries_are_found_and_stay_found(plan: sc.Plan) -> None:
    sc.approve(plan.id, actor="duty-office")
    count = sc.audit()[0]
    transact(store().engine, lambda s: s.execute(delete(AuditRow).where(AuditRow.number == count)))
    assert "audit_cut" in codes(sc.audit()[1])
    for _ in range(3):
        with pytest.raises(TwinError):
            sc.find_plan(plan.id, actor="duty-office")
        store()._logged(lambda s: store()._log(s, "duty-office", "look", plan.id, {}))
    assert codes(sc.audit()[1]) & {"audit_cut", "audit_other"}, "later entries do not hide it"


def test_a_plan_s_body_state_and_documents_changed_from_outside_are_found_and_not_used(
    plan: sc.Plan, tmp_path: Path
) -> None:
    sc.approve(plan.id, actor="duty-office")
    assert sc.audit()[1] == []
    engine = store().engine
    (row,) = transact(engine, lambda s: list(s.scalars(select(PlanRow))))
    for values in ({"body": {**row.body, "tasks": []}}, {"state": "exported"}, {"revision": 0}):
        transact(engine, lambda s, values=values: s.execute(update(PlanRow).values(**values)))
        assert codes(sc.audit()[1]) == {"plan_changed"}
        with pytest.raises(RecordError) as error:
            sc.export(plan, tmp_path / "out")
        assert error.value.code == "plan_changed" and "anlan audit verify" in error.value.message("zh")
        whole = {"body": row.body, "state": row.state, "revision": row.revision}
        transact(engine, lambda s, whole=whole: s.execute(update(PlanRow).values(**whole)))
    assert sc.audit()[1] == []
    transact(engine, lambda s: s.execute(update(DocumentRow).where(DocumentRow.format == "json").values(content=b"{}")))
    assert codes(sc.audit()[1]) == {"plan_changed"}
    with pytest.raises(RecordError):
        sc.export(plan, tmp_path / "out")
    transact(engine, lambda s: s.execute(delete(PlanRow)))
    assert codes(sc.audit()[1]) == {"plan_changed"} and not transact(
        engine, lambda s: list(s.scalars(select(MessageRow)))
    )


def test_a_head_that_is_gone_or_forged_is_told(plan: sc.Plan, anlan_home: Path) -> None:
    head = anlan_home / "audit" / "head.json"
    whole = head.read_text("utf-8")
    for text in ("{", json.dumps({**json.loads(whole), "number": 7}), None):
        head.write_text(text, "utf-8") if text is not None else head.unlink()
        assert codes(sc.audit()[1]) == {"audit_head"}
    head.write_text(whole, "utf-8")
    assert sc.audit()[1] == [] and (anlan_home / "audit" / "key").stat().st_mode & 0o077 == 0
    shown = CliRunner().invoke(app, ["audit", "verify"])
    assert shown.exit_code == 0 and "holds" in shown.output
