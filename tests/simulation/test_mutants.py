"""The list of mutants does not rot: each still names a text of the code. `make mutants` hunts them."""

import pytest
from mutants import MUTANTS, ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_one_place(mutant):
    code = (ROOT / mutant.file).read_text()

    assert code.count(mutant.before) == 1
    assert mutant.before != mutant.after
