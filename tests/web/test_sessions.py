"""Sessions, and how fast a token may be guessed; on a clock of the test's."""

import pytest

from syncd.web.sessions import (
    FREE_GUESSES,
    IDLE_SECONDS,
    LONGEST_WAIT_SECONDS,
    MOST_GUESSERS,
    MOST_SESSIONS,
    Doorkeeper,
    TooManyGuesses,
    carries,
)

TOKEN = "canary-right-token"


class World:
    def __init__(self):
        self.now, self.token = 0.0, TOKEN
        self.keeper = Doorkeeper(lambda: self.token, lambda: self.now)

    def wait(self, address="here"):
        """How long the next guess has to wait, without making one."""
        try:
            self.keeper.accepts("wrong", address)
        except TooManyGuesses as wait:
            return wait.seconds
        return 0.0


@pytest.fixture
def world():
    return World()


def test_only_the_token_is_accepted(world):
    assert world.keeper.accepts(TOKEN, "here")
    assert not world.keeper.accepts(TOKEN[:-1], "here")
    assert not world.keeper.accepts("", "here")


def test_without_a_token_nothing_is_accepted():
    assert not Doorkeeper(lambda: None, lambda: 0.0).accepts("", "here")


def test_wrong_guesses_make_even_the_right_one_wait(world):
    for _ in range(FREE_GUESSES):
        assert not world.keeper.accepts("wrong", "here")

    with pytest.raises(TooManyGuesses):
        world.keeper.accepts(TOKEN, "here")
    world.now += 1.01
    assert world.keeper.accepts(TOKEN, "here")
    assert world.wait() == 0.0, "the right one clears the slate"


def test_each_wrong_guess_doubles_the_wait_up_to_a_bound(world):
    waits = []
    for _ in range(1_100):
        while wait := world.wait():
            waits.append(wait)
            world.now += wait + 0.001
    assert waits[:4] == pytest.approx([1, 2, 4, 8])
    assert max(waits) == pytest.approx(LONGEST_WAIT_SECONDS)


def test_others_do_not_wait_for_one_who_guesses(world):
    for _ in range(10):
        world.wait("there")
    assert world.keeper.accepts(TOKEN, "here")


def test_a_million_guessers_do_not_fill_the_memory(world):
    for number in range(MOST_GUESSERS + FREE_GUESSES):
        world.wait(f"from {number}")

    assert len(world.keeper._guesses) <= MOST_GUESSERS + 1
    assert world.wait("one more") > 0, "those beyond the bound wait together"


def test_a_session_lasts_while_it_is_used(world):
    name = world.keeper.begin()
    for _ in range(3):
        world.now += IDLE_SECONDS - 1
        assert world.keeper.session(name) is not None
    world.now += IDLE_SECONDS + 1
    assert world.keeper.session(name) is None


def test_another_token_ends_all_sessions(world):
    name = world.keeper.begin()
    world.token = "canary-other-token"
    assert world.keeper.session(name) is None


def test_no_token_any_more_ends_all_sessions(world):
    name = world.keeper.begin()
    world.token = None
    assert world.keeper.session(name) is None


def test_a_session_that_was_ended_is_no_more(world):
    name = world.keeper.begin()
    world.keeper.end(name)
    assert world.keeper.session(name) is None


def test_sessions_are_bounded(world):
    first = world.keeper.begin()
    for _ in range(MOST_SESSIONS):
        last = world.keeper.begin()
    assert world.keeper.session(first) is None
    assert world.keeper.session(last) is not None


def test_each_session_has_forms_of_its_own(world):
    one, other = (world.keeper.session(world.keeper.begin()) for _ in range(2))
    assert carries(one, one.form_token)
    assert not carries(one, other.form_token)
    assert not carries(one, "")
