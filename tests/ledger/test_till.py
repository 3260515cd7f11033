"""A worker's till: events in, commands out. The moments are the worker's; the book is heard through replies only."""

from dataclasses import replace

import pytest

from ledger.wishes import BOOK_TIME, acked, answers, reply, standing, wish
from tollhouse.foundation.ids import CallId
from tollhouse.foundation.money import Nanos
from tollhouse.ledger.protocol import Answer, Ask, GrantOrder, Need, Standing
from tollhouse.ledger.purse import Terms, Wish
from tollhouse.ledger.records import Amount, Reserved, Resolved, Returned, Stopped
from tollhouse.ledger.till import MOST_ASKS, MOST_WANTS, Admit, Append, Command, Flush, Grant, Refuse, Till

TERMS = Terms()
WHOLE, PART, CONTENDED, SPENT = answers("whole", "part", "contended", "spent")


def till(*standings: Standing, terms: Terms = TERMS) -> Till:
    """At its zero; it has heard these standings."""
    made = Till(terms, 0.0, BOOK_TIME)
    if standings:
        made.granted(0.0, reply(0.0, *standings))
    return made


def busy(amount: int, **more: int) -> Till:
    """Near the limit, with one open call `a` that holds all that was granted."""
    made = till()
    ask(made, 0.0, wish("a", amount))
    made.granted(0.0, reply(0.0, standing(1, amount, tight=True, **more), WHOLE))
    return made


def order(commands: list[Command]) -> GrantOrder:
    (grant,) = (command for command in commands if isinstance(command, Grant))
    return grant.order


def admitted(commands: list[Command]) -> list[tuple[str, int]]:
    """Who may be sent, with how much; each is written down first."""
    found: list[tuple[str, int]] = []
    for before, command in zip([None, *commands], commands, strict=False):
        if isinstance(command, Admit):
            assert before == Append(command.reserved)
            found.append((command.reserved.call.call_id, command.reserved.amount))
    return found


def refused(commands: list[Command]) -> list[tuple[str, str | None]]:
    return [(command.call_id, command.verdict) for command in commands if isinstance(command, Refuse)]


def returned(commands: list[Command]) -> list[Amount]:
    """What goes back; it is written down, and then the book hears of it."""
    found: list[Amount] = []
    for command, after in zip(commands, [*commands[1:], None], strict=False):
        if isinstance(command, Append) and isinstance(command.record, Returned):
            assert after == Flush()
            found += command.record.amounts
    return found


def ask(made: Till, now: float, one: Wish) -> list[Command]:
    return made.ask(now, one)


def end(made: Till, now: float, name: str, cost: int) -> list[Command]:
    return made.settle(now, CallId(name), "exact", Nanos(cost))


def need(budget_id: int, amount: int, floor: int) -> Need:
    return Need(budget_id, Nanos(amount), Nanos(floor))


# A call comes -------------------------------------------------------------------------------------------------------


def test_a_call_passes_from_local_leases_without_asking_anybody() -> None:
    made = till(standing(1, 100), standing(2, 100))
    commands = ask(made, 0.1, wish("a", 40, 1, 2))
    assert admitted(commands) == [("a", 40)]
    assert len(commands) == 2
    assert list(made.open) == ["a"]


def test_a_call_without_enough_money_waits_and_is_asked_for() -> None:
    made = till(standing(1, 15))
    asked = order(ask(made, 0.1, wish("a", 40, 1, 2, floor=20)))
    assert asked.asks == (Ask((need(1, 25, 5), need(2, 40, 20))),)
    assert [budget_id for budget_id, _ in asked.wants] == [1, 2]
    assert (made.waiting, made.open) == (1, {})


def test_there_is_one_order_at_a_time_and_the_next_speaks_for_all_who_came_meanwhile() -> None:
    made = till()
    first = order(ask(made, 0.1, wish("a", 40)))
    assert ask(made, 0.1, wish("b", 10)) == []
    assert ask(made, 0.1, wish("c", 20)) == []
    commands = made.granted(0.2, reply(0.2, standing(1, 40), WHOLE, number=first.number))
    assert admitted(commands) == [("a", 40)]
    second = order(commands)
    assert second.number == first.number + 1
    assert [one.needs[0].amount for one in second.asks] == [10, 20]


