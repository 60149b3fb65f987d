"""The command line: a thin door around the verbs of `scenarios`.

What computes is imported where it is used: a page of help waits for none of it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

import scenarios as sc
from scenarios.case.shelf import find, runs_folder
from scenarios.manual import Command, Group, UsageError, fronted, misuse
from scenarios.terminal import bar, list_library, list_places, print_findings, show, tell, tell_damaged, tell_unopened
from twin.errors import ScenarioError, SourceError, TwinError
from twin.words import LANGS, say, session_lang

app = typer.Typer(
    name="anlan",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    cls=Group,
    help="help.anlan",
)
city_app = typer.Typer(no_args_is_help=True, cls=Group, help="help.city")
plan_app = typer.Typer(no_args_is_help=True, cls=Group, help="help.plan")
audit_app = typer.Typer(no_args_is_help=True, cls=Group, help="help.audit")
app.add_typer(city_app, name="city")
app.add_typer(plan_app, name="plan")
app.add_typer(audit_app, name="audit")

DEMO = "plum-rain-night"


RunKey = Annotated[str, typer.Argument(help="help.run_key")]
Room = Annotated[str | None, typer.Argument(help="help.room")]
PlanId = Annotated[str, typer.Argument(help="help.plan.plan")]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="help.verify.json")]


def _speak(lang: str | None) -> None:
    if lang is not None:
        if lang not in LANGS:
            raise ScenarioError("language", found=lang, expected=LANGS)
        os.environ["ANLAN_LANG"] = lang


@app.callback()
def _options(
    lang: Annotated[str | None, typer.Option(callback=_speak, is_eager=True, help="help.lang")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="help.debug")] = False,
) -> None:
    os.environ["ANLAN_DEBUG"] = "1" if debug else ""


@app.command(cls=Command, help="help.demo")
def demo() -> None:
    """Run the main job on the demonstration city; the last line is the report's path."""
    case = sc.load(DEMO)
    with bar(case.title[session_lang()]) as move:
        run = sc.run(case, fresh=True, progress=move)
    tell(run)
    print(run.folder / "report.html")


@app.command("run", cls=Command, help="help.run")
def run_(
    scenario: Annotated[str | None, typer.Argument(help="help.run.scenario")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="help.run.set")] = None,
    members: Annotated[int | None, typer.Option("--members", metavar="N", help="help.run.members")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="help.run.fresh")] = False,
) -> None:
    """Run a scenario, or list what there is."""
    if scenario is None:
        list_library()
        raise typer.Exit(2)
    case = sc.load(scenario)
    for one in [*(setting or []), *([] if members is None else [f"ensemble.members={members}"])]:
        case = case.with_setting(one)
    with bar(case.title[session_lang()]) as move:
        run = sc.run(case, fresh=fresh, progress=move)
    tell(run)
    print(run.folder)


@app.command(cls=Command, help="help.runs")
def runs() -> None:
    """List finished runs."""
    from twin.sheet import COLOURS

    lang, found = session_lang(), sc.all_runs()
    tell_unopened()
    if not found:
        print(ScenarioError("no_runs", where=str(runs_folder())).message())
        return
    table = Table()
    for heading in ("id", say("report.name"), say("report.city"), say("report.finished"), "s"):
        table.add_column(
            heading,
            no_wrap=heading in ("id", say("report.finished")),
            min_width=18 if heading == say("report.name") else None,
        )
    table.add_column("/".join(say(f"level.{c}") for c in reversed(COLOURS)), min_width=17, no_wrap=True)
    for run in found:
        about = run.manifest
        counts = about["event"]["places"]
        table.add_row(
            run.id,
            about["name"][lang],
            about["city"],
            run.finished[5:],
            f"{about['wall_s']:.1f}",
            " / ".join(str(counts.get(c, "–")) for c in reversed(COLOURS)),
        )
    show(table)


@app.command(cls=Command, help="help.report")
def report(run: RunKey = "last") -> None:
    """Name the report of a run."""
    tell_damaged()
    print(find(run) / "report.html")


@app.command(cls=Command, help="help.export")
def export(
    run: RunKey,
    as_: Annotated[str, typer.Option("--as", metavar="FORMATS", help="help.export.as")],
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="help.plan.to")] = Path("outbox"),
) -> None:
    """Write the fields, places and draft plan of a run as files for other programs."""
    for path in sc.export_run(sc.find_run(run), to, as_.split(",")):
        print(path)


