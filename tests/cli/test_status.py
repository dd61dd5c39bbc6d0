import json

from tests.cli.conftest import end, read_until

COUNTS = ("listings", "in_sync", "due", "in_flight", "deferred", "rejected", "held")


def test_where_nothing_has_run_it_says_so(offline_shop):
    answer = offline_shop.call("status")
    assert answer.exit_code == 1
    assert "nothing has run here yet" in answer.stderr


def test_each_channel_and_source_is_told_as_json_with_counts_that_add_up(shop):
    shop.export("a.csv", {"SKU-1": 1, "SKU-2": 2, "UNKNOWN-1": 3})
    shop.call("reconcile")
    standing = json.loads(shop.call("status", "--json").stdout)
    assert standing["running"] is False
    for channel in standing["channels"].values():
        assert channel["listings"] == 3 == sum(channel[count] for count in COUNTS[1:])
        assert (channel["in_sync"], channel["rejected"]) == (2, 1)
        assert channel["pushed_at"].endswith("Z")
    source = standing["sources"]["erp"]
    assert (source["levels"], source["missed"], source["imports_held"]) == (3, 0, 0)
    assert source["too_old"] is False


def test_what_a_marketplace_applies_later_is_accepted_and_not_verified(shop):
    shop.export("a.csv", {"SKU-1": 1, "SKU-2": 2, "UNKNOWN-1": 3})
    shop.call("reconcile")
    channels = json.loads(shop.call("status", "--json").stdout)["channels"]
    told = {name: (one["verified"], one["accepted"]) for name, one in channels.items()}
    assert told == {"tokopedia-sandbox": (2, 0), "tocobagus-sandbox": (0, 2)}
    page = shop.call("status").stdout
    assert "tocobagus-sandbox: 2 in sync are accepted: taken, to be applied later" in page
    assert "tokopedia-sandbox: 2 in sync are accepted" not in page


def test_a_channel_and_a_source_that_never_ran_are_all_zeros(shop):
    shop.export("a.csv", {"SKU-1": 1})
    shop.call("reconcile")
    more = shop.config.read_text() + (
        '[channels.new]\nconnector = "tokopedia"\nfs_id = 9\nshop_id = 9\nclient_id = "n"\nclient_secret = "nnnn"\n'
        '[sources.pos]\ntype = "sqlite"\npath = "pos.db"\nquery = "SELECT 1"\n'
    )
    shop.config.write_text(more)
    standing = json.loads(shop.call("status", "--json").stdout)
    assert {standing["channels"]["new"][count] for count in COUNTS} == {0}
    assert standing["channels"]["new"]["pushed_at"] is None
    assert standing["sources"]["pos"]["data_at"] is None
    page = shop.call("status").stdout
    assert "never" in page
    assert "pos: nothing has come in yet" in page


def test_beside_a_daemon_it_says_that_it_runs(shop):
    daemon = shop.start("run")
    try:
        read_until(daemon.stderr, "daemon_started")
        assert json.loads(shop.run("status", "--json").stdout)["running"] is True
    finally:
        end(daemon)
    assert "no daemon runs" in shop.call("status").stdout


def test_a_held_channel_says_why_and_what_to_do(shop, sandbox):
    shop.export("a.csv", {"SKU-1": 1})
    sandbox.fault(kind="status", marketplace="tokopedia", status=403, times=None, message="moved away")
    shop.call("reconcile")
    channel = json.loads(shop.call("status", "--json").stdout)["channels"]["tokopedia-sandbox"]
    assert channel["held"] == 1
    assert channel["hold"]["since"].endswith("Z")
    page = shop.call("status").stdout
    assert "tokopedia-sandbox: held since" in page
    assert "syncd retry --channel tokopedia-sandbox" in page


def test_a_page_for_a_pipe_has_neither_tabs_nor_colours(shop):
    shop.export("a.csv", {"SKU-1": 1})
    shop.call("reconcile")
    page = shop.run("status").stdout
    assert "\t" not in page
    assert "\x1b" not in page