def test_who_comes_later_does_not_pass_those_who_wait_for_the_same_money() -> None:
    made = till(standing(1, 30), standing(2, 30))
    ask(made, 0.1, wish("a", 40, 1))
    assert ask(made, 0.1, wish("b", 10, 1)) == []
    assert admitted(ask(made, 0.1, wish("c", 10, 2))) == [("c", 10)]


def test_a_budget_known_to_be_spent_refuses_at_once() -> None:
    made = till(standing(1, 5, limit=100, spent=95))
    (refusal,) = ask(made, 0.5, wish("a", 40, floor=10))
    assert isinstance(refusal, Refuse)
    assert refusal.verdict == "spent"
    assert refusal.standing is not None
    assert refusal.standing.budget_id == 1


def test_without_a_word_of_the_book_for_long_nothing_is_admitted() -> None:
    made = till(standing(1, 100))
    assert admitted(ask(made, TERMS.outage_ttl_s, wish("a", 40))) == [("a", 40)]
    assert refused(ask(made, TERMS.outage_ttl_s + 0.1, wish("b", 40))) == [("b", None)]


def test_the_waiting_room_has_a_size() -> None:
    made = till(terms=Terms(most_waiting=1))
    ask(made, 0.1, wish("a", 40))
    assert refused(ask(made, 0.1, wish("b", 40))) == [("b", None)]


def test_while_the_book_is_away_nobody_waits_for_it() -> None:
    made = till(standing(2, 100))
    ask(made, 0.1, wish("a", 40, 1))
    made.grant_lost(0.2)
    assert order(made.tick(0.3)).number == 1 + 0
    assert made.grant_lost(0.7) == [Refuse(CallId("a"), None, None)], "the book was last heard at 0"
    assert refused(ask(made, 0.7, wish("b", 40, 1))) == [("b", None)]
    assert admitted(ask(made, 0.7, wish("c", 40, 2))) == [("c", 40)]


def test_nor_for_others_who_wait() -> None:
    """Money that is there is not kept for those whom the book cannot serve."""
    made = till(standing(1, 30))
    ask(made, 0.1, wish("a", 40, 1))
    made.grant_lost(0.2)
    made.tick(0.3)
    made.grant_lost(0.4)
    assert made.waiting == 1
    assert admitted(ask(made, 0.7, wish("b", 30, 1))) == [("b", 30)]


# The book answers ---------------------------------------------------------------------------------------------------


def test_a_grant_becomes_reservations_first_come_first_served() -> None:
    made = till()
    ask(made, 0.1, wish("a", 40))
    ask(made, 0.1, wish("b", 50))
    ask(made, 0.1, wish("c", 60))
    commands = made.granted(0.2, reply(0.2, standing(1, 100), WHOLE))
    assert admitted(commands) == [("a", 40), ("b", 50)]
    assert order(commands).asks == (Ask((need(1, 50, 50),)),), "it was not in the order"


def test_a_part_is_taken_from_the_floor_up() -> None:
    made = till()
    ask(made, 0.1, wish("a", 40, floor=20))
    commands = made.granted(0.2, reply(0.2, standing(1, 25, tight=True), PART))
    assert admitted(commands) == [("a", 25)]


def test_a_call_of_which_nothing_was_said_is_not_given_a_part() -> None:
    made = till()
    ask(made, 0.1, wish("a", 40, floor=20))
    commands = made.granted(0.2, reply(0.2, standing(1, 25)))
    assert admitted(commands) == []
    assert order(commands).asks == (Ask((need(1, 15, 0),)),)


@pytest.mark.parametrize("left", [19, 0])
def test_a_part_that_somebody_else_took_is_asked_for_again_after_a_pause(left: int) -> None:
    made = till()
    ask(made, 0.1, wish("a", 40, floor=20 if left else 0))
    commands = made.granted(0.2, reply(0.2, standing(1, left), PART))
    assert [command for command in commands if isinstance(command, Admit | Grant)] == []
    assert order(made.tick(0.25)).asks == (Ask((need(1, 40 - left, 20 - left if left else 0),)),)


def test_such_a_call_was_not_refused_and_goes_on_waiting() -> None:
    made = till()
    ask(made, 0.1, wish("a", 40, floor=20))
    made.granted(0.2, reply(0.2, standing(1, 19), PART))
    assert refused(made.tick(0.8)) == []


