"""What a process remembers of keys and tokens, from settings, and what it hears of that happens elsewhere."""

from dataclasses import dataclass

from tollhouse.access.lookup import NOTICES as PERMIT_NOTICES
from tollhouse.access.lookup import PermitLookup
from tollhouse.access.shelf import NOTICES as KEY_NOTICES
from tollhouse.access.shelf import Shelf
from tollhouse.access.tokens import TokenLookup
from tollhouse.control.webhooks.delivery import Deliveries
from tollhouse.db.notices import Notices
from tollhouse.db.pool import Database
from tollhouse.foundation.clock import Clock
from tollhouse.ledger.crossings import NOTICES as CROSSING_NOTICES
from tollhouse.ledger.keeper import NOTICES as LEDGER_NOTICES
from tollhouse.ledger.keeper import Keeper
from tollhouse.settings import Settings


@dataclass(frozen=True, slots=True)
class Known:
    """Keys that exist, permits and tokens that were looked up."""

    shelf: Shelf
    permits: PermitLookup
    tokens: TokenLookup

    def begin_to_hear(self) -> None:
        self.permits.begin_to_hear()
        self.shelf.begin_to_hear()

    def cease_to_hear(self) -> None:
        self.permits.cease_to_hear()
        self.shelf.cease_to_hear()

    def customer_changed(self, customer_id: str) -> None:
        self.permits.customer_changed(customer_id)
        self.tokens.customer_changed(customer_id)


def known_of(settings: Settings, database: Database, clock: Clock) -> Known:
    shelf = Shelf(database, clock)
    permits = PermitLookup(database, clock, outage_ttl_s=settings.outage_ttl_s, shelf=shelf)
    return Known(shelf, permits, TokenLookup(database, clock, shelf))


def notices_of(database_url: str, keeper: Keeper, known: Known, deliveries: Deliveries) -> Notices:
    """What happens elsewhere: to keys and tokens and what they depend on, to budgets, to their thresholds."""
    channels = {
        LEDGER_NOTICES: keeper.hear,
        PERMIT_NOTICES: known.customer_changed,
        KEY_NOTICES: known.shelf.key_made,
        CROSSING_NOTICES: deliveries.wake,
    }
    return Notices(database_url, channels, began=known.begin_to_hear, ceased=known.cease_to_hear)
