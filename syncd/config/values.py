"""Values as people write them in syncd.toml: durations, shares, paths, times of day."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

PARTS_PER_MILLION = 1_000_000
"""A share of everything: 100 %."""

_SECONDS = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
}
_DURATION = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,3})?) ?(?P<unit>ms|s|m|h|d)", re.ASCII)
_SHARE = re.compile(r"(?P<number>[0-9]{1,3}(?:\.[0-9]{1,4})?) ?%", re.ASCII)
_BYTES = {"MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000}
_SIZE = re.compile(r"(?P<number>[0-9]{1,6}(?:\.[0-9]{1,3})?) ?(?P<unit>MB|GB|TB)", re.ASCII)
_TIME_OF_DAY = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_CRON_PART = re.compile(r"(?:\*|(?P<first>[a-z]+|[0-9]+)(?:-(?P<last>[a-z]+|[0-9]+))?)(?:/(?P<step>[0-9]+))?")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_LONGEST = 366 * 86400

_LONGEST_LOCATION = 200
"""As long as what a source may say."""


def seconds(value: object) -> float:
    """Read a duration such as "500ms", "2s", "10m", "24h" or "7d" into seconds.

    Raises:
        ValueError: it is not written like that, or is longer than a year.
    """
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a duration in quotes, such as "500ms", "2s", "10m", "24h" or "7d"')
    result = float(Decimal(match["number"]) * _SECONDS[match["unit"]])
    if result > _LONGEST:
        raise ValueError("must not be longer than a year")
    return result


def _positive_seconds(value: object) -> float:
    result = seconds(value)
    if result <= 0:
        raise ValueError("must be longer than nothing")
    return result


def _seconds_or_off(value: object) -> float | None:
    if value is None or value == "off":
        return None
    try:
        return _positive_seconds(value)
    except ValueError as error:
        raise ValueError(f'{error}, or "off"') from None


def parts_per_million(value: object) -> int:
    """Read a share from "0%" to "100%", with up to four decimals, into exact parts per million.

    Raises:
        ValueError: it is not written like that, or is beyond 100 %.
    """
    match = _SHARE.fullmatch(value) if isinstance(value, str) else None
    result = int(Decimal(match["number"]) * (PARTS_PER_MILLION // 100)) if match else PARTS_PER_MILLION + 1
    if result > PARTS_PER_MILLION:
        raise ValueError('must be a share in quotes from "0%" to "100%", such as "20%"')
    return result


def _share(value: object) -> int:
    return parts_per_million(value)


def _share_or_off(value: object) -> int | None:
    if value is None or value == "off":
        return None
    try:
        return parts_per_million(value)
    except ValueError as error:
        raise ValueError(f'{error}, or "off"') from None


def _bytes_or_off(value: object) -> int | None:
    if value is None or value == "off":
        return None
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a size in quotes, such as "500MB" or "2GB", or "off"')
    return int(Decimal(match["number"]) * _BYTES[match["unit"]])


def _local_path(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str | Path):
        raise ValueError("must be a path in quotes")
    text = str(value)
    if not text or "\0" in text:
        raise ValueError("must be a path, and is empty" if not text else "must not hold a NUL character")
    if text.startswith("~"):
        raise ValueError("must be written out: ~ is not expanded")
    base: Path = (info.context or {}).get("base_directory", Path())
    return base / text


def _location(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError('must be the code of one location in quotes, such as "JKT"')
    if len(value.strip()) > _LONGEST_LOCATION:
        raise ValueError(f"must have at most {_LONGEST_LOCATION} characters")
    return value.strip()


def _schedule(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('must be text in quotes: "", "03:30" or a cron expression such as "30 3 * * sun"')
    text = value.strip()
    if text and not _TIME_OF_DAY.fullmatch(text):
        _check_cron(text)
    return text


def _check_cron(text: str) -> None:
    fields = text.lower().split()
    if len(fields) != 5:  # noqa: PLR2004 - cron has five fields
        raise ValueError('must be "", a time such as "03:30", or a cron expression of five fields')
    _check_cron_field("minute", fields[0], 0, 59)
    _check_cron_field("hour", fields[1], 0, 23)
    _check_cron_field("day", fields[2], 1, 31)
    _check_cron_field("month", fields[3], 1, 12, _MONTHS)
    if re.search(r"[0-9]", fields[4].split("/")[0]):
        # 0 is Sunday to cron and Monday to APScheduler: only names mean the same to everyone.
        raise ValueError(
            "must name the weekdays (mon, tue, wed, thu, fri, sat, sun) instead of numbering them"
        )
    _check_cron_field("weekday", fields[4], 0, 6, _WEEKDAYS)


def _check_cron_field(name: str, text: str, low: int, high: int, names: list[str] | None = None) -> None:
    for part in text.split(","):
        match = _CRON_PART.fullmatch(part)
        bounds = (
            [] if match is None else [bound for bound in match.group("first", "last") if bound is not None]
        )
        numbers = [_cron_number(bound, low, names or []) for bound in bounds]
        in_order = numbers == sorted(numbers) and all(low <= number <= high for number in numbers)
        if match is None or not in_order or match["step"] in {"0", "00"}:
            raise ValueError(f'has a {name} field that cannot be read: "{text}"')


def _cron_number(text: str, low: int, names: list[str]) -> int:
    if text.isdigit():
        return int(text)
    return names.index(text) + low if text in names else -1


def _texts(value: object) -> Any:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Seconds = Annotated[float, BeforeValidator(_positive_seconds)]
"""A duration, held as seconds, longer than nothing."""

SecondsOrOff = Annotated[float | None, BeforeValidator(_seconds_or_off)]
"""A duration like `Seconds`, or "off", held as None."""

Share = Annotated[int, BeforeValidator(_share)]
"""A share, held as whole parts per million, so that arithmetic on stock stays exact."""

GuardShare = Annotated[int | None, BeforeValidator(_share_or_off)]
"""A `Share`, or "off", held as None."""

BytesOrOff = Annotated[int | None, BeforeValidator(_bytes_or_off)]
"""A size such as "500MB", or "off", held as None."""

LocalPath = Annotated[Path, BeforeValidator(_local_path)]
"""A path; a relative one is relative to `base_directory` of the validation context."""

Location = Annotated[str, BeforeValidator(_location)]
"""Where stock lies, in the seller's own code."""

Schedule = Annotated[str, BeforeValidator(_schedule)]
"""When something happens each day: "" never, "HH:MM", or five cron fields with weekdays by name."""

Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
"""A list of texts; a single one may stand without brackets."""