def test_a_whole_that_an_earlier_call_took_is_asked_for_again_after_a_pause() -> None:
    made = till()
    ask(made, 0.1, wish("a", 40))
    assert made.granted(0.2, reply(0.2, standing(1, 30), WHOLE)) == []
    assert order(made.tick(0.241)).asks == (Ask((need(1, 10, 10),)),)


def test_a_contended_call_asks_again_in_forty_milliseconds() -> None:
    made = till()
    ask(made, 0.1, wish("a", 40))
    assert made.granted(0.2, reply(0.2, standing(1, leased=9_990, tight=True), CONTENDED)) == []
    assert made.tick(0.23) == []
    assert order(made.tick(0.241)).number == 2


def test_spent_is_told_at_once() -> None:
    made = till()
    ask(made, 0.1, wish("a", 40, floor=30))
    commands = made.granted(0.2, reply(0.2, standing(1, limit=100, spent=71, tight=True), SPENT))
    assert refused(commands) == [("a", "spent")]
    assert made.waiting == 0


def test_spent_for_now_may_heal_when_our_own_calls_end() -> None:
    """The book counts what our own calls hold as gone; we know that it may come back."""
    made = busy(80, limit=100)
    ask(made, 0.1, wish("b", 40))
    told = made.granted(0.2, reply(0.2, standing(1, 80, limit=100, tight=True), SPENT, number=2))
    assert refused(told) == []
    assert admitted(end(made, 0.3, "a", 10)) == [("b", 40)]


def test_a_call_without_a_price_is_refused_by_any_limit() -> None:
    made = till()
    assert order(ask(made, 0.1, wish("a", None))).asks == (Ask((need(1, 0, 0),), unpriced=True),)
    assert refused(made.granted(0.2, reply(0.2, standing(1), SPENT))) == [("a", "spent")]


def test_a_refusal_need_not_name_a_budget() -> None:
    made = till()
    ask(made, 0.1, wish("a", None))
    assert made.granted(0.2, reply(0.2, Answer("spent"))) == [Refuse(CallId("a"), "spent", None)]


def test_a_call_without_a_price_passes_where_nothing_is_limited() -> None:
    made = till()
    ask(made, 0.1, wish("a", None))
    assert admitted(made.granted(0.2, reply(0.2, standing(1, limit=None), WHOLE))) == [("a", 0)]


def test_an_answer_for_a_caller_who_has_gone_is_for_nobody_and_the_money_goes_back() -> None:
    made = till()
    ask(made, 0.1, wish("a", 40))
    made.leave(CallId("a"))
    made.leave(CallId("a"))
    commands = made.granted(0.2, reply(0.2, standing(1, 40, tight=True), WHOLE))
    assert returned(commands) == [(1, 1, 40)]
    assert made.waiting == 0


def test_who_leaves_makes_room_for_those_behind() -> None:
    made = till(standing(1, 30))
    ask(made, 0.1, wish("a", 40, 1, 2))
    ask(made, 0.1, wish("b", 10, 1))
    made.leave(CallId("a"))
    assert admitted(made.tick(0.12)) == [("b", 10)]
    assert admitted(ask(made, 0.13, wish("c", 10, 1))) == [("c", 10)]


def test_terms_that_change_while_the_order_is_on_its_way_are_asked_about_again() -> None:
    """The reply may be older than the change: it is no reason to refuse, and none to admit."""
    made = till()
    ask(made, 0.1, wish("a", 40, 1))
    ask(made, 0.1, wish("b", 40, 2))
    made.changed(0.15, 1)
    commands = made.granted(0.2, reply(0.2, standing(1, 40, limit=100, spent=99), WHOLE, number=1))
    assert not admitted(commands)
    assert not refused(commands)
    made.granted(0.21, reply(0.21, standing(2), answers("contended", budget=2)[0], number=2))
    assert order(made.tick(0.25)).asks[0] == Ask((need(1, 0, 0),))
    assert admitted(made.granted(0.3, reply(0.3, standing(1, 40), WHOLE, WHOLE, number=3))) == [("a", 40)]


def test_an_order_names_at_most_so_many_calls() -> None:
    made = till(terms=Terms(most_waiting=MOST_ASKS + 10))
    for number in range(MOST_ASKS + 5):
        ask(made, 0.1, wish(f"call-{number}", 1))
    commands = made.granted(0.2, reply(0.2, standing(1, 1), WHOLE))
    assert len(order(commands).asks) == MOST_ASKS


