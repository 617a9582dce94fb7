"""Celery: two workers that share no disk, with Redis, PostgreSQL and S3. Every stage of a run is on another worker."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from services.process import free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.postgres import Server as Postgres
    from services.s3 import Server as Store

ROWS = 60
# No stage is where the one before it was.
QUEUES = {"plan": "a", "extract": "b", "transform": "a", "validate": "b", "load": "a", "record": "b"}

DAG_FILE = f"""\
# An Airflow DAG file.
from airflow.sdk import DAG
from airflow_windvane import load_dags

load_dags(globals(), "pipelines")
for dag in [value for value in globals().values() if isinstance(value, DAG)]:
    for task in dag.tasks:
        task.queue = {QUEUES}[task.task_id.rpartition(".")[2]]
"""

SPEC = """\
pipeline: {name}
schedule: "@once"
retries: 0
source:
  csv: {{path: data/orders.csv}}
target:
  postgres: {{connection: warehouse}}
{staging}
datasets:
  orders:
    to: {name}
    strategy: staged
    steps:
      - cast: {{amount: int64}}
"""

HOSTNAME = """\
import os


def name() -> str:
    return os.environ["WORKER_NAME"]
"""

ENDED = {"success", "failed"}

# A disk of its own for what is started, at the same path on each machine.
OWN_DISK = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs "$1" && shift && exec "$@"', "sh"]


class Stack:
    """Airflow's processes; the metadata database says how far the runs are."""

    def __init__(self, root: Path, environment: dict[str, str], postgres: Postgres, database: str) -> None:
        self.root, self.environment, self.postgres, self.database = root, environment, postgres, database
        self.processes: list[subprocess.Popen[bytes]] = []
        # The database of the target and of windvane's store.
        self.data = ""

    @contextlib.contextmanager
    def airflow(self, name: str, *arguments: str, ready: Any = lambda: True, **own: str) -> Iterator[None]:
        log = self.root / f"{name}.log"
        command = [sys.executable, "-m", "airflow", *arguments]
        if name.startswith("worker"):
            command = [*OWN_DISK, str(self.root / "disk"), *command]
        home = self.root / name
        home.mkdir()
        own = {"AIRFLOW_HOME": str(home), "HOME": str(home), "WORKER_NAME": name, **own}
        with running(command, log, ready, timeout=240, env={**self.environment, **own}, cwd=home) as process:
            self.processes.append(process)
            yield

    def states(self) -> dict[str, str]:
        return dict(self.postgres.query("SELECT dag_id, state FROM dag_run", database=self.database))

    def until_ended(self, wanted: int, seconds: float) -> dict[str, str]:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            states = self.states()
            if len(states) == wanted and set(states.values()) <= ENDED:
                return states
            dead = [process.args for process in self.processes if process.poll() is not None]
            assert not dead, f"{dead} ended: {self.told()}"
            time.sleep(0.3)
        tasks = self.postgres.query("SELECT dag_id, task_id, state, queue FROM task_instance", database=self.database)
        raise TimeoutError(f"{self.states()} {tasks} {self.told()}")

    def told(self) -> str:
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-1500:]}" for log in self.root.glob("*.log"))

    def task_log(self, worker: str, dag: str, task: str) -> str:
        logs = sorted((self.root / worker / "logs").rglob(f"dag_id={dag}/**/task_id=*{task}/**/*.log"))
        assert logs, f"{worker} has no log of {dag} {task}"
        return "\n".join(log.read_text() for log in logs)


@pytest.fixture
def stack(celery_broker: str, postgres: Postgres, s3: Store, tmp_path: Path) -> Iterator[Stack]:
    """Everything but the workers is one machine; each worker is a machine of its own."""
    dags = tmp_path / "dags"
    (dags / "pipelines" / "data").mkdir(parents=True)
    (dags / "windvane_factory.py").write_text(DAG_FILE)
    lines = "".join(f"{number},{'x' if number == 7 else number * 10}\n" for number in range(ROWS))
    (dags / "pipelines" / "data" / "orders.csv").write_text(f"id,amount\n{lines}")
    for name, staging in (("on_s3", f"staging: s3://store@{s3.bucket()}/staging"), ("on_disks", "")):
        text = SPEC.format(name=name, staging=staging)
        (dags / "pipelines" / f"{name}.windvane.yaml").write_text(text)
    (tmp_path / "names").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "names" / "celery_test_names.py").write_text(HOSTNAME)
    metadata, data, web = postgres.database(), postgres.database(), free_port()
    alchemy = postgres.url(metadata).replace("postgresql://", "postgresql+psycopg2://")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "WINDVANE"))},
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "names"), *filter(None, sys.path)]),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "celery_test_names.name",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{web}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{web}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": alchemy,
        "AIRFLOW__CELERY__BROKER_URL": celery_broker,
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{alchemy}",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__WINDVANE__STAGING": str(tmp_path / "disk" / "staging"),
        "AIRFLOW__WINDVANE__STORE": postgres.url(data),
        "AIRFLOW_CONN_WAREHOUSE": postgres.url(data),
        "AIRFLOW_CONN_STORE": s3.connection(),
    }
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    migrated = {**environment, "AIRFLOW_HOME": str(tmp_path / "migrate"), "WORKER_NAME": "server"}
    done = subprocess.run(command, env=migrated, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    running_stack = Stack(tmp_path, environment, postgres, metadata)

    def answers() -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{web}/api/v2/version", timeout=2):
            return True
        return False

    serve = ["api-server", "--host", "127.0.0.1", "--port", str(web), "--workers", "1"]
    with contextlib.ExitStack() as all_:
        start = running_stack.airflow
        for worker in ("a", "b"):
            flags = ["-H", f"worker-{worker}@%h", "-q", worker, "-c", "1", "--skip-serve-logs"]
            all_.enter_context(start(f"worker-{worker}", "celery", "worker", *flags))
        all_.enter_context(start("dag-processor", "dag-processor"))
        all_.enter_context(start("api-server", *serve, ready=answers))
        all_.enter_context(start("scheduler", "scheduler"))
        running_stack.data = data
        yield running_stack


@pytest.mark.timeout(600)
def test_two_workers_that_share_no_disk(stack: Stack) -> None:
    states = stack.until_ended(2, 400)
    told = stack.told() if states["on_s3"] != "success" else ""
    assert states == {"on_s3": "success", "on_disks": "failed"}, told
    rows = stack.postgres.query("SELECT id, amount FROM on_s3 ORDER BY id", database=stack.data)
    assert rows == [(number, number * 10) for number in range(ROWS) if number != 7]
    # Each stage was where its queue is, and what they share is the bucket.
    places = stack.postgres.query(
        "SELECT task_id, hostname FROM task_instance WHERE dag_id = 'on_s3' AND state = 'success'",
        database=stack.database,
    )
    assert {task.rpartition(".")[2]: host for task, host in places} == {
        task: f"worker-{queue}" for task, queue in QUEUES.items()
    }
    assert not list((stack.root / "disk").iterdir())
    # The plan without a file came through the store; the rows did not come through at all.
    log = stack.task_log("worker-a", "on_disks", "transform")
    assert "staged on worker-b's disk at " in log
    assert "; this is worker-a" in log
    assert "Set [windvane] staging to a shared folder or s3://" in log
    tables = stack.postgres.query("SELECT to_regclass('on_disks')", database=stack.data)
    assert tables == [(None,)]
