"""An error says the same after a copy, a process border and the event loop of SimPy."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import simpy

from twin import words
from twin.errors import ContractError, NumericsError, ScenarioError, SourceError, TwinError

WAYS: dict[str, Callable[[TwinError], TwinError]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda error: pickle.loads(pickle.dumps(error)),
    "twice": lambda error: pickle.loads(pickle.dumps(copy.copy(error))),
    "args": lambda error: type(error)(*error.args),
}


@pytest.mark.parametrize("kind", [TwinError, SourceError, ScenarioError, ContractError, NumericsError])
@pytest.mark.parametrize("way", WAYS)
def test_an_error_that_is_made_again_is_the_same_error(kind: type[TwinError], way: str) -> None:
    error = kind("unknown_case", found="hydro/mas", near=["hydro/mass"])
    again = WAYS[way](error)
    assert type(again) is kind and (again.code, again.values) == (error.code, error.values)
    for lang in ("zh", "en"):
        assert again.message(lang) == error.message(lang) and "hydro/mass" in again.message(lang)


def test_a_note_on_an_error_is_kept_and_a_deep_copy_shares_no_value() -> None:
    error = SourceError("unknown_case", found="x", near=["y"])
    error.add_note("while reading a.tif")
    again = copy.deepcopy(error)
    assert again.__notes__ == ["while reading a.tif"]
    again.values["near"].append("z")
    assert error.values["near"] == ["y"]


def test_a_value_may_have_any_name() -> None:
    values = {"found": "x", "code": 3, "given": None, "self": 1}
    error = pickle.loads(pickle.dumps(ScenarioError("unknown_case", **values)))
    assert error.code == "unknown_case" and error.values == values


def test_an_error_in_a_process_of_simpy_ends_the_run_as_itself() -> None:
    def leave(env: simpy.Environment):
        yield env.timeout(1)
        raise NumericsError("unknown_case", found="x", near=[])

    env = simpy.Environment()
    env.process(leave(env))
    with pytest.raises(NumericsError) as caught:
        env.run()
    assert caught.value.values == {"found": "x", "near": []} and str(caught.value)


def fail(found: str) -> None:
    """Raise in a child process."""
    raise ScenarioError("unknown_case", found=found, near=["b"])


def test_an_error_in_a_child_process_arrives_as_itself() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        error = pool.submit(fail, "a").exception()
    assert isinstance(error, ScenarioError) and error.values == {"found": "a", "near": ["b"]}
    assert error.message("en") == ScenarioError("unknown_case", found="a", near=["b"]).message("en")


def test_a_list_has_the_commas_of_its_language() -> None:
    assert [words.written(["a", {"zh": "乙", "en": "b"}], lang) for lang in ("zh", "en")] == ["a、乙", "a, b"]
