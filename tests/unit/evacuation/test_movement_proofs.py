"""Every verification case of movement passes."""

from __future__ import annotations

import pytest

from evacuation.movement.proofs import PROOFS
from scenarios.proofs import reference
from twin.proof import Proof


@pytest.mark.parametrize("proof", [pytest.param(p, id=p.id, marks=pytest.mark.xdist_group("movement")) for p in PROOFS])
def test_movement_proof(proof: Proof) -> None:
    row = proof.result(reference())
    assert row["status"] == ("pass" if proof.bound is not None else "reported"), row
    assert row["bound_from"] if proof.bound is not None else row["reason"]
