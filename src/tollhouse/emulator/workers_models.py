"""The catalogue of Workers AI as `/ai/models/search` lists it, with all its unevenness.

The id people use is `name`; `id` is an internal uuid. `context_window` is a string on some and a number on others,
prices are missing on some, one model has no properties at all. `total_count` is wrong, as it was found to be.
"""

import uuid
from collections.abc import Iterator, Mapping
from typing import Final

_NAMESPACE: Final = uuid.UUID("6f0b4a8e-6f4e-4d0e-9a53-1f1d3f0c7a11")
_TEXT_GENERATION: Final = "Text Generation"

# name, context window, US dollars per million input and output tokens
_TEXT_MODELS: Final[tuple[tuple[str, object, float | None, float | None], ...]] = (
    ("@cf/meta/llama-3.3-70b-instruct-fp8-fast", "24000", 0.293, 2.253),
    ("@cf/meta/llama-3.1-8b-instruct-fast", 128000, 0.045, 0.384),
    ("@cf/meta/llama-3.1-8b-instruct-fp8", "32000", 0.152, 0.287),
    ("@cf/meta/llama-3.2-1b-instruct", 60000, 0.027, 0.201),
    ("@cf/meta/llama-3.2-3b-instruct", "80000", 0.051, 0.335),
    ("@cf/meta/llama-3.2-11b-vision-instruct", 128000, 0.049, 0.676),
    ("@cf/meta/llama-4-scout-17b-16e-instruct", "131000", 0.27, 0.85),
    ("@cf/meta/llama-guard-3-8b", 131072, 0.484, 0.03),
    ("@cf/openai/gpt-oss-120b", "128000", 0.35, 0.75),
    ("@cf/openai/gpt-oss-20b", 128000, 0.2, 0.3),
    ("@cf/mistralai/mistral-small-3.1-24b-instruct", "128000", 0.351, 0.555),
    ("@cf/google/gemma-3-12b-it", 80000, 0.345, 0.556),
    ("@cf/qwen/qwq-32b", "24000", 0.66, 1.0),
    ("@cf/qwen/qwen2.5-coder-32b-instruct", 32768, 0.66, 1.0),
    ("@cf/qwen/qwen3-30b-a3b-fp8", "32768", 0.051, 0.34),
    ("@cf/deepseek-ai/deepseek-r1-distill-qwen-32b", 80000, 0.497, 4.881),
    ("@cf/ibm-granite/granite-4.0-h-micro", "131000", 0.017, 0.112),
    ("@cf/microsoft/phi-2", 2048, None, None),
    ("@cf/defog/sqlcoder-7b-2", "10000", None, None),
    ("@cf/tinyllama/tinyllama-1.1b-chat-v1.0", None, None, None),
)
_OTHER_MODELS: Final = (
    ("@cf/baai/bge-m3", "Text Embeddings"),
    ("@cf/baai/bge-base-en-v1.5", "Text Embeddings"),
    ("@cf/baai/bge-reranker-base", "Text Classification"),
    ("@cf/openai/whisper-large-v3-turbo", "Automatic Speech Recognition"),
    ("@cf/black-forest-labs/flux-1-schnell", "Text-to-Image"),
)
_WITH_TOOLS: Final = frozenset({"@cf/meta/llama-3.3-70b-instruct-fp8-fast", "@cf/openai/gpt-oss-120b"})


def search(query: Mapping[str, str]) -> list[dict[str, object]]:
    """All models that `search`, `task` and `author` leave over."""
    return [model for model in _ALL if _fits(model, query)]


def as_openrouter(models: list[dict[str, object]]) -> list[dict[str, object]]:
    """The other listing format: prices are decimal strings per token."""
    return [_openrouter(model) for model in models]


def _fits(model: dict[str, object], query: Mapping[str, str]) -> bool:
    name, task = str(model["name"]), model["task"]
    wanted_task = query.get("task", "").lower()
    task_name = str(task["name"]).lower() if isinstance(task, dict) else ""
    author = query.get("author", "").lower()
    return (
        query.get("search", "").lower() in name.lower()
        and wanted_task in {"", task_name}
        and author in {"", name.split("/")[1]}
    )


def _openrouter(model: dict[str, object]) -> dict[str, object]:
    name = str(model["name"])
    window, price_in, price_out = next((row[1:] for row in _TEXT_MODELS if row[0] == name), (None, None, None))
    pricing = {"prompt": f"{(price_in or 0) / 1e6:.10f}", "completion": f"{(price_out or 0) / 1e6:.10f}"}
    length = int(str(window)) if window is not None else None
    return {"id": name, "context_length": length, "max_output_length": length, "pricing": pricing}


def _build() -> Iterator[dict[str, object]]:
    for name, window, price_in, price_out in _TEXT_MODELS:
        yield _entry(name, _TEXT_GENERATION, list(_properties(name, window, price_in, price_out)))
    for name, task in _OTHER_MODELS:
        yield _entry(name, task, [])


def _properties(
    name: str, window: object, price_in: float | None, price_out: float | None
) -> Iterator[dict[str, object]]:
    if window is not None:
        yield {"property_id": "context_window", "value": window}
    if name in _WITH_TOOLS:
        yield {"property_id": "function_calling", "value": "true"}
        yield {"property_id": "reasoning_effort", "value": {"default": "medium"}}
    if price_in is not None:
        yield {
            "property_id": "price",
            "value": [
                {"unit": "per M input tokens", "price": price_in, "currency": "USD"},
                {"unit": "per M output tokens", "price": price_out, "currency": "USD"},
            ],
        }


def _entry(name: str, task: str, properties: list[dict[str, object]]) -> dict[str, object]:
    return {
        "id": str(uuid.uuid5(_NAMESPACE, name)),
        "source": 1,
        "name": name,
        "description": f"{name.rsplit('/', 1)[-1]}, emulated",
        "task": {"id": str(uuid.uuid5(_NAMESPACE, task)), "name": task, "description": task},
        "created_at": "2026-04-01 10:00:00.000",
        "tags": [],
        "properties": properties,
    }


_ALL: Final = tuple(_build())
