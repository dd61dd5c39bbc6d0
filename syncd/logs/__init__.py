"""Every log line: how it looks, how often it is repeated, and what it never shows.

Events are named `noun_verbed` and carry their facts as fields; docs/events.md describes each. Lines of
libraries take the same way out, so nothing is written that has not passed the redaction.
"""

from syncd.logs.redaction import HIDDEN, hide_secrets, register_secret
from syncd.logs.writing import Logger, bound, catch_strays, configure, get_logger, tell_withheld

__all__ = [
    "HIDDEN",
    "Logger",
    "bound",
    "catch_strays",
    "configure",
    "get_logger",
    "hide_secrets",
    "register_secret",
    "tell_withheld",
]
