"""The lines to Stripe that the settings ask for: accounts of customers, and meters. None without STRIPE_SECRET_KEY.

Stripe's library takes a quarter of a second to load, and installations without a key never need it: so it is imported
late, here and nowhere else.
"""

from typing import TYPE_CHECKING

from tollhouse.foundation.secrets import Secret
from tollhouse.settings import Settings

if TYPE_CHECKING:
    from tollhouse.billing.stripe import StripeAccounts
    from tollhouse.billing.stripe_meters import StripeMeters


def billing_of(settings: Settings) -> "StripeAccounts | None":
    """Accounts at Stripe; whoever asks for them closes them."""
    if settings.stripe_secret_key is None:
        return None
    from tollhouse.billing.stripe import StripeAccounts

    key = Secret(settings.stripe_secret_key.get_secret_value())
    return StripeAccounts(_base(settings), key)


def meters_of(settings: Settings) -> "StripeMeters | None":
    """Stripe's meters; whoever asks for them closes them. They read reports only if they were told the secret."""
    if settings.stripe_secret_key is None:
        return None
    from tollhouse.billing.stripe_meters import StripeMeters

    key = Secret(settings.stripe_secret_key.get_secret_value())
    given = settings.stripe_webhook_secret
    secret = None if given is None else Secret(given.get_secret_value())
    return StripeMeters(_base(settings), key, settings.stripe_meter, webhook_secret=secret)


def _base(settings: Settings) -> str:
    return str(settings.stripe_api_base).rstrip("/")
