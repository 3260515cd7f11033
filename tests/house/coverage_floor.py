"""Fails unless the rooms that decide about money and entry are covered to the last branch. Run after the tests."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

MUST_BE_WHOLE = (
    "src/tollhouse/ledger/",
    "src/tollhouse/access/",
    "src/tollhouse/catalog/",
    "src/tollhouse/gateway/meter.py",
)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        subprocess.run([sys.executable, "-m", "coverage", "json", "-q", "-o", str(report)], check=True)
        measured = json.loads(report.read_text())
    gaps = [
        f"{name}: lines {figures['missing_lines']}, branches {figures['missing_branches']}"
        for name, figures in measured["files"].items()
        if name.startswith(MUST_BE_WHOLE) and figures["summary"]["percent_covered"] < 100
    ]
    print(f"Covered to the last branch: {', '.join(MUST_BE_WHOLE)}." if not gaps else f"{len(gaps)} files have gaps.")
    for gap in gaps:
        print(f"NOT COVERED  {gap}")
    return 1 if gaps else 0


if __name__ == "__main__":
    sys.exit(main())