@app.command(cls=Command, help="help.compare")
def compare(runs: Annotated[list[str], typer.Argument(help="help.compare.runs")]) -> None:
    """Compare runs side by side."""
    found = [sc.find_run(r) for r in runs]
    table = Table("", *(f"{r.id}\n{r.manifest['name'][session_lang()]}" for r in found))
    for label, row in sc.compared(found, session_lang()).iterrows():
        table.add_row(str(label), *row)
    show(table)
    for other in found[1:]:
        told = "; ".join(sc.differing(found[0], other, session_lang())) or say("compare.alike")
        print(say("compare.differing", other=other.id, what=told))
        for line in (*sc.recoloured(found[0], other, session_lang()), *sc.told_apart(found[0], other, session_lang())):
            print(line)
    for note in sc.unlike(found, session_lang()):
        print(note)


@app.command(cls=Command, help="help.verify")
def verify(
    room: Room = None,
    only: Annotated[list[str] | None, typer.Option(metavar="ID", help="help.verify.only")] = None,
    json_: Json = None,
) -> None:
    """Run the verification cases; exit 1 when one fails."""
    from scenarios.proofs import run_proofs

    cases = run_proofs(room, only or ())
    table = Table(
        Column("id", overflow="fold"),
        Column(say("verify.metric"), overflow="fold"),
        Column(say("verify.value"), no_wrap=True),
        "",
        Column(say("verify.bound"), no_wrap=True),
        Column(say("verify.status"), no_wrap=True),
        Column(say("verify.reason"), overflow="fold"),
    )
    for case in cases:
        bound = "" if case["bound"] is None else f"{case['op']} {case['bound']}"
        table.add_row(
            case["id"],
            case["metric"],
            f"{case['value']:.4g}" if case["value"] is not None else "",
            case["unit"],
            bound,
            case["status"],
            case["reason"] or case["bound_from"] or "",
        )
    show(table)
    if json_ is not None:
        json_.write_text(json.dumps({"cases": cases}, ensure_ascii=False, indent=1), "utf-8")
    if any(case["status"] == "fail" for case in cases):
        raise typer.Exit(1)


@app.command(cls=Command, help="help.bench")
def bench(
    room: Room = None,
    only: Annotated[list[str] | None, typer.Option(metavar="ID", help="help.bench.only")] = None,
    json_: Json = None,
) -> None:
    """Run the benchmarks (from a checkout)."""
    if importlib.util.find_spec("benchmarks") is None:
        raise ScenarioError("no_benchmarks")
    arguments = [
        sys.executable,
        "-m",
        "benchmarks",
        *([room] if room else []),
        *(word for one in only or () for word in ("--only", one)),
        *(["--json", str(json_)] if json_ else []),
    ]
    raise typer.Exit(subprocess.call(arguments))


@app.command(cls=Command, help="help.desk")
def desk(
    port: Annotated[int, typer.Option(help="help.desk.port")] = 8501,
    browser: Annotated[bool, typer.Option(help="help.desk.browser")] = True,
) -> None:
    """Open the decision panel."""
    from scenarios.panel import open_panel

    raise typer.Exit(open_panel(port, browser=browser))


@app.command(cls=Command, help="help.doctor")
def doctor() -> None:
    """Say what is installed, what is missing and what that costs you."""
    from scenarios.doctor import examine

    table = Table(say("doctor.part"), say("doctor.state"), say("doctor.cost"))
    for part in examine():
        table.add_row(*part)
    show(table)


@app.command(hidden=True, cls=Command, help="help.schema")
def schema() -> None:
    """Print the JSON Schema of scenario files."""
    from scenarios.case.schema import json_schema

    print(json.dumps(json_schema(), ensure_ascii=False, indent=1))


@city_app.command("build", cls=Command, help="help.city.build")
def city_build(
    source: Annotated[Path, typer.Argument(help="help.city.source")],
    to: Annotated[Path | None, typer.Option(metavar="FOLDER", help="help.city.to")] = None,
) -> None:
    """Import real data into a standard city folder and print the check report."""
    from scenarios.case.build import build_city

    folder, findings = build_city(source, to)
    print_findings(findings)
    print(folder)


@city_app.command("check", cls=Command, help="help.city.check")
def city_check(city: Annotated[str, typer.Argument(help="help.city.checked")]) -> None:
    """Find the usual lies in a city's data."""
    from scenarios.case.build import check_any

    print_findings(check_any(city))


@city_app.command("show", cls=Command, help="help.city.show")
def city_show(
    city: Annotated[str, typer.Argument(help="help.city.city")] = "linjiang",
    to: Annotated[Path, typer.Option(metavar="FILE", help="help.city.png")] = Path("city.png"),
) -> None:
    """Draw a city and list what is in it."""
    from scenarios.case.home import city_folder
    from twin.bridge.maps import city_map

    found = sc.open_city(city)
    try:
        to.write_bytes(city_map(found))
    except OSError as error:
        raise SourceError("not_writable", where=str(to)) from error
    table = Table(say("city.layer"), say("city.count"), say("city.source"), say("city.basis"))
    counted = {"drains": len(found.drains.nodes) if found.drains else 0}
    for name in ("buildings", "roads", "population", "facilities", "blocks", "sensors", "levees"):
        counted[name] = len(getattr(found, name))
    for name, count in counted.items():
        layer = found.layers.get(name)
        said = str(count) if count or layer else "–"  # a layer that is missing is not one in which nothing stands
        table.add_row(name, said, layer.source if layer else "", layer.basis if layer else "")
    show(table)
    print(city_folder(city))
    print(to)