# Orders that get lost -----------------------------------------------------------------------------------------------


def test_a_lost_order_is_repeated_as_it_was_after_growing_pauses() -> None:
    made = till(standing(2, 50))
    lost = order(ask(made, 0.0, wish("a", 40)))
    now, pauses = 0.0, []
    for _ in range(8):
        made.flushed(now, acked(now=now))
        made.grant_lost(now)
        began = now
        while not (commands := [one for one in made.tick(now) if isinstance(one, Grant)]):
            now += 0.01
        assert commands == [Grant(lost)]
        pauses.append(round(now - began, 2))
    assert pauses == pytest.approx([0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0, 1.0], abs=0.011)


def test_the_answer_to_a_repeated_order_tells_what_was_granted_but_not_to_whom() -> None:
    made = till()
    ask(made, 0.1, wish("a", 40))
    made.grant_lost(0.2)
    made.tick(0.3)
    assert admitted(made.granted(0.4, reply(0.4, standing(1, 40)))) == [("a", 40)]


def test_budgets_that_the_book_does_not_know_refuse_their_calls_only() -> None:
    made = till()
    ask(made, 0.1, wish("a", 40, 1))
    made.granted(0.2, reply(0.2, standing(1), CONTENDED))
    ask(made, 0.21, wish("b", 40, 2))
    ask(made, 0.21, wish("c", 40, 3))
    made.granted(0.22, reply(0.22, standing(2), answers("contended", budget=2)[0], number=2))
    made.leave(CallId("c"))
    made.granted(0.23, reply(0.23, number=3))
    order(made.tick(0.3))
    commands = made.unknown(0.31, [1])
    assert refused(commands) == [("a", None)]
    assert order(commands).asks == (Ask((need(2, 40, 40),)),)


def test_an_unknown_budget_of_a_caller_who_has_gone_concerns_nobody() -> None:
    made = till()
    ask(made, 0.1, wish("a", 40))
    made.leave(CallId("a"))
    assert made.unknown(0.2, [1]) == []


# A call ends --------------------------------------------------------------------------------------------------------


def test_an_outcome_is_written_once() -> None:
    made = till(standing(1, 100))
    (append, _) = ask(made, 0.1, wish("a", 40))
    assert isinstance(append, Append)
    reserved = append.record
    assert isinstance(reserved, Reserved)
    commands = made.settle(0.2, CallId("a"), "estimated", Nanos(30), b"how")
    assert commands == [Append(Resolved(reserved, "estimated", Nanos(30), b"how"))]
    assert made.settle(0.3, CallId("a"), "void", Nanos(0)) == []


def test_the_change_serves_who_waits() -> None:
    made = till(standing(1, 50))
    ask(made, 0.1, wish("a", 40))
    ask(made, 0.1, wish("b", 30))
    commands = end(made, 0.2, "a", 10)
    assert isinstance(commands[0], Append), "the outcome is written before its money is used"
    assert admitted(commands) == [("b", 30)]


def test_near_the_limit_an_outcome_is_told_and_the_change_goes_back_at_once() -> None:
    made = busy(40)
    commands = end(made, 0.2, "a", 30)
    assert returned(commands) == [(1, 1, 10)]
    assert commands[-1] == Flush()


def test_far_from_it_within_a_quarter_of_a_second() -> None:
    made = till(standing(1, 40))
    ask(made, 0.1, wish("a", 40))
    assert len(end(made, 0.2, "a", 30)) == 1
    assert Flush() not in made.tick(0.24)
    assert Flush() in made.tick(0.25)


def test_a_reservation_that_could_not_be_written_never_was() -> None:
    made = till(standing(1, 40))
    ask(made, 0.1, wish("a", 40))
    ask(made, 0.1, wish("b", 40))
    made.unwritten(0.1, CallId("a"))
    assert made.open == {}
    assert admitted(made.tick(0.12)) == [("b", 40)]


# Telling the book ---------------------------------------------------------------------------------------------------


