"""Billing accounts at Stripe.

An account is ours by its metadata, which name our customer. Making one may be repeated: the idempotency key is the
customer's id and a round, so Stripe answers a repetition with the account it made first. It keeps a key for 24 hours
at least; after that `find` tells what is there. It also keeps an *error* that came after it began to work, and only
repeats it: then it is certain that this round made nothing any more, and the next try takes another.
Source: https://docs.stripe.com/api/idempotent_requests
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import stripe

from tollhouse.billing.accounts import BillingError, Payer
from tollhouse.billing.stripe_client import WAIT_S, in_words, open_line
from tollhouse.foundation.ids import CustomerId
from tollhouse.foundation.secrets import Secret

OWNER: Final = "tollhouse_customer_id"
"""The field of an account's metadata that has our customer's id."""
_PER_PAGE: Final = 100
_OF_ONE_ACCOUNT: Final = frozenset({400, 404, 409})
"""Statuses that say something of the account in question, and nothing of Stripe."""


class StripeAccounts:
    """Owns its HTTP client: `aclose` it, or use it as `async with`. Every verb ends within `wait_s` seconds.

    All raise BillingError.
    """

    def __init__(self, base_url: str, secret_key: Secret, *, wait_s: float = WAIT_S, retries: int = 1) -> None:
        self._line = open_line(base_url, secret_key, wait_s=wait_s, retries=retries)
        self._accounts = self._line.client.v1.customers
        self._wait_s = wait_s

    async def __aenter__(self) -> "StripeAccounts":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._line.aclose()

    async def make(self, payer: Payer, round_: int) -> str:
        """The id of the payer's account. Repeated with the same payer and round, it is the same account."""
        async with self._answered(making=True):
            made = await self._accounts.create_async(
                {"name": payer.name, "email": payer.email, "metadata": {OWNER: payer.customer_id}},
                {"idempotency_key": f"tollhouse-customer-{payer.customer_id}-{round_}"},
            )
        return _id_of(made)

    async def find(self, customer_id: CustomerId, email: str) -> list[str]:
        """Ids of the accounts that were made for the customer under this address, the oldest first."""
        async with self._answered():
            found = [account async for account in self._of_address(email) if _owner_of(account) == customer_id]
        return [account.id for account in reversed(found)]

    async def tell(self, account_id: str, payer: Payer) -> None:
        """The account has the payer's name and address."""
        async with self._answered():
            await self._accounts.update_async(account_id, {"name": payer.name, "email": payer.email})

    async def delete(self, account_id: str) -> None:
        """The account is gone; that it was gone before is no error."""
        async with self._answered():
            try:
                await self._accounts.delete_async(account_id)
            except stripe.InvalidRequestError as error:
                if error.code != "resource_missing":
                    raise

    async def check(self) -> None:
        """Stripe can be reached and accepts the key."""
        async with self._answered():
            _page(await self._accounts.list_async({"limit": 1}))

    async def _of_address(self, email: str) -> AsyncIterator[stripe.Customer]:
        """All accounts with this address, the newest first."""
        page = _page(await self._accounts.list_async({"email": email, "limit": _PER_PAGE}))
        while page.data:
            for account in page.data:
                yield account
            if not page.has_more:
                return
            after = page.data[-1].id
            page = _page(await self._accounts.list_async({"email": email, "limit": _PER_PAGE, "starting_after": after}))

    @asynccontextmanager
    async def _answered(self, *, making: bool = False) -> AsyncIterator[None]:
        """Within the wait, and with errors of ours. Only a making is refused: of others no account depends."""
        try:
            async with asyncio.timeout(self._wait_s):
                yield
        except TimeoutError as cause:
            raise BillingError(f"Stripe did not answer within {self._wait_s:g} seconds", away=True) from cause
        except stripe.StripeError as cause:
            raise _translated(cause, making=making) from cause


def _translated(error: stripe.StripeError, *, making: bool) -> BillingError:
    return BillingError(
        in_words(error),
        away=error.http_status not in _OF_ONE_ACCOUNT,
        settled=isinstance(error, stripe.IdempotencyError) or "idempotent-replayed" in (error.headers or {}),
        refused=making and isinstance(error, stripe.InvalidRequestError),
    )


def _id_of(account: object) -> str:
    """Raises BillingError for an answer that is no account: whoever listens there is not Stripe."""
    account_id = getattr(account, "id", None)
    if not isinstance(account_id, str) or not account_id:
        raise BillingError("what answers in place of Stripe sent an account without an id", away=True)
    return account_id


def _page(answer: object) -> "stripe.ListObject[stripe.Customer]":
    if not isinstance(answer, stripe.ListObject):
        raise BillingError("what answers in place of Stripe sent no list of accounts", away=True)
    return answer


def _owner_of(account: stripe.Customer) -> str | None:
    owner: str | None = getattr(account.metadata, OWNER, None)
    return owner
