"""Every verification case of every room passes, or says why it was skipped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hydro.proofs import PROOFS
from scenarios.proofs import reference
from twin.proof import Proof, Reference

SLOW = {"ea4", "merewether", "okushiri", "bergermeer", "kowloon-drains", "screening", "subgrid", "restart"}


def marked(proof: Proof):
    case = proof.id.split("/")[1]
    marks = [pytest.mark.xdist_group(case)]  # rows of one case share one run
    marks += [pytest.mark.reference] if proof.data else []
    marks += [pytest.mark.slow] if case in SLOW else []
    return pytest.param(proof, marks=marks, id=proof.id)


@pytest.fixture(scope="module")
def data() -> Reference:
    return reference()


@pytest.mark.parametrize("proof", [marked(p) for p in PROOFS])
def test_proof(proof: Proof, data: Reference) -> None:
    row = proof.result(data)
    assert row["status"] != "fail", row
    if row["status"] in ("skipped", "reported"):
        assert row["reason"]
    else:
        assert row["bound_from"], "a bound says where it comes from"
    assert (row["status"] != "skipped") or not proof.data or data.root is None, row


def test_ids_are_unique() -> None:
    assert len({p.id for p in PROOFS}) == len(PROOFS)


def test_a_case_without_its_data_says_so() -> None:
    row = next(p for p in PROOFS if p.data).result(replace(reference(), root=None))
    assert row["status"] == "skipped" and "ANLAN_REFERENCE" in row["reason"]
