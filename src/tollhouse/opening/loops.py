"""What runs in the background of a process: chores that no call notices."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tollhouse.billing.exporter import Exporter
from tollhouse.control.context import ControlContext
from tollhouse.control.onboarding import billing_accounts, gateways
from tollhouse.db import partitions
from tollhouse.foundation.logs import get_logger
from tollhouse.ledger import seals
from tollhouse.settings import Settings
from tollhouse.traces import retention, rollups

if TYPE_CHECKING:
    from tollhouse.billing.stripe_meters import StripeMeters

TEND_EVERY_S: Final = 5.0

Loop = Callable[[], Coroutine[Any, Any, None]]
"""Runs until it is cancelled."""

_log = get_logger(__name__)


def chores_of(settings: Settings, control: ControlContext, meters: "StripeMeters | None") -> list[Loop]:
    """Loops of which no call takes notice."""
    chores: list[Loop] = [
        partial(seals.keep_sealed, control.database),
        partial(_tend, control, gateways.provision_pending, gateways.remove_leftovers),
        partial(_tend, control, billing_accounts.tend, billing_accounts.remove_leftovers),
        partial(partitions.keep_open, control.database),
        partial(rollups.keep_folded, control.database),
        partial(retention.keep_trimmed, control.database, settings.trace_retention_days),
    ]
    if meters is not None:
        chores.append(Exporter(control.database, control.clock, meters).run)
    return chores


async def _tend(control: ControlContext, *rounds: Callable[[ControlContext], Awaitable[int]]) -> None:
    """What could not be made elsewhere at registration, and what is there and belongs to nobody."""
    while True:
        try:
            for tend in rounds:
                await tend(control)
        except Exception as error:  # noqa: BLE001 - the supervisor of a loop: it must not die of one bad turn
            _log.warning("a round in the background failed; trying again", of=rounds[0].__module__, error=repr(error))
        await asyncio.sleep(TEND_EVERY_S)
