"""What Stripe reports about events that it took and then cannot count: they become dead letters with its reason.

A report may come twice, late, or about a name that an event has no more; then it changes nothing. It names samples
only: when there are more errors than names, nobody here can know which events they are, and the log says so.
"""

from typing import Final

from tollhouse.billing.accounts import BillingError
from tollhouse.billing.metering import NotGenuine, Rejection, Report
from tollhouse.control.context import ControlContext
from tollhouse.db.pool import Connection
from tollhouse.foundation.errors import BadRequest, Unavailable
from tollhouse.foundation.logs import get_logger
from tollhouse.usage import exports

_MOST_REJECTIONS: Final = 1_000

_log = get_logger(__name__)


async def take_report(context: ControlContext, body: bytes, signature: str | None) -> int:
    """How many events became dead letters. Raises Unavailable (then Stripe sends it again), and BadRequest."""
    if context.meter_reports is None:
        raise Unavailable(
            "Stripe's webhook is not set up here: set STRIPE_SECRET_KEY, and STRIPE_WEBHOOK_SECRET to the secret of "
            "the event destination",
            code="webhook_not_configured",
        )
    try:
        report = await context.meter_reports.read_report(body, signature)
    except NotGenuine as cause:
        raise BadRequest(str(cause), code="webhook_not_genuine") from cause
    except BillingError as cause:
        _log.warning("a report of Stripe's could not be fetched; it sends it again", error=str(cause))
        raise Unavailable("Stripe could not be asked what happened", code="stripe_unavailable") from cause
    return 0 if report is None else await _cast_out(context, report)


async def _cast_out(context: ControlContext, report: Report) -> int:
    # In one order, so that two reports about the same events do not wait for each other.
    rejections = sorted(report.rejections, key=lambda each: each.name)[:_MOST_REJECTIONS]
    async with context.database.transaction() as connection:
        known = [await _note(context, connection, rejection) for rejection in rejections]
    unnamed = report.errors - len(rejections)
    if unnamed > 0:
        _log.error(
            "Stripe does not count events that it does not name", report=report.id, events=unnamed, says=report.summary
        )
    return sum(known)


async def _note(context: ControlContext, connection: Connection, rejection: Rejection) -> bool:
    """Whether it is news about an event of ours."""
    name = exports.read_name(rejection.name)
    if name is None:
        return False
    reason = f"{rejection.code}: {rejection.message}"
    customer_id = await exports.cast_out(connection, name, reason, context.clock.now())
    if customer_id is None:
        return False
    _log.error(
        "a usage event became a dead letter",
        customer_id=customer_id,
        entry_id=name.entry_id,
        kind="reported",
        reason=reason,
    )
    return True
