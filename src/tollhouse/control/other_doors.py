"""What other doors serve, described beside our own routes: calls to models and spans that are sent.

Requests come here never: `gateway/` and `intake/` read and check them. Sources: OpenAI's API reference; OTLP 1.x,
"OTLP/HTTP".
"""

from typing import Any, Final

TAGS: Final = [{"name": "calls", "description": "Calls to models, as OpenAI has them, with a virtual key."}]
_TOKEN: Final[list[dict[str, list[str]]]] = [{"token": []}]


def _refusals(schema: dict[str, Any], statuses: dict[int, str]) -> dict[str, Any]:
    return {
        str(status): {"description": why, "content": {"application/json": {"schema": schema}}}
        for status, why in statuses.items()
    }


_CHAT: Final = {
    "operationId": "create_chat_completion",
    "summary": "A chat completion, streamed or not, paid from the key's budgets",
    "description": "Takes what OpenAI's chat completions take, but for fields whose cost no price table tells. "
    "`model` is `provider/model`, or the model alone where that says which provider serves it.",
    "externalDocs": {"url": "https://platform.openai.com/docs/api-reference/chat"},
    "tags": ["calls"],
    "security": _TOKEN,
    "parameters": [
        {
            "in": "header",
            "name": "X-Tollhouse-Tags",
            "description": "What this call is for: up to 20 words, divided by commas.",
            "schema": {"type": "string"},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["model", "messages"],
                    "properties": {
                        "model": {"type": "string", "examples": ["openai/gpt-4o-mini"]},
                        "messages": {"type": "array", "minItems": 1, "items": {"type": "object"}},
                        "provider": {"type": "string"},
                        "stream": {"type": "boolean", "default": False},
                        "max_completion_tokens": {"type": "integer", "minimum": 1},
                    },
                    "additionalProperties": True,
                }
            }
        },
    },
    "responses": {
        "200": {
            "description": "The provider's answer, or with `stream` its chunks as server-sent events.",
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "text/event-stream": {"schema": {"type": "string"}},
            },
        },
        **_refusals(
            {"$ref": "#/components/schemas/ErrorEnvelope"},
            {
                400: "The request cannot be read, or asks for what has no known price; `param` names the field.",
                401: "No key, or one that nobody has.",
                402: "A budget does not cover the call; the error says which, and what is left.",
                403: "The key is disabled, has expired, or may not use this model.",
                408: "The body came too slowly.",
                413: "The body is too large.",
                429: "Calls on their way hold the budget, or the key calls too often; `Retry-After` says when to ask.",
                502: "The provider cannot be reached.",
                503: "The gateway or the ledger cannot answer now; `Retry-After` says when to ask.",
                504: "The provider took too long.",
            },
        ),
    },
}

_SPANS: Final = {
    "operationId": "send_spans",
    "summary": "Spans of any OpenTelemetry source (OTLP/HTTP)",
    "description": "An `ExportTraceServiceRequest`, at most once counted for each trace and span id. Bodies may be "
    "compressed with gzip, deflate or zstd.",
    "externalDocs": {"url": "https://opentelemetry.io/docs/specs/otlp/#otlphttp"},
    "tags": ["traces"],
    "security": _TOKEN,
    "requestBody": {
        "required": True,
        "content": {
            "application/x-protobuf": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"resourceSpans": {"type": "array", "items": {"type": "object"}}},
                }
            },
        },
    },
    "responses": {
        "200": {
            "description": "All were taken, or those that `partialSuccess` does not count.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "partialSuccess": {
                                "type": "object",
                                "properties": {
                                    "rejectedSpans": {"type": "string", "pattern": "^[0-9]+$"},
                                    "errorMessage": {"type": "string"},
                                },
                            }
                        },
                    }
                },
                "application/x-protobuf": {"schema": {"type": "string", "format": "binary"}},
            },
        },
        **_refusals(
            {"$ref": "#/components/schemas/OtlpStatus"},
            {
                400: "The body cannot be read, or none of its spans can be taken; the message says which and why.",
                401: "No credential, or one that nobody has.",
                403: "The key is disabled or has expired, or the token lacks the scope `traces:write`.",
                408: "The body came too slowly.",
                413: "The body is too large, as it came or when it is decompressed.",
                415: "Neither protobuf nor JSON, or an unknown compression.",
                429: "More spans than this credential may send; `Retry-After` says when to go on.",
                503: "Too many are on their way already, or the database cannot be reached; `Retry-After` says when.",
            },
        ),
    },
}


_STATUS: Final = {
    "type": "object",
    "description": "A refusal as gRPC has it, which OTLP takes over.",
    "required": ["code", "message"],
    "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
}


def with_other_doors(described: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI with the routes that are not ours."""
    paths, components = described["paths"], described["components"]
    more = {"/v1/ai/chat/completions": {"post": _CHAT}, "/v1/traces": {**paths["/v1/traces"], "post": _SPANS}}
    schemas = {**components["schemas"], "OtlpStatus": _STATUS}
    return {**described, "paths": {**paths, **more}, "components": {**components, "schemas": schemas}}
