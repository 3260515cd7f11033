"""Step 5: send the call upstream. What leaves is built here from nothing; the caller's headers stay behind."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tollhouse.access.permits import Permit
from tollhouse.cloudflare.routes import (
    CallMetadata,
    ProviderRoute,
    chat_url_path,
    model_on_the_wire,
    request_headers,
)
from tollhouse.cloudflare.upstream import UpstreamPool, UpstreamResponse
from tollhouse.foundation.ids import CallId
from tollhouse.gateway.authorize import Destination
from tollhouse.gateway.calls import ChatRequest, Json
from tollhouse.gateway.credentials import Credential

_CAPS: Final = ("max_tokens", "max_completion_tokens")

_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A body ready to be sent, and the output cap that is written in it."""

    body: bytes
    output_tokens: int


def write(chat: ChatRequest, destination: Destination, output_tokens: int) -> Outgoing:
    """What leaves for this call with this cap. Encoding is the dearest step of a large call: do it once."""
    return Outgoing(_encode(outgoing_body(chat, destination, output_tokens)), output_tokens)


def outgoing_body(chat: ChatRequest, destination: Destination, output_tokens: int) -> Json:
    """The object that is sent: the provider's own model name, usage always asked for, exactly one output cap."""
    body: dict[str, Any] = {name: value for name, value in chat.body.items() if name not in _CAPS}
    body["model"] = model_on_the_wire(destination.route, destination.model)
    body.update(_caps(destination.route, output_tokens))
    if destination.route.names_standard_tier:
        body["service_tier"] = "default"
    if chat.stream and destination.route.stream_usage:
        body["stream_options"] = (chat.body.get("stream_options") or {}) | {"include_usage": True}
    return body


async def forward(
    pool: UpstreamPool, credential: Credential, permit: Permit, destination: Destination, call_id: CallId, body: bytes
) -> UpstreamResponse:
    """Send and wait for the first byte of the answer; raises `cloudflare.upstream.UpstreamError`."""
    metadata = CallMetadata(
        customer=permit.customer_id,
        key_id=permit.key_id,
        user=permit.user_id,
        team=permit.team_id,
        call_id=call_id,
    )
    headers = request_headers(
        permit.credential_mode,
        credential.token,
        metadata,
        provider=destination.provider,
        provider_key=credential.provider_key,
    )
    path = chat_url_path(destination.account_id, destination.gateway_id, destination.route)
    return await pool.send(path, headers, body)


def _caps(route: ProviderRoute, output_tokens: int) -> dict[str, int]:
    """The cap under the name this provider honours: a cap it ignores would make the bound worthless."""
    name = route.max_tokens_field
    if name == "both":
        return dict.fromkeys(_CAPS, output_tokens)
    return {name: output_tokens}
