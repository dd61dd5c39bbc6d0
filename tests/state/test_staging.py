import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.comparison import Comparison
from state.database import Database
from state.losses import Earlier
from state.registry import Registry
from state.staging import Duplicates, StagedRow, Staging, StockChange
from state.stock import StockBook
from tests.support.planned import planning_of

KEYS = [(sku, location) for sku in "ABC" for location in ("", "JKT")]

rows = st.lists(
    st.tuples(st.sampled_from(KEYS), st.none() | st.integers(0, 3)).map(lambda pair: (*pair[0], pair[1])),
    max_size=8,
)


class Warehouse:
    def __init__(self, path: Path):
        self.path = path
        self.database = Database(path)
        self.registry = Registry(self.database)
        self.configure("erp", "pos")
        channel = self.registry.register_channel("shop", "acc", 1).channel_id
        self.book = StockBook(self.database, {channel: planning_of(self.registry, channel)})

    def configure(self, *sources: str) -> None:
        self.ids = self.registry.register_sources(list(sources))

    def say(
        self, said, *, source="erp", whole=True, zero_missing=False, sure=True, duplicates=Duplicates.REJECT
    ) -> tuple[Comparison, list[StagedRow]]:
        """One import, from rows to stored stock levels."""
        with Staging(self.path, self.ids[source], duplicates) as staging:
            staging.load(numbered(said))
            refused = [*staging.drop_duplicates(), *staging.drop_claimed()]
            comparison = staging.compare(whole=whole, zero_missing=zero_missing, sure=sure, since=0)
            changes = staging.changes().take(1_000)
        if changes:
            self.book.apply(1, self.ids[source], changes, 1)
        return comparison, refused

    def levels(self) -> dict[tuple[str, str], tuple[int, int]]:
        with self.database.read() as connection:
            found = connection.exec_driver_sql("SELECT sku, location, quantity, missed FROM stock").fetchall()
        return {(sku, location): (quantity, missed) for sku, location, quantity, missed in found}


def numbered(said) -> Iterator[tuple[str, str, int | None, int]]:
    return ((*row, line) for line, row in enumerate(said, 2))


@pytest.fixture
def warehouse(tmp_path):
    one = Warehouse(tmp_path / "state.db")
    yield one
    one.database.close()


def merged(said, policy: Duplicates) -> tuple[dict, set]:
    """What an import says, and which keys stand in it more than once."""
    found: dict[tuple[str, str], list[int | None]] = {}
    for sku, location, quantity in said:
        found.setdefault((sku, location), []).append(quantity)
    result = {}
    for key, values in found.items():
        known = [value for value in values if value is not None]
        match policy:
            case _ if len(values) == 1:
                result[key] = values[0]
            case Duplicates.REJECT:
                result[key] = None
            case Duplicates.SUM:
                result[key] = sum(known) if known else None
            case Duplicates.MIN:
                result[key] = min(known, default=None)
            case Duplicates.LAST:
                result[key] = values[-1]
    return result, {key for key, values in found.items() if len(values) > 1}


def expected(before, said, *, whole: bool, zero_missing: bool):
    """The figures and the stock levels that follow, in plain Python."""
    after = dict(before)
    counts = dict.fromkeys(("missing", "missing_shown", "new", "up", "down", "zeroed", "relisted"), 0)
    listed = {key: quantity for key, (quantity, missed) in before.items() if not missed}
    units = units_after = sum(listed.values())
    for key, quantity in said.items():
        old = before.get(key, (None, 0))[0]
        if quantity is None:
            if old is not None:
                after[key] = (old, 0)
                counts["relisted"] += key not in listed
                units_after += 0 if key in listed else old
            continue
        after[key] = (quantity, 0)
        counts["relisted"] += old == quantity and key not in listed
        if old is None:
            counts["new"] += 1
        elif quantity > old:
            counts["up"] += 1
        elif quantity < old:
            counts["zeroed" if quantity == 0 else "down"] += 1
        units_after += quantity - listed.get(key, 0)
    for key, (old, missed) in before.items():
        if not whole or key in said:
            continue
        counts["missing"] += not missed
        counts["missing_shown"] += old > 0
        units_after -= 0 if missed else old
        zero = zero_missing and missed
        counts["zeroed"] += bool(zero and old)
        after[key] = (0 if zero else old, 1)
    figures = Comparison(
        levels=len(before), earlier=Earlier(), known=len(listed), known_shown=sum(quantity > 0 for quantity in listed.values()), known_units=units,
        units_after=units_after, rows=len(said), **counts,
    )  # fmt: skip
    return figures, after


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(rows, st.sampled_from(Duplicates), st.booleans(), st.booleans()), min_size=1, max_size=4
    )
)
def test_the_figures_and_the_levels_are_what_plain_python_says(imports):
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder) / "state.db")
        levels = {}
        for said, policy, whole, zero_missing in imports:
            listed, twice = merged(said, policy)
            figures, levels = expected(levels, listed, whole=whole, zero_missing=zero_missing)

            comparison, refused = warehouse.say(
                said, duplicates=policy, whole=whole, zero_missing=zero_missing
            )

            assert replace(comparison, earlier=Earlier()) == figures
            assert warehouse.levels() == levels
            assert {row[:2] for row in refused} == (twice if policy is Duplicates.REJECT else set())
        warehouse.database.close()


