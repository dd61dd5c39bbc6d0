"""Who showed the token: sessions of browsers, bearers, and how fast a wrong one may be tried again."""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

IDLE_SECONDS = 12 * 3600.0
MOST_SESSIONS = 200
MOST_GUESSERS = 1_000
FREE_GUESSES = 3
LONGEST_WAIT_SECONDS = 60.0
FORGET_SECONDS = 900.0
_OTHERS = "others"


class TooManyGuesses(Exception):
    """Wrong tokens came from there: wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


@dataclass(slots=True)
class Session:
    """A browser that showed the token. `form_token`: what each of its forms has to carry."""

    form_token: str
    proof: bytes
    used_at: float


@dataclass(slots=True)
class _Guesses:
    count: int
    last: float

    @property
    def until(self) -> float:
        """When the next may be tried: twice as long after each."""
        if self.count < FREE_GUESSES:
            return self.last
        doublings = min(self.count - FREE_GUESSES, 10)  # beyond that the bound holds
        return self.last + min(2.0**doublings, LONGEST_WAIT_SECONDS)


class Doorkeeper:
    """Knows who showed the token. Forgets all at a restart, and when another token is configured."""

    def __init__(self, token: Callable[[], str | None], now: Callable[[], float]) -> None:
        """`token`: the present one, None = nobody is let in. `now` in seconds, never going back."""
        self._token = token
        self._now = now
        self._sessions: dict[str, Session] = {}
        self._guesses: dict[str, _Guesses] = {}

    @property
    def locked(self) -> bool:
        """Whether there is a token."""
        return self._token() is not None

    def accepts(self, shown: str, address: str) -> bool:
        """Tell whether this is the token; raises `TooManyGuesses`, right or wrong, after wrong ones."""
        now = self._now()
        if address not in self._guesses and len(self._guesses) >= MOST_GUESSERS:
            address = _OTHERS
        guesses = self._guesses.get(address)
        if guesses is not None and now < guesses.until:
            raise TooManyGuesses(guesses.until - now)
        token = self._token()
        if token is not None and hmac.compare_digest(_digest(shown), _digest(token)):
            self._guesses.pop(address, None)
            return True
        self._note_wrong(address, now)
        return False

    def _note_wrong(self, address: str, now: float) -> None:
        for known in [one for one, past in self._guesses.items() if now - past.last > FORGET_SECONDS]:
            del self._guesses[known]
        guesses = self._guesses.setdefault(address, _Guesses(0, now))
        guesses.count, guesses.last = guesses.count + 1, now

    def begin(self) -> str:
        """Begin a session of a browser that showed the token; give what its cookie holds."""
        self._forget_old()
        while len(self._sessions) >= MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        name = secrets.token_urlsafe(32)
        self._sessions[name] = Session(secrets.token_urlsafe(32), _digest(self._token() or ""), self._now())
        return name

    def session(self, name: str) -> Session | None:
        """Find the session of a cookie; None where there is none (any more)."""
        session = self._sessions.get(name)
        if session is None:
            return None
        now, token = self._now(), self._token()
        if token is None or session.proof != _digest(token) or now - session.used_at > IDLE_SECONDS:
            del self._sessions[name]
            return None
        session.used_at = now
        return session

    def end(self, name: str) -> None:
        """End a session."""
        self._sessions.pop(name, None)

    def _forget_old(self) -> None:
        now = self._now()
        for name in [one for one, session in self._sessions.items() if now - session.used_at > IDLE_SECONDS]:
            del self._sessions[name]


def carries(session: Session, form_token: str) -> bool:
    """Tell whether a form is one that this session was given."""
    return hmac.compare_digest(_digest(session.form_token), _digest(form_token))


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
