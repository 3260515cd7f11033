"""The door for spans, from settings, and the office behind it: in this process, or in one of its own."""

import os
from functools import partial

from tollhouse import settings as house_settings
from tollhouse.control import identity
from tollhouse.db.pool import Database
from tollhouse.foundation.clock import Clock
from tollhouse.gateway.strangers import Strangers
from tollhouse.intake.annex import Annex
from tollhouse.intake.asgi import Intake, IntakeLimits
from tollhouse.intake.capacity import Pace, Room
from tollhouse.intake.commits import Commits
from tollhouse.intake.counts import Counts
from tollhouse.intake.office import Office, OwnOffice
from tollhouse.intake.otlp import Limits
from tollhouse.intake.senders import Senders
from tollhouse.intake.sorting import Sorter, Window
from tollhouse.opening.hearing import Known
from tollhouse.settings import Settings
from tollhouse.tallies.cells import Tally
from tollhouse.traces.attribution import Attribution
from tollhouse.traces.ingest import ingest

_DAY_S = 86_400.0


def intake_of(
    settings: Settings, database_url: str, database: Database, known: Known, clock: Clock, tally: Tally
) -> Intake:
    """Its `office.run` is a loop of the process; nothing else of it need be closed."""
    office = _annex_of(settings, database_url) if settings.ingest_process else own_office_of(settings, database, clock)
    touch = partial(identity.note_use, database, clock)
    return Intake(
        senders=Senders(known.permits, known.tokens, clock, secret=settings.ingest_secret(), touch=touch),
        pace=Pace(clock, settings.ingest_spans_per_s),
        room=Room(settings.ingest_max_inflight_bytes, office.full),
        office=office,
        strangers=Strangers(clock),
        limits=IntakeLimits(max_body_bytes=settings.ingest_max_body_bytes, body_timeout_s=settings.body_timeout_s),
        counts=Counts(tally),
    )


def own_office_of(settings: Settings, database: Database, clock: Clock) -> OwnOffice:
    """The work on spans, in this process."""
    own_host = None if settings.public_url is None else settings.public_url.host
    commits = Commits(database, ingest, most_waiting=settings.ingest_max_waiting_spans)
    window = Window(settings.ingest_days_back * _DAY_S)
    return OwnOffice(
        sorter=Sorter(Attribution(database, clock), clock, window, own_host=own_host),
        commits=commits,
        room=Room(settings.ingest_max_inflight_bytes, commits.full),
        max_decoded_bytes=settings.ingest_max_decoded_bytes,
        limits=Limits(spans=settings.ingest_max_spans),
    )


def _annex_of(settings: Settings, database_url: str) -> Office:
    return Annex(os.environ | house_settings.environment_of(settings) | {"DATABASE_URL": database_url})
