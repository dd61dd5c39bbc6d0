"""What we say to a marketplace, and what it answered.

A connector knows one marketplace's language and nothing of ledgers, retries, sleeping or clocks. Everything
that the author of a plug-in imports is named here.
"""

from connectors.contract import (
    AccountCheck,
    Allowance,
    Answer,
    Capabilities,
    Connector,
    Grouping,
    Identifier,
    Limits,
    Outcome,
    OutcomeKind,
    Plugin,
    Reason,
    StockUpdate,
    Surroundings,
)
from connectors.errors import (
    AnswerUnusable,
    AuthenticationExpired,
    BatchRefused,
    ChannelRefused,
    ConnectorError,
    Effect,
    Throttled,
    TryLater,
    WarehouseRefused,
)
from connectors.secrets import Secret, SecretResolver

__all__ = [
    "AccountCheck",
    "Allowance",
    "Answer",
    "AnswerUnusable",
    "AuthenticationExpired",
    "BatchRefused",
    "Capabilities",
    "ChannelRefused",
    "Connector",
    "ConnectorError",
    "Effect",
    "Grouping",
    "Identifier",
    "Limits",
    "Outcome",
    "OutcomeKind",
    "Plugin",
    "Reason",
    "Secret",
    "SecretResolver",
    "StockUpdate",
    "Surroundings",
    "Throttled",
    "TryLater",
    "WarehouseRefused",
]
