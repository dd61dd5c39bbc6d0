import pytest
from alerts_told import alert, told
from listening import Listener

from state.alerts import AlertBook
from state.database import Database
from syncd.alerts.message import message_of


@pytest.fixture
def listener():
    with Listener() as listener:
        yield listener


@pytest.fixture
def database(tmp_path):
    one = Database(tmp_path / "state.db")
    yield one
    one.close()


@pytest.fixture
def book(database):
    return AlertBook(database)


@pytest.fixture
def message(book):
    """A message about one held channel."""
    book.keep([alert()], told("toko"), ["someone"])
    return message_of(book.begin("someone", 9), host="here", state="abc")
