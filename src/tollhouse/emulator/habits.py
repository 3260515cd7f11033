"""Where providers differ although all claim OpenAI's chat format. Only what was seen on live APIs is here.

- OpenAI and Azure refuse fields they do not know, and both maxima at once.
- DeepSeek ignores `max_completion_tokens` without a word: the answer is as long as it likes (earendil-works/pi
  issue 8018, measured).
- Mistral answers 422 to fields it does not know, `max_completion_tokens` among them (editor-code-assistant/eca
  issue 231); it reports the usage of a stream unasked, as Perplexity does.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Habits:
    """`forbidden` fields are Mistral's 422, `ignored` ones have no effect."""

    strict: bool = False
    forbidden: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    usage_unasked: bool = False


_USUAL: Final = Habits()
_BY_PROVIDER: Final = {
    "openai": Habits(strict=True),
    "azure-openai": Habits(strict=True),
    "deepseek": Habits(ignored=frozenset({"max_completion_tokens"})),
    "mistral": Habits(forbidden=frozenset({"max_completion_tokens", "stream_options", "provider"}), usage_unasked=True),
    "perplexity-ai": Habits(usage_unasked=True),
}


def habits_of(provider: str) -> Habits:
    return _BY_PROVIDER.get(provider, _USUAL)
