"""How long the stories wait for others, and how much they do in one round."""

from datetime import timedelta
from typing import Final

UNFINISHED: Final = timedelta(minutes=10)
"""By then a registration is over, or whoever worked on it is dead."""
DISCARD_WAIT_S: Final = 5.0
"""For tidying up while somebody waits for an answer; what is not done by then is done in the background."""
MOST_PER_ROUND: Final = 20
