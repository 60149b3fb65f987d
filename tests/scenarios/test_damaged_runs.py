"""A damaged run is told of and computed again; it is never answered from, and everything else goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

import desk.main
import scenarios as sc
from scenarios.case.manifest import FORMAT, MANIFEST
from scenarios.cli import app
from twin.errors import RecordError

NESTED = "[" * 100_000


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "{}", '{"finished": 3}', '{"finished": "2027", "format": "x"}', f'{{"finished": "2027", "format": {FORMAT}}}', NESTED, "\0", "\udcff"],
    ids=["empty", "cut", "list", "number", "nothing", "time", "format", "unsealed", "nested", "nul", "bytes"],
)  # fmt: skip
def test_one_manifest_that_is_none_takes_down_no_other_run(smoke: sc.Run, text: str) -> None:
    spoilt = smoke.folder.with_name("0123456789abcdef")
    shutil.copytree(smoke.folder, spoilt)
    (spoilt / MANIFEST).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert [run.id for run in sc.all_runs()] == [smoke.id] and sc.find_run("last").id == smoke.id
    (fault,) = sc.damaged_runs()
    assert (fault.code, fault.values["run"]) == ("run_damaged", spoilt.name)
    with pytest.raises(RecordError):
        sc.find_run(spoilt.name)
    for lang in ("zh", "en"):
        assert "anlan run" in fault.message(lang) and "manifest.json" in fault.message(lang)


def test_the_command_line_lists_what_can_be_opened_and_tells_the_rest(smoke: sc.Run) -> None:
    spoilt = smoke.folder.with_name("0123456789abcdef")
    shutil.copytree(smoke.folder, spoilt)
    (spoilt / MANIFEST).write_text("{", "utf-8")
    for command in (["runs"], ["plan", "draft", "last"]):
        shown = CliRunner().invoke(app, command)
        assert shown.exit_code == 0 and spoilt.name in shown.output, shown.output
    assert smoke.id in CliRunner().invoke(app, ["runs"]).output


def spoil(folder: Path, kind: str) -> str:
    """Damage a run and return the file that was hit."""
    chunks = sorted(p for p in (folder / "fields.zarr").rglob("c/**/*") if p.is_file())
    path = {"chunk": chunks[-1], "levels": folder / "levels.parquet", "plan": folder / "plan.json"}.get(
        kind, folder / MANIFEST
    )
    if kind in ("chunk", "plan"):
        path.unlink()
    elif kind == "levels":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        path.write_text(path.read_text("utf-8").replace('"seed": 7', '"seed": 8'), "utf-8")
    return path.relative_to(folder).as_posix()


@pytest.mark.parametrize("kind", ["chunk", "plan", "levels", "manifest"])
def test_a_run_that_is_not_as_it_was_sealed_is_computed_again_not_answered_from(
    smoke: sc.Run, anlan_home: Path, kind: str
) -> None:
    whole = smoke.fields["smoke"]["smoke_density"].values.copy()
    hit = spoil(smoke.folder, kind)
    for key in (smoke.id, "last", str(smoke.folder)):
        with pytest.raises(RecordError) as error:
            sc.find_run(key)
        assert error.value.code == "run_damaged" and hit in error.value.message("en")
    again = sc.run(sc.load(anlan_home / "smoke.yaml"))
    assert again.id == smoke.id and not sc.damaged_runs()
    assert (again.fields["smoke"]["smoke_density"].values == whole).all() and sc.find_run("last").id == smoke.id


def test_a_whole_run_is_still_answered_from_the_shelf(smoke: sc.Run, anlan_home: Path) -> None:
    before = (smoke.folder / MANIFEST).stat().st_mtime_ns
    assert (sc.run(sc.load(anlan_home / "smoke.yaml")).folder / MANIFEST).stat().st_mtime_ns == before


def test_a_kill_between_the_two_renames_loses_no_earlier_answer(smoke: sc.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first rename is done, the second never: what a kill there leaves."""
    aside = smoke.folder.with_name(f".{smoke.id}.earlier-0123abcd")
    smoke.folder.rename(aside)
    assert sc.find_run("last").id == smoke.id and sc.find_run("last").folder == smoke.folder and not aside.exists()


def test_a_run_replaced_while_killed_leaves_the_new_one(smoke: sc.Run) -> None:
    aside = smoke.folder.with_name(f".{smoke.id}.earlier-0123abcd")
    shutil.copytree(smoke.folder, aside)
    (aside / MANIFEST).write_text("{}", "utf-8")
    assert [run.id for run in sc.all_runs()] == [smoke.id] and not aside.exists()


def test_two_scenarios_that_ask_the_same_share_an_id_and_the_newest_answers(smoke: sc.Run) -> None:
    other = smoke.folder.parents[1] / "other" / smoke.id
    shutil.copytree(smoke.folder, other)
    assert sc.find_run(smoke.id[:6]).id == smoke.id and len(json.loads((other / MANIFEST).read_text())["files"]) > 5
    assert sc.find_run("other").folder.samefile(other)


def test_the_desk_opens_with_a_damaged_run_on_the_shelf_and_says_so(smoke: sc.Run) -> None:
    spoilt = smoke.folder.with_name("0123456789abcdef")
    shutil.copytree(smoke.folder, spoilt)
    (spoilt / MANIFEST).write_text("{", "utf-8")
    page = AppTest.from_file(str(Path(desk.main.__file__)), default_timeout=600).run()
    assert not page.exception and any(spoilt.name in box.value for box in page.warning)
    assert any(smoke.id[:6] in option for box in page.selectbox for option in box.options)
