"""The schema has two descriptions, the numbered steps and the tables: they say the same."""

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel

from state import actions, alerts, migrations, plan_tables, tables
from state.dialect import writing_engine


def _empty() -> Engine:
    return create_engine("sqlite://", poolclass=StaticPool)


def _schema(engine: Engine) -> dict[tuple[str, str], str]:
    """Every table and index with its SQL, whatever its line breaks."""
    query = text("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    with engine.connect() as connection:
        return {(kind, name): " ".join(sql.split()) for kind, name, sql in connection.execute(query)}


def test_all_steps_together_make_exactly_the_tables():
    migrated, declared = _empty(), _empty()
    migrations.migrate(migrated)
    SQLModel.metadata.create_all(declared)

    made = _schema(migrated)
    del made["table", "schema_version"]

    assert tables.Listing.metadata is SQLModel.metadata is alerts.StandingAlert.metadata
    assert actions.Action.metadata is plan_tables.Rule.metadata is SQLModel.metadata
    assert made == _schema(declared)


def test_steps_are_numbered_without_a_gap():
    numbers = [number for number, _ in migrations.steps()]

    assert numbers == list(range(1, len(numbers) + 1))


def test_an_applied_step_is_not_applied_again():
    engine = _empty()
    migrations.migrate(engine)
    before = _schema(engine)

    migrations.migrate(engine)

    assert _schema(engine) == before


def test_a_database_of_a_later_version_is_refused_and_left_alone():
    engine = _empty()
    migrations.migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE schema_version SET version = version + 1"))
    before = _schema(engine)

    with pytest.raises(migrations.SchemaNewer, match="install the version that wrote it"):
        migrations.migrate(engine)

    assert _schema(engine) == before


def test_a_step_that_fails_leaves_nothing_behind(tmp_path):
    """Whatever stands where a step's table should be, the next start finds the database as it was."""
    engine = writing_engine(tmp_path / "state.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE stock (other TEXT)"))

    with pytest.raises(Exception, match="stock already exists"):
        migrations.migrate(engine)

    assert list(_schema(engine)) == [("table", "stock")]
    engine.dispose()


@pytest.mark.parametrize("found", [0, 1])
def test_a_reader_asks_for_exactly_this_schema(found):
    engine = _empty()
    if found:
        migrations.migrate(engine)
    with engine.connect() as connection:
        if found:
            migrations.require_current(connection)
        else:
            with pytest.raises(migrations.SchemaOlder):
                migrations.require_current(connection)


def test_a_database_of_the_first_step_keeps_its_data():
    engine = _empty()
    steps = dict(migrations.steps())
    with engine.begin() as connection:
        for statement in steps[1].split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        connection.exec_driver_sql("UPDATE schema_version SET version = 1")
        connection.exec_driver_sql("INSERT INTO source VALUES (1, 'erp', 1, NULL, NULL, NULL, '')")
        connection.exec_driver_sql("INSERT INTO stock VALUES ('A', '', 1, 5, 1, 2, 1)")
        connection.exec_driver_sql(
            "INSERT INTO import VALUES (1, 1, 'a', 'snapshot', 'held', 9, 9, '', '', 1, 1, 0, 0, 0, 0, 0, 5, 'why', '', 7)"
        )

    migrations.migrate(engine)

    with engine.connect() as connection:
        stock = connection.exec_driver_sql("SELECT sku, quantity, missed, zeroed_at, missing_at FROM stock")
        assert [tuple(row) for row in stock] == [("A", 5, 1, None, 0)]
        entry = connection.exec_driver_sql("SELECT reason, approved_at, decreased, notes FROM import")
        assert [tuple(row) for row in entry] == [("why", 7, 0, "")]