def test_a_sku_that_stands_twice_is_bad_but_not_missing(warehouse):
    """An export that repeats its fault each night must not zero what it lists."""
    warehouse.say([("A", "", 5), ("B", "", 1)])
    for _ in range(3):
        comparison, refused = warehouse.say([("A", "", 4), ("A", "", 3), ("B", "", 1)], zero_missing=True)

        assert refused == [StagedRow("A", "", 2, "2")]
        assert (comparison.missing, comparison.zeroed) == (0, 0)
    assert warehouse.levels()["A", ""] == (5, 0)


@pytest.mark.parametrize(
    ("policy", "quantity", "line"),
    [(Duplicates.SUM, 9, 2), (Duplicates.MIN, 1, 2), (Duplicates.LAST, 3, 4)],
)
def test_rows_that_stand_more_than_once_are_merged_as_configured(warehouse, policy, quantity, line):
    with Staging(warehouse.path, warehouse.ids["erp"], policy) as staging:
        staging.load(numbered([("A", "", 1), ("A", "", 5), ("A", "", 3)]))
        assert list(staging.drop_duplicates()) == []
        staging.compare(whole=True, zero_missing=False, sure=True, since=0)

        assert staging.changes().take(9) == [StockChange("A", "", quantity, line, 0)]


def test_what_another_configured_source_has_said_is_refused_with_its_name(warehouse):
    warehouse.say([("A", "", 5)], source="erp")

    comparison, refused = warehouse.say([("A", "", 9), ("A", "JKT", 1)], source="pos")

    assert refused == [StagedRow("A", "", 2, "erp")]
    assert (comparison.new, comparison.rows) == (1, 1)
    assert warehouse.levels() == {("A", ""): (5, 0), ("A", "JKT"): (1, 0)}


def test_what_a_source_said_that_is_configured_no_longer_may_be_taken_over(warehouse):
    warehouse.say([("A", "", 5)], source="erp")
    warehouse.configure("pos")

    comparison, refused = warehouse.say([("A", "", 9)], source="pos")

    assert (refused, comparison.new) == ([], 1)
    assert warehouse.levels() == {("A", ""): (9, 0)}


def test_a_blank_quantity_leaves_the_stock_and_is_not_missing(warehouse):
    warehouse.say([("A", "", 5)])

    comparison, _ = warehouse.say([("A", "", None), ("new", "", None)], zero_missing=True)

    assert (comparison.missing, comparison.changed, comparison.rows) == (0, 0, 2)
    assert warehouse.levels() == {("A", ""): (5, 0)}


def test_what_is_missing_once_is_kept_and_zeroed_the_second_time(warehouse):
    warehouse.say([("A", "", 5), ("B", "", 1)])

    first, _ = warehouse.say([("B", "", 1)], zero_missing=True)
    assert (first.missing, first.missing_shown, first.changed) == (1, 1, 0)
    assert warehouse.levels()["A", ""] == (5, 1)

    second, _ = warehouse.say([("B", "", 1)], zero_missing=True)
    assert (second.missing, second.missing_shown, second.zeroed) == (0, 1, 1)
    assert warehouse.levels()["A", ""] == (0, 1)

    third, _ = warehouse.say([("B", "", 1)], zero_missing=True)
    assert (third.missing, third.missing_shown, third.zeroed) == (0, 0, 0)


