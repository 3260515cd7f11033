"""Is a model on a key's list? Written out as `model`, `provider/model`, or a prefix ending in `*`."""

from collections.abc import Sequence


def allows(allowed: Sequence[str], provider: str, model: str) -> bool:
    """An empty list allows everything. Matching is exact but for a trailing `*`; case does not matter."""
    if not allowed:
        return True
    names = (model.lower(), f"{provider}/{model}".lower())
    return any(_matches(pattern.lower(), names) for pattern in allowed)


def _matches(pattern: str, names: tuple[str, str]) -> bool:
    if pattern.endswith("*"):
        return any(name.startswith(pattern[:-1]) for name in names)
    return pattern in names
