"""What the command line tells on the way: progress, a run in a few lines, the scenarios there are, findings.

What computes is imported where it is used: a page of help waits for none of it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table

import scenarios as sc
from twin.errors import SourceError, TwinError
from twin.words import say, session_lang

if TYPE_CHECKING:
    from twin.city import City

#: Names come from files: a bracket or a colon in one is no colour and no picture.
PLAIN: dict[str, Any] = {"markup": False, "emoji": False}

talk = Console(stderr=True, **PLAIN)

WIDE = 180  # columns of a table that goes to a file or another program


def show(table: Table) -> None:
    """Print a table; elsewhere than on a terminal wide enough that no figure is cut."""
    for column in table.columns:
        column.overflow = "fold"  # a Chinese sentence has no spaces to break at, and would be cut
    console = Console(**PLAIN)
    (console if console.is_terminal else Console(width=WIDE, **PLAIN)).print(table)


@contextmanager
def bar(title: str) -> Iterator[Any]:
    """Yield the function that moves a progress bar on stderr; the bar is shown from the first move on.

    Who waits for kernels that are being compiled is told so.
    Ctrl-C is heeded at the next move, a second one at once: raised anywhere, Python drops it amid a destructor or a callback
    from C, and the run goes on.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from twin.jit import compiling

    pressed = []

    def stop(*_: Any) -> None:
        pressed.append(True)
        if len(pressed) > 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, stop)
    shown = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[doing]} {task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=talk,
    )
    row = shown.add_task(title, total=1.0, doing="")

    def move(share: float) -> None:
        if pressed:
            raise KeyboardInterrupt
        if talk.is_terminal:  # elsewhere rich shows nothing but an empty line
            shown.start()
        shown.update(row, completed=share, doing=say("desk.reporting" if share >= sc.COMPUTED else "desk.computing"))

    try:
        with compiling(lambda: talk.print(say("cli.compiling"))):
            yield move
    finally:
        if shown.live.is_started:
            shown.stop()
        signal.signal(signal.SIGINT, before)


def list_library() -> None:
    """Print the scenarios there are, by name and title and how long they take, and how to run one."""
    table = Table(Column("id", no_wrap=True), Column(say("report.name"), overflow="fold"), say("cli.takes"))
    for name, title in sc.titles(session_lang()).items():
        table.add_row(name, title, _takes(name))
    talk.print(say("cli.scenarios"))
    talk.print(table)


def _takes(name: str) -> str:
    """Return how long a scenario takes, in words; nothing where its file does not say."""
    try:
        minutes = sc.load(name).scenario.about_minutes
    except TwinError:  # its title says what is wrong with it
        return ""
    if minutes is None:
        return ""
    return say("cli.about_minutes", minutes=minutes) if minutes >= 1 else say("cli.under_minute")


def tell(run: sc.Run) -> None:
    """Print the run in a few lines: colours, balances, notes."""
    from twin import phrases
    from twin.sheet import COLOURS

    found = run.event
    counts = [(say(f"level.{c}"), found.places.get(c, "–")) for c in reversed(COLOURS)]
    counts += [(say("report.unknown"), found.unknown)] if found.unknown else []
    talk.print(", ".join(f"{name} {count}" for name, count in counts))
    for hazard, balance in run.balances.items():
        closed = {"error": balance["relative_error"], "tolerance": balance["tolerance"]}
        told = [say("cli.balance", hazard=run.sheet(hazard).name, **closed)]
        talk.print(
            (";" if session_lang() == "zh" else "; ").join(told + phrases.remarks(hazard, balance, session_lang()))
        )
    for code, values in run.notes:
        talk.print("- " + phrases.note(code, values, session_lang()), style="dim", soft_wrap=True)
    talk.print(say("cli.wall", seconds=run.manifest["wall_s"]))


def tell_unopened() -> None:
    """Name the runs that cannot be opened: kept in an older format, or damaged."""
    from scenarios.case.shelf import older_runs

    if older := older_runs():
        names = [folder.name for folder in older]
        talk.print(say("report.older", count=len(older), names=names), soft_wrap=True, markup=False)
    tell_damaged()


def tell_damaged() -> None:
    """Say of each damaged run what is wrong with it."""
    from scenarios.case.shelf import damaged_runs

    for fault in damaged_runs():
        talk.print(fault.message(), soft_wrap=True, markup=False)


def list_places(city: City, kind: str | None) -> None:
    """Print the places of a city, those of one kind or all; raise SourceError for a kind that it has nothing of."""
    found = city.listed()
    if kind is not None:
        kinds = sorted(set(found["kind"]))
        found = found[found["kind"] == kind]
        if not len(found):
            raise SourceError("unknown_place_kind", found=kind, expected=kinds)
    table = Table(Column("id", no_wrap=True), Column(say("city.kind"), no_wrap=True), say("report.name"))
    for row in found[["id", "kind", f"name_{session_lang()}"]].itertuples(index=False):
        table.add_row(*row)
    show(table)


def print_findings(findings: list[Any]) -> None:
    """Print what was found in a city's data."""
    table = Table(
        say("finding.what"),
        say("finding.count"),
        say("finding.worst"),
        say("finding.place"),
        say("finding.assumed"),
        show_lines=True,
    )
    for finding in findings:
        table.add_row(
            say(f"finding.{finding.code}", **finding.values),
            str(finding.count),
            finding.worst,
            finding.place,
            say(f"assumed.{finding.assumed}", **finding.values) if finding.assumed else "-",
        )
    show(table)
