"""One catalog for all tests that only read it: a look at the whole source takes a while."""

from datetime import date
from typing import Final

import pytest

from tollhouse.catalog.models import Catalog, load

TODAY: Final = date(2026, 11, 23)


@pytest.fixture(scope="session")
def today() -> date:
    """The day whose prices are in force in these tests."""
    return TODAY


@pytest.fixture(scope="session")
def catalog(today: date) -> Catalog:
    """The source as it is, without overrides."""
    return load(None, today)