@pytest.mark.parametrize("between", [("A", "", 5), ("A", "", None)])
def test_what_was_there_in_between_is_not_missing_twice_in_a_row(warehouse, between):
    warehouse.say([("A", "", 5), ("B", "", 1)])
    warehouse.say([("B", "", 1)], zero_missing=True)
    warehouse.say([between, ("B", "", 1)], zero_missing=True)

    warehouse.say([("B", "", 1)], zero_missing=True)

    assert warehouse.levels()["A", ""] == (5, 1)


def test_missing_is_kept_for_ever_where_the_policy_says_so(warehouse):
    warehouse.say([("A", "", 5), ("B", "", 1)])
    for _ in range(3):
        warehouse.say([("B", "", 1)], zero_missing=False)

    assert warehouse.levels()["A", ""] == (5, 1)


def test_changes_never_make_anything_missing(warehouse):
    warehouse.say([("A", "", 5), ("B", "", 1)])

    comparison, _ = warehouse.say([("B", "", 0)], whole=False, zero_missing=True)

    assert (comparison.missing, comparison.zeroed, comparison.units_after) == (0, 1, 5)
    assert warehouse.levels()["A", ""] == (5, 0)


def test_the_dangerous_direction_goes_first(warehouse):
    many = [(f"S{number:05}", "", 5) for number in range(20)]
    warehouse.say([*many, ("zeroed", "", 5), ("less", "", 5)])

    with Staging(warehouse.path, warehouse.ids["erp"], Duplicates.REJECT) as staging:
        more = [(sku, location, quantity + 1) for sku, location, quantity in many]
        staging.load(numbered([*more, ("less", "", 4), ("zeroed", "", 0), ("new", "", 1)]))
        staging.compare(whole=True, zero_missing=False, sure=True, since=0)
        changes = staging.changes()
        first, others, after_them = changes.take(2), changes.take(99), changes.take(99)

    assert [change.sku for change in first] == ["zeroed", "less"]
    assert (len(others), after_them) == (21, [])


def test_once_compared_the_state_is_read_no_more_so_that_its_journal_can_be_emptied(warehouse):
    warehouse.say([("A", "", 5)])

    with Staging(warehouse.path, warehouse.ids["erp"], Duplicates.REJECT) as staging:
        staging.load(numbered([("A", "", 4)]))
        assert not [*staging.drop_claimed()]
        warehouse.say([("B", "", 1)], whole=False)
        assert not warehouse.database.truncate_wal()
        staging.compare(whole=True, zero_missing=False, sure=True, since=0)
        warehouse.say([("C", "", 1)], whole=False)

        assert warehouse.database.truncate_wal()
        assert [change.sku for change in staging.changes().take(9)] == ["A"]


def test_an_unchanged_import_has_nothing_to_store(warehouse):
    said = [("A", "", 5), ("B", "JKT", 0)]
    warehouse.say(said)

    comparison, _ = warehouse.say(said)

    assert comparison.changed == 0
    with Staging(warehouse.path, warehouse.ids["erp"], Duplicates.REJECT) as staging:
        staging.load(numbered(said))
        staging.compare(whole=True, zero_missing=False, sure=True, since=0)
        assert staging.changes().take(9) == []


def test_a_staging_sees_one_state_and_cannot_write_it(warehouse):
    with Staging(warehouse.path, warehouse.ids["erp"], Duplicates.REJECT) as staging:
        assert not staging.knows("A")
        warehouse.say([("A", "", 5)])

        assert not staging.knows("A")
        with pytest.raises(Exception, match="readonly"):
            staging._connection.execute("DELETE FROM main.stock")


def test_skus_are_compared_exactly(warehouse):
    said = [("a", "", 1), ("A", "", 2), ("A ", "", 3), ("Ä", "", 4), ("'; DROP TABLE stock --", "", 5), ("007", "", 6), ("7", "", 7)]  # fmt: skip
    comparison, refused = warehouse.say(said)

    assert (comparison.new, refused) == (7, [])
    assert {key[0]: level[0] for key, level in warehouse.levels().items()} == {row[0]: row[2] for row in said}
