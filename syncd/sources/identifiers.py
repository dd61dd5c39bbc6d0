"""SKUs and locations: text, compared exactly, so only what cannot be seen is taken off their ends."""

import unicodedata
from typing import Final

LONGEST_IDENTIFIER: Final = 200

_INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_ENDS: Final = "".join(chr(code) for code in range(0x3001) if chr(code).isspace()) + _INVISIBLE
_HIDDEN: Final = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_NEVER_TEXT: Final = frozenset(
    map(chr, (*range(0xFDD0, 0xFDF0), *range(0xFFFE, 0x110000, 0x10000), *range(0xFFFF, 0x110000, 0x10000)))
)
"""What Unicode promises never to give a meaning."""


def trimmed(text: str) -> str:
    """`text` without white space and invisible characters at its ends."""
    return text.strip(_ENDS)


def read_identifier(text: str) -> str:
    """`text` as an identifier; "" where it is blank.

    Raises:
        ValueError: it cannot be one; the message says why.
    """
    name = trimmed(text)
    if len(name) > LONGEST_IDENTIFIER:
        raise ValueError(f"longer than {LONGEST_IDENTIFIER} characters")
    if not name.isprintable():
        for character in name:
            if unicodedata.category(character) in _HIDDEN:
                raise ValueError(f"an invisible character inside (U+{ord(character):04X})")
            if character in _NEVER_TEXT:
                raise ValueError(f"what no text has inside (U+{ord(character):04X}): the file is damaged")
    return name
