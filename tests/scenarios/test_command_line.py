"""What the command line says when it is asked: help, single cases, near matches."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from scenarios.cli import app, main
from scenarios.proofs import chosen
from twin.errors import TwinError

ROOT = Path(__file__).parents[2]


def anlan(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "ANLAN_LANG": "en", "COLUMNS": "120", **extra}
    return subprocess.run(
        [sys.executable, "-m", "scenarios.cli", *arguments],
        env=env, cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_one_case_or_all_under_it_are_verified(tmp_path: Path) -> None:
    ids = {}
    for only in ("hydro/chicago", "hydro/ritter"):
        done = anlan("verify", "hydro", "--only", only, "--json", str(tmp_path / "v.json"))
        assert done.returncode == 0, done.stderr
        ids[only] = [case["id"] for case in json.loads((tmp_path / "v.json").read_text("utf-8"))["cases"]]
    assert ids == {
        "hydro/chicago": ["hydro/chicago"],
        "hydro/ritter": ["hydro/ritter", "hydro/ritter/order", "hydro/ritter/inertial"],
    }


def test_several_cases_are_verified_at_once_in_the_order_of_the_table() -> None:
    ids = ["a/one", "a/one/deep", "a/two", "b/one"]
    assert chosen(ids, None, ("b/one", "a/one")) == ["a/one", "a/one/deep", "b/one"]
    assert chosen(ids, "a") == ids[:3] and chosen(ids, None) == ids
    with pytest.raises(TwinError, match="a/tow"):
        chosen(ids, None, ("a/one", "a/tow"))


def test_places_of_a_city_are_listed_by_id_kind_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for lang, name in (("en", "Lantern Alley"), ("zh", "花灯巷")):
        monkeypatch.setenv("ANLAN_LANG", lang)
        told = CliRunner().invoke(app, ["city", "places", "linjiang", "--kind", "venue"])
        assert told.exit_code == 0 and "venue-alley" in told.stdout and name in told.stdout
        assert "road-0704" not in told.stdout
    whole = CliRunner().invoke(app, ["city", "places"]).stdout
    assert all(
        word in whole
        for word in ("road-0704", "block-17", "south-works/T3", "levee-1", "gas_detector", "venue_gate", "conduit")
    )


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_kind_that_a_city_has_nothing_of_is_one_sentence_with_its_kinds(lang: str) -> None:
    told = anlan("city", "places", "linjiang", "--kind", "tanke", ANLAN_LANG=lang)
    assert told.returncode == 1 and not told.stdout and len(told.stderr.splitlines()) == 1
    assert "tanke" in told.stderr and "tank, " in told.stderr.replace("、", ", ")


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("verify", "hidro"), "hydro"),
        (("verify", "--only", "hydro/rittr"), "hydro/ritter"),
        (("bench", "hidro"), "hydro"),
        (("bench", "--only", "hydro/W1-f23"), "hydro/W1-f32"),
    ],
)
def test_an_unknown_room_or_case_is_one_sentence_with_near_matches(arguments: tuple[str, ...], near: str) -> None:
    for lang in ("zh", "en"):
        told = anlan(*arguments, ANLAN_LANG=lang)
        assert told.returncode == 1 and not told.stdout
        assert len(told.stderr.splitlines()) == 1 and arguments[-1] in told.stderr and near in told.stderr


def commands() -> list[tuple[str, ...]]:
    tree = {name: getattr(command, "commands", {}) for name, command in get_command(app).commands.items()}
    return [(), *((name,) for name in tree), *((name, sub) for name, below in tree.items() for sub in below)]


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_argument_and_option_is_explained_in_both_languages(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    pages = {}
    for lang in ("zh", "en"):
        monkeypatch.setenv("ANLAN_LANG", lang)
        told = CliRunner().invoke(app, [*path, "--help"], prog_name="anlan")
        assert told.exit_code == 0
        pages[lang] = [line.rstrip() for line in told.stdout.splitlines() if line.strip()]
    assert len(pages["zh"]) == len(pages["en"]) > 3
    rows = [line for line in pages["zh"] if line.startswith("  ")]
    assert rows and all(re.search("[\u4e00-\u9fff]", line) for line in pages["zh"])
    assert all(re.match(r"  \S+( \S+)*  +\S", line) for line in rows), "a name, then what it means"
    assert not re.search("[\u4e00-\u9fff]", "".join(pages["en"]))


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("--lang", "zh", "run", "--help"), {}),
        (("run", "--help", "--lang", "zh"), {}),
        (("run", "--lang=zh", "--help"), {"ANLAN_LANG": "en"}),
        (("run", "--help"), {"ANLAN_LANG": "zh"}),
        (("run", "--help"), {"ANLAN_LANG": "", "LC_ALL": "zh_CN.UTF-8"}),
    ],
)
def test_help_follows_the_language_wherever_it_is_said(arguments: tuple[str, ...], extra: dict[str, str]) -> None:
    told = anlan(*arguments, **extra)
    assert told.returncode == 0 and "用法: anlan run [SCENARIO]" in told.stdout and "Options" not in told.stdout


@pytest.mark.parametrize(
    ("line", "zh", "en"),
    [
        ("rnu", "没有命令rnu。相近的有:run", "has no command rnu. Near: run"),
        ("run --frsh", "没有选项--frsh。相近的有:--fresh", "has no option --frsh. Near: --fresh"),
        ("plan approve", "anlan plan approve缺少PLAN", "anlan plan approve lacks PLAN"),
        ("desk --port abc", "--port应为整数", "--port must be a whole number"),
        ("report a b", "不接受多余的b", "does not take b"),
        ("run x --set", "选项--set后面要有值", "option --set needs a value"),
        ("run --lang", "选项--lang后面要有值", "option --lang needs a value"),
    ],
)
def test_a_misused_command_is_one_sentence_and_exit_code_2(
    line: str, zh: str, en: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["anlan", *line.split()])
    for lang, sentence in (("zh", zh), ("en", en)):
        monkeypatch.setenv("ANLAN_LANG", lang)
        with pytest.raises(SystemExit) as stopped:
            main()
        told = capsys.readouterr()
        assert stopped.value.code == 2 and not told.out
        assert len(told.err.splitlines()) == 1 and sentence in told.err and "--help" in told.err


def test_the_list_of_scenarios_says_how_long_each_takes(tmp_path: Path) -> None:
    own = tmp_path / "scenarios"
    own.mkdir()
    text = (ROOT / "scenarios" / "library" / "levee-breach.yaml").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("about_minutes")]
    for name, said in (("short", "about_minutes: 0.4"), ("long", "about_minutes: 12"), ("unsaid", "")):
        (own / f"{name}.yaml").write_text("\n".join([*lines, said]), "utf-8")
    (own / "broken.yaml").write_text("schema: 2\n", "utf-8")
    for lang, short, long in (("zh", "不到1分钟", "约12分钟"), ("en", "under a minute", "about 12 min")):
        told = anlan("run", ANLAN_HOME=str(tmp_path), ANLAN_LANG=lang, COLUMNS="200")
        rows = {line.split()[1]: line for line in told.stderr.splitlines() if line.startswith("│")}
        assert short in rows["short"] and long in rows["long"] and {"broken", "levee-breach"} <= set(rows)
        assert all(not re.search("分钟| min", rows[name]) for name in ("unsaid", "broken"))


HEAVY = {"numba", "numpy", "pandas", "xarray", "geopandas", "scipy", "matplotlib", "rasterio", "sqlalchemy"}

LOADED = """import json, sys
from scenarios.cli import main
sys.argv = ["anlan", *sys.argv[1:]]
try:
    main()
