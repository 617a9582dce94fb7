"""``make demo``: a local Airflow runs two generated DAGs on real input, to success, and says what happened.

``UI=1`` leaves Airflow running; ``python demo/run.py stop`` ends it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import generate
import summary
from airflow_stack import Airflow, DemoError, stop

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent / ".demo"


def main() -> int:
    """Set up, generate, run, sum up."""
    if "stop" in sys.argv[1:]:
        print("Stopped." if stop(ROOT) else "Nothing was running.")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    stop(ROOT)
    began = time.monotonic()
    airflow = None
    keep = False
    try:
        say("Writing the shop's messy exports and the two specs")
        pipelines = set_up()
        airflow = Airflow(ROOT, variables())
        say("Planning the pipeline 'shop' by rules; 'airflow_metadata' has no plan file and is planned when it runs")
        plan(airflow, pipelines / "shop.windvane.yaml")
        say("Starting Airflow: API server, scheduler, DAG processor")
        airflow.start()
        results: dict[str, Any] = {}
        for dag_id in ("shop", "airflow_metadata"):
            say(f"Running the DAG '{dag_id}'")
            run_id, seconds = airflow.run(dag_id)
            results[dag_id] = {"seconds": seconds, "run": airflow.result(dag_id, run_id, "record")}
        print(summary.text(results, ROOT, time.monotonic() - began))
        keep = os.environ.get("UI", "") not in ("", "0")
        if keep:
            print(f"\nAirflow is running at {airflow.address}; `{sys.executable} demo/run.py stop` ends it.")
        else:
            print("\n`make demo UI=1` leaves Airflow running, to look around.")
    except DemoError as error:
        print(f"\nThe demo failed. {error}", file=sys.stderr)
        return 1
    finally:
        if airflow is not None and not keep:
            airflow.stop()
    return 0


def set_up() -> Path:
    """Make a fresh ``.demo``: DAG file, specs, data; gives the folder of the specs."""
    shutil.rmtree(ROOT, ignore_errors=True)
    pipelines = ROOT / "dags" / "pipelines"
    shutil.copytree(HERE / "pipelines", pipelines)
    (ROOT / "dags" / "windvane_factory.py").write_text(
        '"""Every spec in ``pipelines`` becomes an Airflow DAG."""\n\n'
        "from airflow_windvane import load_dags\n\n"
        'load_dags(globals(), "pipelines")\n'
    )
    generate.write(pipelines / "data")
    return pipelines


def variables() -> dict[str, str]:
    """Name the connections that the specs name, and where windvane keeps its state."""
    home = ROOT / "home"
    return {
        "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(ROOT / "warehouse.db")}),
        "AIRFLOW_CONN_AIRFLOW_METADATA": json.dumps({"conn_type": "sqlite", "host": str(home / "airflow.db")}),
        # What pipelines may touch beside their own folder: the warehouse, and Airflow's database.
        "AIRFLOW__WINDVANE__ROOTS": str(ROOT),
        "AIRFLOW__WINDVANE__STORE": f"sqlite://{ROOT}/windvane/store.db",
        "AIRFLOW__WINDVANE__STAGING": f"{ROOT}/windvane/staging",
        "WINDVANE_STORE": f"sqlite://{ROOT}/windvane/store.db",
        "WINDVANE_STAGING": f"{ROOT}/windvane/staging",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }


def plan(airflow: Airflow, spec: Path) -> None:
    """Write the plan file beside the spec, as a data engineer does before the review."""
    command = [sys.executable, "-m", "windvane", "plan", str(spec), "--rules-only"]
    done = subprocess.run(command, env=airflow.environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DemoError(f"`windvane plan` ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def say(what: str) -> None:
    """Tell what is being done."""
    print(f"• {what} …", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
