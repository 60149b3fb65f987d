"""Every verification case of movement passes."""

from __future__ import annotations

import pytest

from evacuation.movement.proofs import PROOFS
from scenarios.proofs import reference
from twin.proof import Proof

#: Networks of a hundred thousand cars and real cities: they stand in `anlan verify movement`.
LONG = ("grid-50k", "grid-200k", "haidian", "huangpu", "porto-alegre", "wuxi-xinwu", "paradise", "bound-gap")


def marked(proof: Proof):
    marks = [pytest.mark.xdist_group("movement")] + ([pytest.mark.reference] if proof.data else [])
    return pytest.param(proof, id=proof.id, marks=marks)


@pytest.mark.parametrize("proof", [marked(p) for p in PROOFS if not p.id.split("/")[1].startswith(LONG)])
def test_movement_proof(proof: Proof) -> None:
    row = proof.result(reference())
    assert row["status"] != "fail", row
    assert row["reason"] if row["status"] in ("skipped", "reported") else row["bound_from"]
