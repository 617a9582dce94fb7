"""What importing operators and factory costs over ``airflow.sdk``: CPU and memory, median of seven processes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

MEASURE = """
import json, time
from airflow.sdk import DAG, BaseOperator  # what any DAG file has loaded
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
before, start = rss(), time.process_time()
from airflow_windvane import *
import airflow_windvane.dag_factory
print("ANSWER" + json.dumps([1000 * (time.process_time() - start), (rss() - before) / 2**20]))
"""


def main() -> int:
    """Measure and compare with the promise."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    answers = []
    for _ in range(7):
        done = subprocess.run(
            [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True, env=environment
        )
        answers.append(json.loads(done.stdout.split("ANSWER")[1]))
    milliseconds, megabytes = (statistics.median(column) for column in zip(*answers, strict=True))
    print(f"import over airflow.sdk: {milliseconds:.0f} ms CPU (promised 50), {megabytes:.1f} MB (promised 5)")
    return 0 if milliseconds <= 50 and megabytes <= 5 else 1


if __name__ == "__main__":
    raise SystemExit(main())
