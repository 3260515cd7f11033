"""Which models a list lets through."""

import pytest

from tollhouse.access.allowlist import allows, covers


@pytest.mark.parametrize(
    ("allowed", "model", "passes"),
    [
        ([], "gpt-4o", True),
        (["gpt-4o"], "gpt-4o", True),
        (["gpt-4o"], "gpt-4o-mini", False),
        (["openai/gpt-4o"], "gpt-4o", True),
        (["anthropic/gpt-4o"], "gpt-4o", False),
        (["GPT-4o"], "gpt-4O", True),
        (["gpt-4o*"], "gpt-4o-mini", True),
        (["openai/*"], "anything", True),
        (["anthropic/*"], "gpt-4o", False),
        (["*"], "gpt-4o", True),
        (["o1", "gpt-4o"], "gpt-4o", True),
    ],
)
def test_matching_is_exact_but_for_a_trailing_star(allowed: list[str], model: str, passes: bool) -> None:
    assert allows(allowed, "openai", model) is passes


def test_an_empty_list_covers_everything() -> None:
    assert covers((), "openai/*")
    assert not covers(("gpt-4o",), "openai/*")
