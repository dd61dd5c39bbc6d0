"""The record of what came in: one row for each file, and for each poll that changed something."""

from collections.abc import Sequence

from sqlmodel import Session, col, delete, func, select

from state.database import Database
from state.records import ImportState
from state.staging import Largest
from state.tables import Import, ImportChange, Source


class Imports:
    """Records imports and what became of them."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    def record(self, entry: Import, largest: Sequence[Largest] = ()) -> int:
        """Record an import, and the largest changes that it would make; return its id."""
        with self._database.write() as connection, Session(connection) as session:
            kept = session.merge(entry)
            session.flush()
            import_id = kept.id or 0
            if largest:
                session.exec(delete(ImportChange).where(col(ImportChange.import_id) == import_id))
            for position, change in enumerate(largest, 1):
                session.add(ImportChange(import_id=import_id, position=position, **change._asdict()))
            session.commit()
        return import_id

    def close(self, import_id: int, state: ImportState, *, reason: str | None = None) -> None:
        """Say what became of an import."""
        with self._database.write() as connection, Session(connection) as session:
            entry = session.get_one(Import, import_id)
            entry.state = state
            entry.reason = entry.reason if reason is None else reason
            session.commit()

    def put_away(self, import_id: int) -> None:
        """Note that the import's file lies where it belongs."""
        with self._database.write() as connection, Session(connection) as session:
            session.get_one(Import, import_id).claimed = ""
            session.commit()

    def of_claimed(self, source_id: int, claimed: str) -> Import | None:
        """Find the import that a claimed file belongs to."""
        query = select(Import).where(Import.source_id == source_id, Import.claimed == claimed)
        with self._database.read() as connection, Session(connection) as session:
            entry = session.exec(query.order_by(col(Import.id).desc()).limit(1)).first()
            session.expunge_all()
        return entry

    def approve(self, import_id: int, now: int | None) -> None:
        """Let a held import through; None takes that back."""
        with self._database.write() as connection, Session(connection) as session:
            session.get_one(Import, import_id).approved_at = now
            session.commit()

    def get(self, import_id: int) -> Import | None:
        """Find an import."""
        with self._database.read() as connection, Session(connection) as session:
            entry = session.get(Import, import_id)
            session.expunge_all()
        return entry

    def in_state(self, source_id: int, state: ImportState) -> Sequence[Import]:
        """List a source's imports in a state, oldest first."""
        with self._database.read() as connection, Session(connection) as session:
            found = session.exec(
                select(Import)
                .where(Import.source_id == source_id, Import.state == state)
                .order_by(col(Import.id))
            ).all()
            session.expunge_all()
        return found

    def last_applied(self, source_id: int) -> Import | None:
        """Find the last import of a source that was applied in full."""
        query = select(Import).where(
            Import.source_id == source_id,
            col(Import.state).in_([ImportState.APPLIED, ImportState.UNCHANGED]),
        )
        with self._database.read() as connection, Session(connection) as session:
            entry = session.exec(query.order_by(col(Import.id).desc()).limit(1)).first()
            session.expunge_all()
        return entry

    def lowered_after(self, last: Import) -> bool:
        """Tell whether one that was held has lowered stock since: then what was applied is not in effect."""
        query = select(Import.id).where(
            Import.source_id == last.source_id, col(Import.id) > last.id, Import.decreased > 0
        )
        with self._database.read() as connection, Session(connection) as session:
            return session.exec(query.limit(1)).first() is not None

    def newest_data(self, source_id: int) -> int | None:
        """Tell as of when the newest data is that was applied; not always that of the last import."""
        query = select(func.max(Import.data_at)).where(
            Import.source_id == source_id,
            col(Import.state).in_([ImportState.APPLIED, ImportState.UNCHANGED]),
        )
        with self._database.read() as connection, Session(connection) as session:
            return session.exec(query).one()

    def latest(self, source_id: int) -> Import | None:
        """Find the newest import of a source, whatever became of it."""
        query = select(Import).where(Import.source_id == source_id).order_by(col(Import.id).desc())
        with self._database.read() as connection, Session(connection) as session:
            entry = session.exec(query.limit(1)).first()
            session.expunge_all()
        return entry

    def source_name(self, source_id: int) -> str:
        """Name a source."""
        with self._database.read() as connection, Session(connection) as session:
            return session.get_one(Source, source_id).name
