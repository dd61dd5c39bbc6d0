"""Many rows by few statements."""

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from state.many_rows import MOST_AT_ONCE, Rows

STORE = Rows("INSERT INTO t VALUES {rows} ON CONFLICT DO NOTHING", "?1, {}, ?2 + {}", same_for_all=2)


@given(st.integers(0, 3 * MOST_AT_ONCE))
def test_every_row_is_stored_by_few_statements(count):
    connection, asked = sqlite3.connect(":memory:"), []
    connection.execute("CREATE TABLE t (same, number, more)")

    def run(sql, parameters):
        asked.append(sql)
        return connection.execute(sql, parameters)

    STORE.run(run, ("same", 7), [(number, number * 2) for number in range(count)])

    stored = connection.execute("SELECT * FROM t ORDER BY number").fetchall()
    assert stored == [("same", number, 7 + number * 2) for number in range(count)]
    assert len(asked) <= 3 + 7
    assert len(set(asked)) <= 8
