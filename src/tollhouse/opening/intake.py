"""The door for spans, from settings."""

from functools import partial

from tollhouse.control import identity
from tollhouse.db.pool import Database
from tollhouse.foundation.clock import Clock
from tollhouse.gateway.strangers import Strangers
from tollhouse.intake.asgi import Intake, IntakeLimits
from tollhouse.intake.capacity import Pace, Room
from tollhouse.intake.commits import Commits
from tollhouse.intake.otlp import Limits
from tollhouse.intake.senders import Senders
from tollhouse.intake.sorting import Sorter, Window
from tollhouse.opening.hearing import Known
from tollhouse.settings import Settings
from tollhouse.traces.attribution import Attribution
from tollhouse.traces.ingest import ingest

_DAY_S = 86_400.0


def intake_of(settings: Settings, database: Database, known: Known, clock: Clock) -> Intake:
    """Its `commits.run` is a loop of the process; nothing else of it need be closed."""
    commits = Commits(database, ingest, most_waiting=settings.ingest_max_waiting_spans)
    own_host = None if settings.public_url is None else settings.public_url.host
    touch = partial(identity.note_use, database, clock)
    return Intake(
        senders=Senders(known.permits, known.tokens, clock, secret=settings.ingest_secret(), touch=touch),
        pace=Pace(clock, settings.ingest_spans_per_s),
        room=Room(settings.ingest_max_inflight_bytes, commits.full),
        sorter=Sorter(
            Attribution(database, clock), clock, Window(settings.ingest_days_back * _DAY_S), own_host=own_host
        ),
        commits=commits,
        strangers=Strangers(clock),
        limits=IntakeLimits(
            max_body_bytes=settings.ingest_max_body_bytes,
            max_decoded_bytes=settings.ingest_max_decoded_bytes,
            body_timeout_s=settings.body_timeout_s,
            otlp=Limits(spans=settings.ingest_max_spans),
        ),
    )
