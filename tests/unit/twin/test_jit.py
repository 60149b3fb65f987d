"""The kernel cache: kept between processes, and emptied for the one room in which a text changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from twin import jit

ROOMS = {
    "alpha/kernels/inner.py": "from twin.jit import kernel\n\n\n@kernel(inline=True)\ndef double(x):\n    return 2 * x\n",
    "alpha/kernels/outer.py": "from alpha.kernels.inner import double\nfrom twin.jit import kernel\n\n\n"
    "@kernel\ndef run(x):\n    return double(x)\n",
    "beta/deep/kernels/outer.py": "from twin.jit import kernel\n\n\n@kernel\ndef run(x):\n    return x + 1\n",
    "beta/loop.py": "from twin.jit import kernel\n\n\n@kernel\ndef run(x):\n    return x\n",
}

CALL = """
import json
from alpha.kernels.outer import run as alpha
from beta.deep.kernels.outer import run as beta
from beta.loop import run as loop
values = [f(3) for f in (alpha, beta, loop)]
print(json.dumps({"values": values, "from_cache": [sum(f.stats.cache_hits.values()) for f in (alpha, beta, loop)]}))
"""


def call(folder: Path) -> dict[str, list[int]]:
    """Call the three functions in a new process."""
    env = os.environ | {
        "ANLAN_KERNEL_CACHE": str(folder / "cache"),
        "PYTHONPATH": os.pathsep.join((str(folder), str(Path(jit.__file__).parents[1]))),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    said = subprocess.run([sys.executable, "-c", CALL], env=env, cwd=folder, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def test_an_edit_in_an_imported_kernel_compiles_its_own_room_again_and_no_other(tmp_path: Path) -> None:
    for name, text in ROOMS.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in path.relative_to(tmp_path).parents[:-1]:
            (tmp_path / folder / "__init__.py").touch()
        path.write_text(text, "utf-8")
    assert call(tmp_path) == {"values": [6, 4, 3], "from_cache": [0, 0, 0]}
    assert call(tmp_path) == {"values": [6, 4, 3], "from_cache": [1, 1, 0]}
    inner = tmp_path / "alpha/kernels/inner.py"
    inner.write_text(inner.read_text("utf-8").replace("2 * x", "5 * x"), "utf-8")
    assert call(tmp_path) == {"values": [15, 4, 3], "from_cache": [0, 1, 0]}
    assert {folder.name.rpartition("-")[0] for folder in (tmp_path / "cache").iterdir()} == {"alpha", "deep"}


def test_the_key_holds_the_decorator_numba_and_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text("", "utf-8")
    key = jit.kernel_fingerprint.__wrapped__
    keys = [key(tmp_path), key(tmp_path)]
    assert keys[0] == keys[1]
    with monkeypatch.context() as patched:
        patched.setattr(numba, "__version__", "0.0")
        keys.append(key(tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr(jit.llvm, "get_host_cpu_name", lambda: "another")
        keys.append(key(tmp_path))
    with monkeypatch.context() as patched:
        edited = tmp_path.parent / "jit.py"
        edited.write_text(Path(jit.__file__).read_text("utf-8") + "\n", "utf-8")
        patched.setattr(jit, "__file__", str(edited))
        keys.append(key(tmp_path))
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "b.py").write_text("A = 1\n", "utf-8")
    keys.append(key(tmp_path))
    assert len(set(keys[1:])) == 5


def test_a_bare_kernel_may_write_arrays_and_make_none() -> None:
    def fill(values):
        values[:] = 2.0

    def make(count):
        return np.zeros(count)

    given = np.zeros(3)
    jit.kernel(fill, bare=True)(given)
    assert given.tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(numba.core.errors.NumbaError, match="zeros"):
        jit.kernel(make, bare=True)(3)
