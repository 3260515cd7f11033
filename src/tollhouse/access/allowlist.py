"""Is a model on a key's list? Written out as `model`, `provider/model`, or a prefix ending in `*`."""

from collections.abc import Sequence


def allows(allowed: Sequence[str], provider: str, model: str) -> bool:
    """An empty list allows everything. Matching is exact but for a trailing `*`; case does not matter."""
    if not allowed:
        return True
    names = (model.lower(), f"{provider}/{model}".lower())
    return any(_matches(pattern.lower(), names) for pattern in allowed)


def covers(allowed: Sequence[str], pattern: str) -> bool:
    """Whether everything that `pattern` allows is on the list, as far as the words tell. An empty list covers all.

    A bare `model` is only covered by patterns without a provider: any provider may have a model of that name.
    """
    if not allowed:
        return True
    wanted = pattern.lower()
    return any(_reaches(each.lower(), wanted) for each in allowed)


def _reaches(wide: str, narrow: str) -> bool:
    if not wide.endswith("*"):
        return wide in (narrow, narrow.partition("/")[2])
    beginning, wanted = wide[:-1], narrow.removesuffix("*")
    return wanted.startswith(beginning) or (
        "/" in wanted and wanted.partition("/")[2].startswith(beginning) and "/" not in beginning
    )


def _matches(pattern: str, names: tuple[str, str]) -> bool:
    if pattern.endswith("*"):
        return any(name.startswith(pattern[:-1]) for name in names)
    return pattern in names
