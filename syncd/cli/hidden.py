"""Another module that stands before one of syncd's own on Python's path."""

from importlib.machinery import PathFinder

_OURS = ("syncd", "connectors", "state")


def hidden_by(error: Exception) -> str | None:
    """Say which module hides one of ours, where that is why something cannot be imported."""
    if not isinstance(error, ImportError):
        return None
    name = (error.name or "").split(".")[0]
    spec = PathFinder.find_spec(name) if name in _OURS else None
    if spec is None or spec.origin is None:
        return None
    return (
        f"{spec.origin} is named like a package of syncd's own and hides it: unset PYTHONPATH, start"
        " syncd from another folder, or install it into an environment of its own"
    )
