"""What a check found: of which kind, about what, how bad, and what to do."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Every kind of finding, under the name that `--json` prints and docs/checks.md explains."""

    CONFIGURATION = "configuration"
    CONFIGURATION_UNUSABLE = "configuration_unusable"
    CONFIGURATION_DOUBTFUL = "configuration_doubtful"
    CONFIGURATION_WRITABLE = "configuration_writable"
    SECRET_OF_ANOTHER = "secret_of_another"  # noqa: S105 - a kind of finding, as the next
    SECRET_REPLACEABLE = "secret_replaceable"  # noqa: S105
    SECRET_IN_ENVIRONMENT = "secret_in_environment"  # noqa: S105
    SECRET_ODD = "secret_odd"  # noqa: S105
    RUN_AS_ROOT = "run_as_root"
    NAME_CLAIMED = "name_claimed"
    NAME_HIDDEN = "name_hidden"
    SQLITE = "sqlite"
    SQLITE_KNOWN_FAULT = "sqlite_known_fault"
    SQLITE_UNFIT = "sqlite_unfit"
    TEMPORARY_FOLDER_UNUSABLE = "temporary_folder_unusable"
    OPEN_FILES_FEW = "open_files_few"
    MEMORY_SMALL = "memory_small"
    WATCHES_EXHAUSTED = "watches_exhausted"
    CLOCK = "clock"
    CLOCK_NOT_SYNCHRONISED = "clock_not_synchronised"
    ZONE_UNKNOWN = "zone_unknown"
    ZONE_IS_UTC = "zone_is_utc"
    STATE = "state"
    STATE_FORBIDDEN = "state_forbidden"
    STATE_READABLE = "state_readable"
    STATE_OWNERS_DIFFER = "state_owners_differ"
    STATE_OF_ANOTHER_VERSION = "state_of_another_version"
    STATE_UNREADABLE = "state_unreadable"
    STATE_SET_ASIDE = "state_set_aside"
    STATE_PATH_LONG = "state_path_long"
    STATE_ON_NETWORK = "state_on_network"
    STATE_NOT_KEPT = "state_not_kept"
    DISK_LOW = "disk_low"
    INODES_LOW = "inodes_low"
    SOURCE = "source"
    SOURCE_UNUSABLE = "source_unusable"
    SOURCE_FOLDER_FORBIDDEN = "source_folder_forbidden"
    SOURCE_FOLDER_STICKY = "source_folder_sticky"
    SOURCE_FOLDER_OPEN = "source_folder_open"
    SOURCE_GROUP_NOT_PASSED_ON = "source_group_not_passed_on"
    SOURCE_FILES_UNREADABLE = "source_files_unreadable"
    SOURCE_FOLDERS_APART = "source_folders_apart"
    SOURCE_ON_NETWORK = "source_on_network"
    SOURCE_ROWS_BAD = "source_rows_bad"
    SOURCE_WAL_FOLDER = "source_wal_folder"
    PLAN = "plan"
    PLAN_UNUSABLE = "plan_unusable"
    SHARES_BEYOND_STOCK = "shares_beyond_stock"
    SOURCES_OVERLAP = "sources_overlap"
    UNIT = "unit"
    UNIT_OLD = "unit_old"
    UNIT_LACKS_CREDENTIAL = "unit_lacks_credential"
    UNIT_HIDES_PATH = "unit_hides_path"
    DAEMON = "daemon"
    DAEMON_OUT_OF_REACH = "daemon_out_of_reach"
    DAEMON_OF_ANOTHER_VERSION = "daemon_of_another_version"
    DAEMON_NOT_RELOADED = "daemon_not_reloaded"
    PROXY_NOT_USED = "proxy_not_used"
    REACHED = "reached"
    NAME_NOT_RESOLVED = "name_not_resolved"
    NOT_CONNECTED = "not_connected"
    NOT_TRUSTED = "not_trusted"
    NOT_ANSWERED = "not_answered"
    NOT_ASKED = "not_asked"
    SIGNED_IN = "signed_in"
    ACCOUNT_REFUSED = "account_refused"
    CONNECTOR_FAILED = "connector_failed"
    CLOCK_OFF = "clock_off"
    WAREHOUSE_UNKNOWN = "warehouse_unknown"
    MAY_UPDATE = "may_update"
    LIMIT_TOO_HIGH = "limit_too_high"
    RECIPIENT = "recipient"
    RECIPIENT_UNUSABLE = "recipient_unusable"
    NOBODY_TOLD = "nobody_told"
    TEST_DELIVERED = "test_delivered"
    TEST_NOT_DELIVERED = "test_not_delivered"


class Weight(StrEnum):
    """How bad it is."""

    FINE = "fine"
    NOTE = "note"
    """Worth knowing; nothing fails because of it."""
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was found about something, and the `remedy` for it; both are one line each and safe to show."""

    kind: Kind
    about: str
    what: str
    remedy: str = ""
    weight: Weight = Weight.FINE

    def __post_init__(self) -> None:
        if self.weight is not Weight.FINE and not self.remedy:
            raise ValueError(f"{self.kind} says what is wrong, but not what to do")

    def as_json(self) -> dict[str, str]:
        """Give it as `--json` prints it."""
        return {name: str(value) for name, value in asdict(self).items()}


def problem(kind: Kind, about: str, what: str, remedy: str) -> Finding:
    """Report what is to be mended."""
    return Finding(kind, about, what, remedy, Weight.PROBLEM)


def note(kind: Kind, about: str, what: str, remedy: str) -> Finding:
    """Report what is worth knowing."""
    return Finding(kind, about, what, remedy, Weight.NOTE)


def problem_in_words(kind: Kind, about: str, message: str, otherwise: str) -> Finding:
    """Report a message that says what is wrong and, behind its first full stop or last colon, what to do.

    `otherwise` is the remedy of a message that says none.
    """
    what, _, remedy = message.partition(". ")
    if not remedy:
        what, _, remedy = message.rpartition(": ")
    if not what:
        what, remedy = message, otherwise
    return problem(kind, about, what.removesuffix("."), remedy)
