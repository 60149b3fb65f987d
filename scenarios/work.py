"""The child process of a job: `python -m scenarios.work FOLDER` runs the case in FOLDER and reports into it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import scenarios
from scenarios.case.case import Case, load
from twin.errors import TwinError


def main(folder: Path) -> int:
    """Run the job's case; write `progress.json` on the way and `result.json` (run folder or error) at the end."""
    ask = json.loads((folder / "job.json").read_text("utf-8"))
    try:
        read = load(folder / "scenario.yaml")
        case = Case(read.raw, read.scenario, Path(ask["base"]), ask["where"])
        run = scenarios.run(
            case,
            fresh=ask["fresh"],
            progress=lambda share: _report(folder, share),
        )
    except TwinError as error:
        _write(folder / "result.json", {"code": error.code, "zh": error.message("zh"), "en": error.message("en")})
        return 1
    _write(folder / "result.json", {"run": str(run.folder)})
    return 0


def _report(folder: Path, share: float) -> None:
    """Say how far the run is; end it when someone has cancelled the job."""
    if (folder / "cancelled").exists():
        sys.exit(1)
    _write(folder / "progress.json", {"share": share})


def _write(path: Path, content: object) -> None:
    """Write whole or not at all: a reader never sees half a file."""
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    aside.replace(path)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