def test_one_flush_at_a_time_and_what_ended_meanwhile_is_told_right_after() -> None:
    made = busy(40)
    ask(made, 0.1, wish("b", 40))
    made.granted(0.15, reply(0.15, standing(1, 80, tight=True), WHOLE, number=2))
    assert end(made, 0.2, "a", 40)[-1] == Flush()
    assert Flush() not in end(made, 0.2, "b", 40)
    assert made.flushed(0.3, acked(3, now=0.3)) == [Flush()]
    assert made.flushed(0.4, acked(4, now=0.4)) == []


def test_a_batch_that_was_not_all_is_followed_by_the_next() -> None:
    made = till()
    assert made.tick(1.0) == [Flush()]
    assert made.flushed(1.1, acked(25, now=1.1), more=True) == [Flush()]


def test_what_the_journal_could_not_take_is_told_later_and_at_the_usual_pace() -> None:
    made = till(standing(1, 40))
    ask(made, 0.1, wish("a", 40))
    end(made, 0.2, "a", 40)
    assert Flush() in made.tick(0.25)
    assert made.flushed(0.3, acked(1, now=0.3), unwritten=True) == []
    assert Flush() not in made.tick(0.49)
    assert Flush() in made.tick(0.5)


def test_a_worker_without_calls_is_heard_once_a_second() -> None:
    made = till()
    assert made.tick(0.9) == []
    assert made.tick(1.0) == [Flush()]
    assert made.tick(1.3) == [], "the heartbeat is on its way"
    made.flushed(1.4, acked(now=1.4))
    assert made.tick(2.3) == []
    assert made.tick(2.4) == [Flush()]


def test_a_reply_tells_which_money_others_want() -> None:
    made = till(standing(1, 50), standing(2, 60))
    made.tick(1.0)
    assert returned(made.flushed(1.1, acked(0, 1, now=1.1))) == [(1, 1, 50)]


def test_so_does_a_notice() -> None:
    made = till(standing(1, 50), standing(2, 60))
    assert returned(made.wanted(0.1, 1)) == [(1, 1, 50)]
    assert made.wanted(0.2, 9) == []


def test_changed_terms_bring_the_money_back_too() -> None:
    made = till(standing(1, 50))
    assert returned(made.changed(0.1, 1)) == [(1, 1, 50)]
    assert order(ask(made, 0.2, wish("a", 10))).asks == (Ask((need(1, 10, 10),)),)


def test_wanted_money_that_waiting_calls_need_stays_and_nobody_hammers_the_book() -> None:
    made = till(standing(1, 30))
    ask(made, 0.9, wish("a", 40))
    assert made.tick(1.0) == [Flush()]
    assert made.flushed(1.1, acked(0, 1, now=1.1)) == []
    assert made.wanted(1.1, 1) == []


def test_it_goes_back_as_soon_as_they_are_refused() -> None:
    made = till(standing(1, 30))
    ask(made, 0.1, wish("a", 40))
    assert made.wanted(0.15, 1) == []
    assert returned(made.granted(0.2, reply(0.2, standing(1, 30), CONTENDED, number=2))) == [(1, 1, 30)]


def test_what_should_go_back_and_could_not_goes_with_the_next_look_at_the_clock() -> None:
    made = till(standing(1, 30))
    ask(made, 0.1, wish("a", 40))
    made.wanted(0.1, 1)
    made.leave(CallId("a"))
    assert returned(made.tick(0.25)) == [(1, 1, 30)]


def test_a_record_that_was_buried_says_nothing_of_the_time() -> None:
    made = till(standing(1, 100, resets_at=10.0))
    made.tick(1.0)
    made.flushed(1.1, replace(acked(now=1.1), now=0.0))
    (append, _) = ask(made, 2.0, wish("a", 40))
    assert isinstance(append, Append)
    assert isinstance(append.record, Reserved)
    assert append.record.opened_us == int((BOOK_TIME + 2.0) * 1_000_000)


# What the book may have forgotten -----------------------------------------------------------------------------------


def resolved(*budgets: int) -> Resolved:
    made = till(*(standing(budget_id, 100) for budget_id in budgets))
    (append, _) = ask(made, 0.0, wish("a", 40, *budgets))
    assert isinstance(append, Append)
    assert isinstance(append.record, Reserved)
    return Resolved(append.record, "exact", Nanos(40))


def test_a_flush_says_again_what_was_granted_on_the_accounts_it_touches() -> None:
    made = till(standing(1, 50), standing(2, 60), standing(3, 70))
    made.tick(1.0)
    said = made.say_again([resolved(1)], [Amount(3, 1, Nanos(5))])
    assert said == (Amount(1, 1, Nanos(50)), Amount(3, 1, Nanos(70)))


