"""Parsing 1,000 pipelines: ``load_dags`` against a plain Python loop that builds the same DAGs.

Both files are parsed by a real DagBag, in a process of their own, in turns; the serialized DAGs must be equal. Prints
CPU seconds (median of five) of parsing, and of parsing and serializing, which is what the DAG processor does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SPEC = """\
pipeline: p{number:04d}
intent: The orders of shop {number}, as they are.
owner: sales
tags: [shop, daily]
schedule: "@daily"
retries: 2
retry_delay: 30
source:
  csv: {{path: data/{number}/*.csv}}
target:
  parquet: {{path: lake/p{number:04d}}}
steps:
  - filter: "amount > 0"
  - derive: {{total: "amount * 2"}}
checks:
  - not_null: id
  - unique: [id]
"""

OURS = """\
# An Airflow DAG file.
from airflow_windvane import load_dags

load_dags(globals(), "pipelines")
"""

PLAIN = """\
# An Airflow DAG file: what a careful author writes by hand for the same pipelines.
from datetime import datetime, timedelta

from airflow.sdk import DAG, AssetAlias, Param, task_group
from airflow_windvane import (
    ExtractOperator, LoadOperator, PlanOperator, RecordOperator, TransformOperator, ValidateOperator,
)

PAGES = {pages!r}
GUARDS = {guards!r}


def silent(task):
    # The record alone tells what was loaded.
    task.outlets = []
    return task


for number in range({count}):
    name = f"p{{number:04d}}"
    with DAG(
        dag_id=name, schedule="@daily", start_date=datetime(2024, 1, 1), catchup=False, max_active_runs=1,
        tags=["daily", "shop", "windvane"], doc_md=PAGES[name]["doc_md"],
        params={{
            "allow": Param(
                [], type="array", items={{"type": "string", "enum": GUARDS}}, examples=GUARDS,
                title="Let guards pass",
                description="Guards that this one run lets pass; what they would have stopped is written into its record.",
            )
        }},
        default_args={{"owner": "sales", "retries": 2, "retry_delay": timedelta(seconds=30)}},
    ) as dag:
        plan = PlanOperator(task_id="plan", spec=f"pipelines/{{name}}.windvane.yaml", connections=[])
        common = {{"connections": [], "plan_file": plan.output["plan_file"], "base": "pipelines"}}
        inside = {{**common, "map_index_template": "{{{{ task.dataset }}}}"}}

        @task_group(group_id=PAGES[name]["group"])
        def each(dataset):
            extract = silent(ExtractOperator(task_id="extract", dataset=dataset, **inside))
            extract.set_upstream(plan)
            transform = silent(TransformOperator(task_id="transform", dataset=dataset, extracted=extract.output, **inside))
            transform.set_upstream(extract)
            validate = silent(ValidateOperator(
                task_id="validate", dataset=dataset, transformed=transform.output, extracted=extract.output, **inside
            ))
            validate.set_upstream(transform)
            load = silent(LoadOperator(task_id="load", dataset=dataset, verdict=validate.output, **inside))
            load.set_upstream(validate)
            loads.append(load)

        loads = []
        each.expand(dataset=plan.output)
        record = RecordOperator(
            task_id="record", receipts=loads[0].output, outlets=[AssetAlias(f"windvane/{{name}}")],
            trigger_rule="all_done", connections=[], base="pipelines",
            plan_file="{{{{ ti.xcom_pull(task_ids='plan', key='plan_file') or '' }}}}",
        )
        record.set_upstream(loads[0])
    globals()[name] = dag
"""

MEASURE = """\
import json, sys, time
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
from airflow.models.serialized_dag import SerializedDagModel
from airflow.serialization.serialized_objects import DagSerialization
import airflow_windvane.dag_factory
bag = DagBag(dag_folder="/nonexistent", collect_dags=False, bundle_path=Path(sys.argv[1]).parent)
start = time.process_time()
bag.process_file(sys.argv[1])
parsed = time.process_time()
documents = {name: DagSerialization.to_dict(dag) for name, dag in bag.dags.items()}
done = time.process_time()
hashes = {}
for name, document in documents.items():
    document["dag"].pop("fileloc"), document["dag"].pop("relative_fileloc")
    hashes[name] = SerializedDagModel.hash(document)
print("ANSWER" + json.dumps([parsed - start, done - start, hashes, bag.import_errors]))
"""


def measure(file: Path) -> tuple[float, float, dict[str, str]]:
    """CPU seconds of parsing, of parsing and serializing, and the DAGs' hashes."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= {
        "AIRFLOW_HOME": str(file.parent.parent / "home"),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    environment |= {"AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300"}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(file)], capture_output=True, text=True, check=False, env=environment
    )
    if "ANSWER" not in done.stdout:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-4000:])
    parsing, both, hashes, errors = json.loads(done.stdout.split("ANSWER")[1])
    if errors:
        raise SystemExit(f"import errors: {errors}")
    return parsing, both, hashes


def main() -> int:
    """Generate, measure in turns, compare."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="windvane-bench-") as folder:
        # Targets may not lie among the DAGs: Airflow's home is beside them.
        root = Path(folder) / "dags"
        specs = root / "pipelines"
        specs.mkdir(parents=True)
        for number in range(chosen.count):
            (specs / f"p{number:04d}.windvane.yaml").write_text(SPEC.format(number=number))
        ours, plain = root / "ours.py", root / "plain.py"
        ours.write_text(OURS)
        from airflow_windvane.dag_factory import read_folder
        from windvane.guards import NAMES

        pages = {
            one["pipeline"]: {
                "doc_md": one["doc_md"],
                "group": next(node["group"] for node in one["graph"]["nodes"] if node["group"]),
            }
            for one in read_folder(str(specs))["pipelines"]
        }
        plain.write_text(PLAIN.format(count=chosen.count, pages=pages, guards=list(NAMES)))
        rounds = [(measure(ours), measure(plain)) for _ in range(chosen.rounds)]
    (_, _, our_hashes), (_, _, plain_hashes) = rounds[0]
    if our_hashes != plain_hashes or len(our_hashes) != chosen.count:
        different = sorted(name for name in our_hashes if our_hashes[name] != plain_hashes.get(name))
        raise SystemExit(f"the two files build different DAGs: {different[:3]} of {len(different)}")
    print(f"{chosen.count} pipelines of 6 tasks, CPU seconds, median of {chosen.rounds} in turns")
    worst = 0.0
    for index, what in enumerate(("parse", "parse + serialize")):
        our = statistics.median(one[0][index] for one in rounds)
        by_hand = statistics.median(one[1][index] for one in rounds)
        worst = max(worst, our / by_hand)
        print(f"  {what:18} load_dags {our:6.2f}   plain loop {by_hand:6.2f}   ratio {our / by_hand:.2f}")
    return 0 if worst <= 1.5 else 1


if __name__ == "__main__":
    raise SystemExit(main())
