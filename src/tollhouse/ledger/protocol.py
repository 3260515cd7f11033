"""What a worker's till and the book say to each other. Pure.

Money in nano-USD. Moments are seconds since 1970 by the database's clock; `math.inf`: never.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from tollhouse.foundation.ids import WorkerId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.records import Amount, Record, Resolved, Returned

ScopeKind = Literal["key", "user", "team", "customer"]
Reset = Literal["daily", "weekly", "monthly"]

Verdict = Literal["whole", "part", "contended", "spent"]
"""Of one ask: all of it, at least its floor, not now (others hold the money), or not before the reset."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a budget hangs on."""

    kind: ScopeKind
    id: str


@dataclass(frozen=True, slots=True)
class Owner:
    """A worker in one of its lives."""

    worker_id: WorkerId
    epoch: int


@dataclass(frozen=True, slots=True)
class Need:
    """What a waiting call lacks on one budget: `amount` for all it asks, `floor` for the least it can do with."""

    budget_id: int
    amount: Nanos
    floor: Nanos


@dataclass(frozen=True, slots=True)
class Ask:
    """One waiting call: granted on every budget, or on none. `unpriced`: passes only where nothing is limited."""

    needs: tuple[Need, ...]
    unpriced: bool = False


@dataclass(frozen=True, slots=True)
class GrantOrder:
    """Asked in the order given. `wants` names every budget of the asks once, by id, with the lease that would suit.

    Repeating an order with the same `number` grants nothing twice.
    """

    number: int
    asks: tuple[Ask, ...]
    wants: tuple[tuple[int, Nanos], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """One budget and this worker's lease on it, after an order. `granted` counts everything ever granted to it.

    `limit` None: nothing is held, nothing refused. `tight`: the money is nearly spent; hold no more than calls need.
    `looks_again_at`: when the limit may change by itself, or the period ends.
    """

    budget_id: int
    period_seq: int
    scope: Scope
    limit: Nanos | None
    spent: Nanos
    leased: Nanos
    doubt: Nanos
    granted: Nanos
    tight: bool
    resets_at: float
    looks_again_at: float


@dataclass(frozen=True, slots=True)
class Answer:
    """`budget_id`: the budget that refused (or, for a part, was the tightest)."""

    verdict: Verdict
    budget_id: int | None = None


@dataclass(frozen=True, slots=True)
class GrantReply:
    """`answers` are in the order of the asks; empty when the order is an old one, repeated."""

    number: int
    standings: tuple[Standing, ...]
    answers: tuple[Answer, ...]
    now: float


@dataclass(frozen=True, slots=True)
class FlushBatch:
    """The records `after < number <= through` of one epoch, as far as they move money.

    `granted` says again what the worker was granted, so that a book that forgot it learns it.
    """

    after: int
    through: int
    resolved: tuple[Resolved, ...]
    returned: tuple[Amount, ...]
    granted: tuple[Amount, ...] = ()


@dataclass(frozen=True, slots=True)
class FlushReply:
    """`acked`: the book has everything up to here. `wanted`: budgets of ours whose money others wait for, or whose
    limit was changed."""

    acked: int
    wanted: tuple[int, ...] = field(default=())
    now: float = 0.0


class Fenced(Exception):
    """Another life of this worker has begun: this one must not write any more."""


class Gap(Exception):
    """The book does not have what was flushed before: send again from `acked` on."""

    def __init__(self, acked: int) -> None:
        super().__init__(f"the book has records up to {acked} only")
        self.acked = acked


def batch_of(
    after: int, records: Iterable[tuple[int, Record]], granted: Iterable[Amount] = (), *, through: int | None = None
) -> FlushBatch:
    """The batch of consecutive records. Voids and reservations move nothing; returns are summed by account.

    Records up to `after` are left out: the book took them, though its answer was lost. A return counts once.
    """
    resolved: list[Resolved] = []
    returned: dict[tuple[int, int], int] = {}
    last = after
    for number, record in records:
        if number <= after:
            continue
        last = number
        if isinstance(record, Resolved) and record.kind != "void":
            resolved.append(record)
        elif isinstance(record, Returned):
            for budget_id, period_seq, nanos in record.amounts:
                account = (budget_id, period_seq)
                returned[account] = returned.get(account, 0) + nanos
    amounts = tuple(Amount(*account, Nanos(nanos)) for account, nanos in sorted(returned.items()))
    return FlushBatch(after, last if through is None else through, tuple(resolved), amounts, tuple(granted))
