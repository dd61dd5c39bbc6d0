import pytest

CHANNEL = '[channels.main]\nconnector = "counted"\nshop = 1\nkey = "canary-51c0"\n'
DROP = '[sources.erp]\ntype = "drop"\npath = "erp"\n'
SQLITE = '[sources.erp]\ntype = "sqlite"\npath = "pos.db"\nquery = "SELECT sku, quantity FROM stock"\n'


@pytest.mark.parametrize("source", [DROP, SQLITE])
def test_a_source_of_either_kind_may_lie_at_one_location(folder, source):
    assert folder.load(source + CHANNEL).sources["erp"].location is None
    assert folder.load(source + 'location = " JKT "\n' + CHANNEL).sources["erp"].location == "JKT"


@pytest.mark.parametrize("wrong", ['""', '" "', "7", '["JKT"]', '"J\\nT"', f'"{"x" * 201}"'])
def test_what_is_no_location_is_refused(folder, wrong):
    (problem,) = folder.problems(DROP + f"location = {wrong}\n" + CHANNEL)
    assert "sources.erp.location" in str(problem)
