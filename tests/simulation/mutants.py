"""Ledgers that are wrong in one place each. The simulator must tell every one of them from the honest one."""

from typing import Final

from simulation import wrong_books as books
from simulation import wrong_workers as workers
from simulation.kit import Kit

HONEST: Final = "none"

MUTANTS: Final[dict[str, Kit]] = {
    HONEST: Kit(),
    # Of the first simulator.
    "forward_before_journal": Kit(life=workers.SendsBeforeWriting),
    "reap_frees": Kit(book=books.ExpiryFrees),
    "flush_not_idempotent": Kit(book=books.FlushesTwice),
    "naive_reset": Kit(book=books.ResetZeroesTheRow),
    "doubt_voided_on_replay": Kit(successor=workers.VoidsOpenCalls),
    "powerloss_returns_rest": Kit(successor=workers.TrustsEveryJournal),
    "check_then_debit": Kit(life=workers.ChecksThenDebits),
    "steal_without_flock": Kit(life=workers.StealsTheSlot),
    "single_scope_only": Kit(life=workers.OverlooksABudget),
    "settle_clamped": Kit(life=workers.WritesLess),
    "grant_ignores_doubt": Kit(book=books.GrantIgnoresDoubt),
    "no_pk": Kit(book=books.NoKeyOfEntries),
    # The journal and its way into the book.
    "told_before_synced": Kit(life=workers.TellsBeforeSyncing),
    "answered_before_written": Kit(life=workers.AnswersBeforeWriting),
    "sent_though_unwritten": Kit(life=workers.SendsWhatWasNotWritten),
    "wrong_record_after_gap": Kit(flusher=workers.SkipsAfterAGap),
    "loss_taken_for_ack": Kit(life=workers.TakesALossForAnAck),
    "open_calls_forgotten": Kit(successor=workers.ForgetsOpenCalls),
    "numbers_used_again": Kit(successor=workers.UsesNumbersAgain),
    "entry_on_day_of_arrival": Kit(book=books.EntersOnTheDayOfArrival),
    "buried_money_is_free": Kit(book=books.BuriesTheMoneyToo),
    # Leases and orders.
    "returned_before_taken": Kit(purse=workers.GivesBackWhatItMayStillSpend),
    "idle_money_stays": Kit(purse=workers.KeepsIdleMoney),
    "stale_reply_lowers_granted": Kit(purse=workers.LowersGranted),
    "reply_adds_granted": Kit(purse=workers.AddsGranted),
    "lost_order_asked_anew": Kit(till=workers.ForgetsALostOrder),
    "grants_not_said_again": Kit(till=workers.NeverSaysAgain),
    "late_order_is_granted": Kit(book=books.GrantsLateOrders),
    "repeat_is_granted_twice": Kit(book=books.GrantsTwice),
    "admitted_on_one_budget": Kit(purse=workers.AdmitsOnOneBudget),
    "part_beyond_free": Kit(book=books.GrantsPartsBeyondFree),
    "revive_forgotten": Kit(book=books.ForgetsToRevive),
    "no_fence": Kit(book=books.FencesNobody),
    # Periods and limits.
    "carried_into_next_period": Kit(purse=workers.CarriesOver),
    "settled_into_new_period": Kit(book=books.BooksIntoThePresentPeriod),
    "raise_never_ends": Kit(book=books.RaisesForever),
    "limit_unheard_of": Kit(purse=workers.IgnoresNews),
    # Liveness.
    "waiter_is_forgotten": Kit(till=workers.NeverLooksAgain),
    "waits_forever": Kit(till=workers.WaitsForever),
    "asks_in_a_loop": Kit(till=workers.AsksInALoop),
    "flushes_in_a_loop": Kit(till=workers.FlushesInALoop),
}
