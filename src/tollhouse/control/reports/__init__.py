"""Looking back: receipts of calls and the spans of their traces."""
