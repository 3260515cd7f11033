"""Counts of one machine's workers, in memory that they share: written by one of them each, read by any."""