except SystemExit:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize("line", ["--help", "plan --help", "rnu", "report no-such-run"])
def test_what_computes_is_not_loaded_for_a_page_of_help_a_slip_or_a_name(line: str, tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", LOADED, *line.split()],
        env={**os.environ, "ANLAN_HOME": str(tmp_path)}, cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    loaded = set(json.loads(told.stderr.splitlines()[-1]))
    assert "typer" in loaded and not loaded & HEAVY


def test_a_verb_is_there_when_it_is_used_and_another_is_not() -> None:
    code = "import sys, scenarios as sc; assert 'pandas' not in sys.modules; print(sc.load.__name__); sc.laod"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert told.stdout == "load\n" and "AttributeError" in told.stderr and "laod" in told.stderr


def test_what_draws_or_samples_is_not_loaded_with_the_verbs() -> None:
    code = "import json, sys, scenarios as sc; sc.load; print(json.dumps(sorted(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    loaded = set(json.loads(told.stdout))
    assert "scenarios.verbs" in loaded
    assert not loaded & {"matplotlib", "jinja2", "fontTools", "scipy.interpolate", "emcee"}


@pytest.mark.parametrize("width", ["40", "80"])
def test_no_chinese_word_of_a_page_of_help_is_cut(width: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = []
    for columns in (width, "1000"):
        monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.setenv("ANLAN_LANG", "zh")
        pages.append(CliRunner().invoke(app, ["--help"], prog_name="anlan").stdout)
    narrow, wide = ("".join(page.split()) for page in pages)
    assert sorted(narrow) == sorted(wide) and "…" not in narrow
