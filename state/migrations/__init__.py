"""Schema steps: numbered SQL files, each applied once, whole or not at all, when the daemon starts."""

from importlib import resources

from sqlalchemy import Connection, Engine, text


class SchemaNewer(Exception):
    """The database was written by a later version of syncd."""


class SchemaOlder(Exception):
    """The database waits for its migration, which the daemon (or any command that writes) does at start."""


def steps() -> list[tuple[int, str]]:
    """List all steps: number and SQL, in order."""
    files = sorted(
        (file for file in resources.files(__name__).iterdir() if file.name.endswith(".sql")),
        key=lambda file: file.name,
    )
    return [(int(file.name.split("_", 1)[0]), file.read_text(encoding="utf-8")) for file in files]


def version(connection: Connection) -> int:
    """Read the schema version of a database; 0 where it is empty."""
    known = connection.execute(
        text("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'")
    ).scalar_one()
    if not known:
        return 0
    return int(connection.execute(text("SELECT version FROM schema_version")).scalar_one())


def require_current(connection: Connection) -> None:
    """Raise where the schema is not this version's own."""
    found, newest = version(connection), steps()[-1][0]
    if found > newest:
        raise SchemaNewer(_newer(found, newest))
    if found < newest:
        raise SchemaOlder(
            f"the state database has schema {found}, this syncd needs {newest}:"
            " start the daemon once to migrate it"
        )


def migrate(engine: Engine) -> None:
    """Apply the steps that are missing, each in a transaction of its own; refuse a newer schema."""
    all_steps = steps()
    with engine.begin() as connection:
        found = version(connection)
    if found > all_steps[-1][0]:
        raise SchemaNewer(_newer(found, all_steps[-1][0]))
    for number, sql in all_steps:
        if number > found:
            with engine.begin() as connection:
                for statement in sql.split(";\n"):
                    if statement.strip():
                        connection.exec_driver_sql(statement)
                connection.exec_driver_sql("UPDATE schema_version SET version = ?", (number,))


def _newer(found: int, newest: int) -> str:
    return (
        f"the state database has schema {found}, this syncd knows up to {newest}:"
        " install the version that wrote it, or move the database away (everything will be pushed anew)"
    )
