"""What happened, in few words: for the story that is printed with a violation."""

from tollhouse.ledger.protocol import FlushReply, GrantReply
from tollhouse.ledger.records import Carried, Record, Reserved, Resolved, Returned
from tollhouse.ledger.till import Admit, Append, Grant, Refuse


def brief(thing: object) -> str:
    """One line, or what `str` says."""
    match thing:
        case Append(record):
            return f"append {_record(record)}"
        case Admit(reserved):
            return f"admit {reserved.call.call_id}"
        case Refuse(call_id, verdict, _):
            return f"refuse {call_id} {verdict}"
        case Grant(order):
            asks = [[(need.budget_id, need.amount, need.floor) for need in ask.needs] for ask in order.asks]
            return f"grant {order.number} asks {asks} wants {list(order.wants)}"
        case GrantReply():
            answers = [(answer.verdict, answer.budget_id) for answer in thing.answers]
            return f"{thing.number}: {answers} {_standings(thing)}"
        case FlushReply():
            return f"acked {thing.acked} wanted {list(thing.wanted)}"
        case _:
            return str(thing)


def _standings(reply: GrantReply) -> str:
    return " ".join(
        f"[{told.budget_id}/{told.period_seq} limit {told.limit} spent {told.spent} leased {told.leased} "
        f"doubt {told.doubt} granted {told.granted}{' tight' if told.tight else ''}]"
        for told in reply.standings
    )


def _record(record: Record) -> str:
    match record:
        case Reserved():
            return f"reserved {record.call.call_id} {record.amount} {[tuple(part) for part in record.parts]}"
        case Resolved():
            return f"resolved {record.reserved.call.call_id} {record.kind} {record.cost} of {record.reserved.amount}"
        case Returned():
            return f"returned {[tuple(amount) for amount in record.amounts]}"
        case Carried():
            return f"carried {record.reserved.call.call_id}"
        case _:
            return "stopped"