@pytest.mark.parametrize("loss", ["flush", "grant"])
def test_after_a_loss_the_next_flush_says_it_of_all_accounts_and_gives_nothing_back(loss: str) -> None:
    made = till(standing(1, 50), standing(2, 60))
    if loss == "flush":
        made.tick(1.0)
        made.flush_lost(1.1)
    else:
        ask(made, 1.0, wish("a", 40, 9))
        made.flushed(1.05, acked(now=1.05))
        made.grant_lost(1.1)
        made.leave(CallId("a"))
    assert made.wanted(1.1, 1) == ([] if loss == "flush" else [Flush()]), "a lost flush is repeated at its pace"
    assert (loss == "grant") or made.tick(1.35) == [Flush()]
    assert made.say_again([], []) == (Amount(1, 1, Nanos(50)), Amount(2, 1, Nanos(60)))
    assert returned(made.flushed(1.4, acked(now=1.4))) == [(1, 1, 50)]
    assert made.say_again([], []) == ()


def test_a_book_that_counts_less_than_it_granted_has_forgotten_and_is_told_again() -> None:
    made = till(standing(1, 50), standing(2, 60))
    ask(made, 0.1, wish("a", 70))
    made.granted(0.15, reply(0.15, standing(1, 30), WHOLE, number=2))
    assert Flush() in made.tick(0.25)
    assert made.say_again([], []) == (Amount(1, 1, Nanos(50)), Amount(2, 1, Nanos(60)))


def test_a_loss_while_a_flush_is_on_its_way_is_not_forgotten_by_its_answer() -> None:
    made = till(standing(1, 50))
    made.tick(1.0)
    ask(made, 1.0, wish("a", 40, 9))
    made.grant_lost(1.05)
    made.flushed(1.1, acked(now=1.1))
    made.tick(2.2)
    assert made.say_again([], []) == (Amount(1, 1, Nanos(50)),)


def test_a_lost_flush_is_repeated_after_a_quarter_of_a_second() -> None:
    made = till()
    made.tick(1.0)
    made.flush_lost(1.1)
    assert Flush() not in made.tick(1.3)
    assert Flush() in made.tick(1.36)


# Time ---------------------------------------------------------------------------------------------------------------


def test_a_contended_caller_waits_six_tenths_of_a_second() -> None:
    made = till()
    ask(made, 0.1, wish("a", 40))
    made.granted(0.2, reply(0.2, standing(1, leased=9_990, tight=True), CONTENDED))
    made.tick(0.3)
    made.granted(0.65, reply(0.65, standing(1, leased=9_990, tight=True), CONTENDED, number=2))
    assert refused(made.tick(0.69)) == []
    (refusal,) = [one for one in made.tick(0.7) if isinstance(one, Refuse)]
    assert (refusal.call_id, refusal.verdict) == ("a", "contended")
    assert refusal.standing is not None


def test_a_caller_of_whom_the_book_said_nothing_waits_two_seconds() -> None:
    made = till()
    ask(made, 0.1, wish("a", 40))
    made.flushed(2.0, acked(now=2.0))
    assert refused(made.tick(2.0)) == []
    assert made.tick(2.11)[0] == Refuse(CallId("a"), None, None)


def test_who_can_be_served_in_the_last_moment_is_not_refused() -> None:
    made = till(standing(1, 40))
    ask(made, 0.1, wish("a", 40))
    ask(made, 0.1, wish("b", 40))
    made.unwritten(0.1, CallId("a"))
    assert admitted(made.tick(2.2)) == [("b", 40)]


def test_leases_that_run_low_are_filled_before_somebody_waits() -> None:
    made = till(standing(1, 50, limit=100_000))
    ask(made, 0.1, wish("a", 40))
    filled = order(made.tick(0.2))
    assert filled.asks == ()
    assert [budget_id for budget_id, _ in filled.wants] == [1]


def test_and_go_along_with_an_order_that_is_made_anyway() -> None:
    made = till(standing(1, 50, limit=100_000))
    ask(made, 0.1, wish("a", 40, 1))
    asked = order(ask(made, 0.1, wish("b", 40, 2)))
    assert [budget_id for budget_id, _ in asked.wants] == [1, 2]


