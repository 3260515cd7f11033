"""Sends one event to one webhook, signed in the moment it is sent. The answer's body is not read."""

import ssl
from dataclasses import dataclass
from typing import Final

from tollhouse.control.webhooks import news
from tollhouse.control.webhooks.news import Event
from tollhouse.foundation.clock import Clock
from tollhouse.foundation.secrets import Secret
from tollhouse.outbound import sending
from tollhouse.outbound.sending import LookUp, look_up

PATIENCE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try ended. `error` None: it arrived. `status`: what was answered, if anything was."""

    status: int | None
    error: str | None


class Sender:
    """Owns what sending needs; whoever opens one closes it."""

    def __init__(
        self,
        clock: Clock,
        *,
        private: bool,
        tls: ssl.SSLContext | None = None,
        names: LookUp = look_up,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._clock = clock
        self._wire = sending.Sender(private=private, tls=tls, names=names, patience_s=patience_s)

    async def send(self, url: str, secret: Secret, event: Event) -> Outcome:
        """One try; never raises for what the other side does."""
        reply = await self._wire.post(url, news.headers(event, secret, self._clock.now()), event.body)
        return Outcome(reply.status, reply.error)

    async def close(self) -> None:
        await self._wire.close()
