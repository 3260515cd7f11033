"""Alembic's folder: each revision is a pair of plain SQL files, so that `--sql` shows a DBA what will run."""