def test_an_order_that_fills_names_at_most_so_many_budgets() -> None:
    many = range(1, MOST_WANTS + 3)
    made = till(*(standing(budget_id, 50, limit=100_000) for budget_id in many))
    ask(made, 0.1, wish("a", 40, *many))
    assert len(order(made.tick(0.2)).wants) == MOST_WANTS


def test_who_waits_is_looked_after_every_twenty_milliseconds() -> None:
    made = till()
    assert made.next_tick(1.0) == pytest.approx(1.125)
    ask(made, 1.0, wish("a", 40))
    assert made.next_tick(1.0) == pytest.approx(1.02)
    made.leave(CallId("a"))
    made.grant_lost(1.1)
    assert made.next_tick(1.1) == pytest.approx(1.12), "the order has to be repeated"


# The end ------------------------------------------------------------------------------------------------------------


def test_a_worker_that_closes_admits_nobody_and_refuses_who_waits() -> None:
    made = till(standing(1, 100))
    ask(made, 0.1, wish("a", 40, 2))
    commands = made.close(0.2)
    assert refused(commands) == [("a", None)]
    assert refused(ask(made, 0.2, wish("b", 40, 1))) == [("b", None)]


def test_its_journal_ends_when_no_call_is_open_no_order_and_no_flush_is_on_its_way() -> None:
    made = till(standing(1, 100))
    ask(made, 0.1, wish("a", 40))
    order(ask(made, 0.1, wish("b", 40, 2)))
    assert made.tick(1.0) == [Flush()]
    assert refused(made.close(1.1)) == [("b", None)]
    assert Append(Stopped()) not in made.granted(1.2, reply(1.2, standing(2), WHOLE))
    assert Append(Stopped()) not in end(made, 1.3, "a", 40)
    assert not made.done
    assert made.flushed(1.4, acked(2, now=1.4)) == [Append(Stopped()), Flush()]
    assert not made.done
    assert made.flushed(1.5, acked(3, now=1.5)) == []
    assert made.done


def test_an_order_on_its_way_is_repeated_and_its_answer_awaited_but_no_new_one_is_made() -> None:
    """Nobody may be given money after the end."""
    made = till(standing(1, 50, limit=100_000))
    ask(made, 0.1, wish("a", 40))
    lost = order(made.tick(0.2))
    end(made, 0.3, "a", 40)
    assert made.close(0.3) == []
    made.grant_lost(0.4)
    assert Grant(lost) in made.tick(0.5)
    made.flushed(0.55, acked(2, now=0.55))
    assert made.granted(0.6, reply(0.6, standing(1, 60, limit=100_000))) == [Append(Stopped()), Flush()]
    assert [one for one in made.tick(0.7) if isinstance(one, Grant)] == []


def test_a_worker_that_closes_fills_no_leases() -> None:
    made = till(standing(1, 50, limit=100_000))
    ask(made, 0.1, wish("a", 40))
    made.close(0.1)
    assert made.tick(0.2) == []


def test_a_closed_till_gives_nothing_back_by_itself() -> None:
    """What is left goes back with the epoch."""
    made = till(standing(1, 50))
    assert made.close(0.1) == [Append(Stopped()), Flush()]
    assert made.flushed(0.2, acked(1, 1, now=0.2)) == []
    assert made.wanted(0.3, 1) == []
    assert made.done


def test_it_is_not_done_before_the_book_has_the_end() -> None:
    made = till()
    made.tick(1.0)
    made.flushed(1.01, acked(now=1.01))
    ask(made, 1.02, wish("a", 40))
    made.grant_lost(1.05)
    made.tick(1.1)
    made.close(1.11)
    assert made.granted(1.12, reply(1.12, standing(1), WHOLE)) == [Append(Stopped())], "the flush keeps its pace"
    assert not made.done
    assert made.tick(1.26) == [Flush()]
    made.flushed(1.3, acked(1, now=1.3))
    assert made.done


def test_nor_after_a_flush_that_was_lost() -> None:
    made = till()
    made.tick(1.0)
    made.flush_lost(1.1)
    assert made.close(1.1) == [Append(Stopped())], "the flush keeps its pace"
    assert not made.done
    assert Flush() in made.tick(1.36)
    made.flushed(1.4, acked(1, now=1.4))
    assert made.done
