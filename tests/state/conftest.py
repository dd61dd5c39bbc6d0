import pytest

from state.database import Database


@pytest.fixture
def database(tmp_path):
    one = Database(tmp_path / "state.db")
    yield one
    one.close()
