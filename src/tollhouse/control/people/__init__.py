"""People: users, their teams, and what lets them in: passwords, sessions, API tokens."""
