# Each target sets up its own environment; nothing but python3 (>= 3.11), make and git is assumed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ANLAN_REFERENCE ?= $(abspath ../shared/reference)
export ANLAN_REFERENCE

.PHONY: demo test test-all check bench desk peers city clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $(READY)

demo: $(READY)   ## run the main job on the demonstration city and name the report
	$(BIN)/anlan demo

test: $(READY)   ## every test but the slow proofs; the browser test asks for Chromium and says so when it is absent
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow"

test-all: $(READY) ## every test, the slow proofs too
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: $(READY)  ## style, types, who may import whom, licences
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy twin scenarios hydro evacuation desk
	$(BIN)/lint-imports --no-cache
	$(BIN)/python .ci/licences.py

bench: $(READY)  ## benchmarks, written to benchmarks/results
	$(BIN)/anlan bench --json benchmarks/results/bench.json

desk: $(READY)   ## the decision panel in a browser
	$(BIN)/anlan desk

city: $(READY)   ## make the demonstration city again from its program
	$(BIN)/python -m data.linjiang.make_city

peers:           ## an environment with the tools the benchmarks compare with
	bash .ci/make_peers

clean:
	rm -rf $(VENV) .venv-peers .venv-peers-release .venv-peers-movement build dist