@city_app.command("places", cls=Command, help="help.city.places")
def city_places(
    city: Annotated[str, typer.Argument(help="help.city.city")] = "linjiang",
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="help.city.kind")] = None,
) -> None:
    """List the ids, kinds and names by which a scenario may name a place."""
    list_places(sc.open_city(city), kind)


@plan_app.command("draft", cls=Command, help="help.plan.draft")
def plan_draft(run: RunKey = "last") -> None:
    """Print the draft plan of a run."""
    from twin import phrases

    tell_damaged()
    found, lang = sc.find_run(run), session_lang()
    plan = sc.draft_plan(found)
    table = Table("#", say("report.deadline"), say("report.task"), say("report.unit"), say("report.crew"))
    for task in plan.tasks:
        text = phrases.task(task, lang)
        deadline = _lines(found.told(task.deadline), phrases.missing_lead(task, lang))
        crew = _lines(phrases.crew(task, lang), phrases.lateness(task, lang))
        table.add_row(task.id, deadline, text, say(f"unit.{task.unit}"), crew)
    show(table)
    if plan.conflicts:
        table = Table(*map(say, ("conflict.from", "conflict.place", "conflict.tasks", "conflict.what")))
        for one in plan.conflicts:
            begins = found.told(one.start)
            table.add_row(begins, one.place_name[lang], " ".join(one.tasks), phrases.conflict(one, lang))
        show(table)
    print(plan.id)


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _plan_id(plan: str) -> str:
    """Return the id of a plan; "last" is the draft of the newest run."""
    return sc.draft_plan(sc.find_run(plan)).id if plan == "last" else plan


@plan_app.command("approve", cls=Command, help="help.plan.approve")
def plan_approve(
    plan: PlanId,
    by: Annotated[str, typer.Option(metavar="OFFICE", help="help.plan.by")] = "duty-office",
    accept_conflicts: Annotated[bool, typer.Option("--accept-conflicts", help="help.plan.accept_conflicts")] = False,
) -> None:
    """Approve a drafted plan; the log keeps which office did, when, and how many conflicts it accepted."""
    approved = sc.approve(_plan_id(plan), actor=by, accept_conflicts=accept_conflicts)
    print(say("plan.is.approved", plan=approved.id))


@plan_app.command("export", cls=Command, help="help.plan.export")
def plan_export(
    plan: PlanId,
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="help.plan.to")] = Path("outbox"),
    formats: Annotated[str, typer.Option(help="help.plan.formats")] = "json,geojson,cap,html",
) -> None:
    """Write a plan as files for the city's platform."""
    for path in sc.export(sc.find_plan(_plan_id(plan), actor="export"), to, tuple(formats.split(","))):
        print(path)


@audit_app.command("verify", cls=Command, help="help.audit.verify")
def audit_verify() -> None:
    """Check that nothing in the log and in the plans was changed, put in or dropped; exit 1 when something was."""
    entries, faults = sc.audit()
    for fault in faults:
        print(fault.message())
    if faults:
        raise typer.Exit(1)
    print(say("audit.holds", count=entries))


def main() -> None:
    """Run the command line: one clear sentence for an error, exit code 1; 2 for a misused command; 130 for Ctrl-C."""
    try:
        code = app(fronted(sys.argv[1:]), prog_name="anlan", standalone_mode=False)
        if code == 130:  # typer's own answer to Ctrl-C
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except typer.Exit as stop:
        if stop.exit_code == 130:
            print(say("error.interrupted"), file=sys.stderr)
        sys.exit(stop.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        print(say("error.interrupted"), file=sys.stderr)
        sys.exit(130)
    except TwinError as error:
        if os.environ.get("ANLAN_DEBUG"):
            raise
        print(say("cli.error", text=error.message()), file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except Exception as error:
        if type(error).__module__.startswith("click") or hasattr(error, "exit_code"):  # typer's own usage errors
            if (told := misuse(error)) is not None:
                print(say("cli.error", text=told.message()), file=sys.stderr)
            sys.exit(2)
        if os.environ.get("ANLAN_DEBUG"):
            raise
        print(
            say("error.unexpected", kind=type(error).__name__, text=" ".join(str(error).split())[:300]),
            file=sys.stderr,
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
