"""The crowd's verification cases pass; the long one, speed and density, stands in `anlan verify crowd`."""

from __future__ import annotations

import pytest

from evacuation.crowd.proofs import PROOFS
from scenarios.proofs import reference
from twin.proof import Proof

#: Corridors of tens of thousands of agent-seconds.
SLOW = ("A4", "A9", "people")


def marked(proof: Proof):
    case = proof.id.split("/")[1]
    marks = [pytest.mark.xdist_group(f"crowd-{case}")] + ([pytest.mark.reference] if proof.data else [])
    return pytest.param(proof, marks=[*marks, pytest.mark.slow] if case in SLOW else marks, id=proof.id)


@pytest.mark.parametrize("proof", [marked(p) for p in PROOFS if not p.id.startswith("crowd/A4")])
def test_proof(proof: Proof) -> None:
    row = proof.result(reference())
    assert row["status"] != "fail", row
    assert row["reason"] if row["status"] in ("skipped", "reported") else row["bound_from"]


def test_ids_are_unique() -> None:
    assert len({p.id for p in PROOFS}) == len(PROOFS)
