"""Every verification case of the chain between hazards passes."""

from __future__ import annotations

import pytest

from scenarios.chain import PROOFS
from scenarios.proofs import reference, run_proofs
from twin.proof import Proof


@pytest.mark.parametrize("proof", [pytest.param(p, id=p.id, marks=pytest.mark.xdist_group("chain")) for p in PROOFS])
def test_chain_proof(proof: Proof) -> None:
    row = proof.result(reference())
    assert row["status"] == "pass" and row["bound_from"], row


def test_a_room_of_its_own_runs_them_all() -> None:
    assert [row["id"] for row in run_proofs("chain")] == [p.id for p in PROOFS]
    assert {row["id"].split("/")[1] for row in run_proofs("chain")} == {"flood-roads", "flood-tank", "cloud-people"}
    assert len({p.id for p in PROOFS}) == len(PROOFS)
