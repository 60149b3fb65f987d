"""Every verification case of the release passes, or says why it was skipped."""

from __future__ import annotations

import pytest

from evacuation.release.proofs import PROOFS
from scenarios.proofs import reference
from twin.proof import Proof

#: What `anlan verify release` runs and this file leaves to a slow run.
SLOW = {"mass", "restart", "prairie-grass", "lng", "particles", "near-source"}

#: What only `anlan verify release` runs: half a minute and more.
LONG = {"chilbolton", "ginninderra", "building-wind"}


def marked(proof: Proof):
    case = proof.id.split("/")[1]
    marks = [pytest.mark.xdist_group(f"release-{case}")]  # rows of one case share one run
    marks += [pytest.mark.reference] if proof.data else []
    marks += [pytest.mark.slow] if case in SLOW else []
    return pytest.param(proof, marks=marks, id=proof.id)


@pytest.mark.parametrize("proof", [marked(p) for p in PROOFS if p.id.split("/")[1] not in LONG])
def test_proof(proof: Proof) -> None:
    row = proof.result(reference())
    assert row["status"] != "fail", row
    assert row["bound_from"] if row["status"] == "pass" else row["reason"], row


def test_ids_are_those_that_the_issue_fixes() -> None:
    ids = [p.id for p in PROOFS]
    assert len(set(ids)) == len(ids)
    bounded = {p.id for p in PROOFS if p.bound is not None}
    fixed = (
        "plume",
        "puff",
        "mass",
        "prairie-grass",
        "indoor",
        "refine",
        "slab-dt4",
        "slab-burro",
        "lng",
        "street-grid",
        "well-mixed",
    )
    assert {f"release/{name}" for name in fixed} <= bounded
