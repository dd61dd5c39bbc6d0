"""A simulator of both marketplaces, strict by their documents: what those do not allow, it refuses."""

from connectors.sandbox.buckets import Limits
from connectors.sandbox.faults import Call, Effect, Fault, FaultKind, Faults
from connectors.sandbox.listings import Listing
from connectors.sandbox.sandbox import Sandbox
from connectors.sandbox.server import serve

__all__ = ["Call", "Effect", "Fault", "FaultKind", "Faults", "Limits", "Listing", "Sandbox", "serve"]
