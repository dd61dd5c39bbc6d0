"""What else is written about listings: which files, which locations, whether only these."""

import pytest

SOURCE = '[sources.erp]\ntype = "drop"\npath = "erp"\n'
SHOP = SOURCE + '[channels.main]\nconnector = "counted"\nshop = 1\nkey = "canary-51c0"\n'


def main(config):
    return config.channels["main"]


def test_nothing_of_it_is_there_by_default(folder):
    config = folder.load(SHOP)

    assert (config.bundles, main(config).listings) == (None, None)
    assert (main(config).locations, main(config).only_listed) == (None, False)


def test_files_are_relative_to_the_configuration(folder):
    config = folder.load(
        SHOP + '[channels.main.listings]\nfile = "lists/main.csv"\n[bundles]\nfile = "bundles.csv"\n'
    )

    assert main(config).listings.file == folder.at / "lists" / "main.csv"
    assert config.bundles.file == folder.at / "bundles.csv"


def test_listings_may_come_out_of_a_query(folder):
    listings = '[channels.main.listings]\npath = "erp.db"\nquery = "SELECT sku FROM article"\n'

    loaded = main(folder.load(SHOP + "only_listed = true\n" + listings))

    assert (loaded.listings.path, loaded.listings.file) == (folder.at / "erp.db", None)
    assert loaded.listings.query == "SELECT sku FROM article"
    assert loaded.only_listed


@pytest.mark.parametrize(
    ("listings", "message"),
    [
        ("", 'must have file = "listings.csv", or path = "erp.db" with query'),
        ('path = "erp.db"\n', 'must have file = "listings.csv", or path'),
        ('query = "SELECT 1"\n', 'must have file = "listings.csv", or path'),
        ('path = "erp.db"\nquery = " "\n', 'must have file = "listings.csv", or path'),
        ('file = "x.csv"\nquery = "SELECT 1"\n', "names both a file and a database: keep file, or path and"),
    ],
)
def test_listings_come_from_one_place(folder, listings, message):
    # `only_listed` is no second problem: a list was meant.
    [(where, _, told)] = folder.problems(SHOP + "only_listed = true\n[channels.main.listings]\n" + listings)

    assert where == "channels.main.listings"
    assert told.startswith(message)


def test_unknown_keys_name_the_nearest(folder):
    problems = folder.problems(
        SHOP + '[channels.main.listings]\nfiles = "x.csv"\n[bundles]\nfile = "b.csv"\nunit = 1\n'
    )

    assert ("channels.main.listings.files", 9, 'unknown key; did you mean "file"?') in problems
    assert ("bundles.unit", 12, "unknown key; known here: file") in problems


def test_a_table_of_bundles_names_its_file(folder):
    assert folder.problems(SHOP + "[bundles]\n") == [("bundles.file", 8, "is missing")]


def test_selling_only_what_is_listed_needs_a_list(folder):
    [(where, line, message)] = folder.problems(SHOP + "only_listed = true\n")

    assert (where, line) == ("channels.main.only_listed", 8)
    assert "[channels.main.listings]" in message


def test_some_locations_may_add_up(folder):
    loaded = main(folder.load(SHOP + 'warehouses = "single"\nlocations = ["JKT", "BDG", "JKT"]\n'))

    assert loaded.locations == ("JKT", "BDG")
    assert main(folder.load(SHOP + 'locations = "JKT"\n')).locations == ("JKT",)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("locations = []\n", "must name at least one location; left out, it means all"),
        ('locations = ["JKT", ""]\n', '"" is no location: write each as your system writes it'),
        ('locations = [" JKT"]\n', '" JKT" is no location'),
        ('locations = ["J\\tKT"]\n', '"J\\tKT" is no location'),
        (
            'locations = ["JKT"]\nwarehouses = { JKT = "1610" }\n',
            "says what the table warehouses says already",
        ),
    ],
)
def test_locations_that_cannot_add_up_are_refused(folder, keys, message):
    [(where, _, told)] = folder.problems(SHOP + keys)

    assert where == "channels.main.locations"
    assert told.startswith(message)
