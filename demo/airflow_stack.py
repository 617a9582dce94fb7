"""A local Airflow for the demo: its processes, and the few words of its REST API that the demo needs."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

COMPONENTS = ("api-server", "scheduler", "dag-processor")


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


class Airflow:
    """API server, scheduler and DAG processor on this machine, on free ports, in one folder.

    Args:
        root: The folder of the demo; AIRFLOW_HOME is ``home`` in it, the DAGs are in ``dags``.
        variables: Environment variables beside Airflow's own, such as connections.

    """

    def __init__(self, root: Path, variables: dict[str, str]) -> None:
        self.root = root
        self.home = root / "home"
        self.logs = root / "logs"
        self._running = root / "running.json"
        self._token = ""
        self.port = _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.environment = {**_clean(os.environ), **self._settings(), **variables}

    def _settings(self) -> dict[str, str]:
        sections = {
            "CORE": {
                "DAGS_FOLDER": f"{self.root}/dags",
                "LOAD_EXAMPLES": "False",
                "EXECUTOR": "LocalExecutor",
                "PARALLELISM": "4",
                "SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
                "EXECUTION_API_SERVER_URL": f"{self.address}/execution/",
                "FERNET_KEY": "",
            },
            "DATABASE": {"SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db"},
            "API": {
                "HOST": "127.0.0.1",
                "PORT": str(self.port),
                "BASE_URL": self.address,
                "WORKERS": "1",
                "SECRET_KEY": secrets.token_hex(16),
            },
            "API_AUTH": {"JWT_SECRET": secrets.token_hex(32)},
            "LOGGING": {"WORKER_LOG_SERVER_PORT": str(_free_port()), "LOGGING_LEVEL": "INFO"},
            "USAGE_DATA_COLLECTION": {"ENABLED": "False"},
        }
        named = {
            f"AIRFLOW__{section}__{key}": value for section, keys in sections.items() for key, value in keys.items()
        }
        return {"AIRFLOW_HOME": str(self.home), **named}

    def start(self) -> None:
        """Make the database, start the processes, wait until all of them are well."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / "migrate.log").open("wb") as log:
            command = [sys.executable, "-m", "airflow", "db", "migrate"]
            if subprocess.run(command, env=self.environment, stdout=log, stderr=log, check=False).returncode:
                raise DemoError(f"Airflow's database cannot be made:\n{_tail(self.logs / 'migrate.log')}")
        groups = {}
        for component in COMPONENTS:
            with (self.logs / f"{component}.log").open("wb") as log:
                # A session of its own, so that the whole family can be ended by its group.
                process = subprocess.Popen(
                    [sys.executable, "-m", "airflow", component],
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            groups[component] = process.pid
            self._running.write_text(json.dumps(groups))
        self._until("Airflow to be well", self._well, seconds=180)

    def stop(self) -> None:
        """End every process that was started here, their children too."""
        stop(self.root)

    def run(self, dag_id: str, seconds: float = 600) -> tuple[str, float]:
        """Unpause and trigger a DAG, and wait for its success: the run's id and how long it took."""
        self._until(f"the DAG {dag_id}", lambda: self._known(dag_id), seconds=120)
        self.ask("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
        run_id = self.ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None})["dag_run_id"]
        start = time.monotonic()
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        self._until(
            f"the run of {dag_id}", lambda: self.ask("GET", path)["state"] in ("success", "failed"), seconds=seconds
        )
        if self.ask("GET", path)["state"] != "success":
            raise DemoError(f"The run of {dag_id} failed.\n{self._failures(path)}")
        return run_id, time.monotonic() - start

    def result(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Ask what a task returned."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        value = self.ask("GET", path)["value"]
        return json.loads(value) if isinstance(value, str) else value

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the REST API."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if not path.startswith(("/auth", "/api/v2/monitor")):
            if not self._token:
                self._token = self.ask("GET", "/auth/token")["access_token"]
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.address + path, data, headers, method=method), timeout=30) as answer:
            return json.load(answer)

    def _well(self) -> bool:
        try:
            health = self.ask("GET", "/api/v2/monitor/health")
        except (URLError, OSError):
            return False
        return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))

    def _known(self, dag_id: str) -> bool:
        errors = self.ask("GET", "/api/v2/importErrors")["import_errors"]
        if errors:
            raise DemoError("\n".join(f"{error['filename']}:\n{error['stack_trace']}" for error in errors))
        try:
            self.ask("GET", f"/api/v2/dags/{dag_id}")
        except HTTPError as error:
            if error.code == 404:
                return False
            raise
        return True

    def _failures(self, run_path: str) -> str:
        told = []
        for task in self.ask("GET", f"{run_path}/taskInstances?limit=200")["task_instances"]:
            if task["state"] in ("failed", "up_for_retry"):
                index = f"?map_index={task['map_index']}" if task["map_index"] >= 0 else ""
                logs = self.ask("GET", f"{run_path}/taskInstances/{task['task_id']}/logs/{task['try_number']}{index}")
                lines = [_line(entry) for entry in logs["content"][-25:] if _matters(entry)]
                told.append(f"--- {task['task_id']} {task['rendered_map_index'] or ''}\n" + "\n".join(lines))
        return "\n".join(told) or "No task failed by itself; see the scheduler's log."

    def _until(self, what: str, done: Any, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not done():
            for component, group in json.loads(self._running.read_text()).items():
                if not _alive(group):
                    raise DemoError(f"Airflow's {component} has ended:\n{_tail(self.logs / f'{component}.log')}")
            if time.monotonic() > end:
                logs = "\n".join(f"--- {name}\n{_tail(self.logs / f'{name}.log', 8)}" for name in COMPONENTS)
                raise DemoError(f"Waited {seconds:.0f} s for {what}, in vain.\n{logs}")
            time.sleep(0.5)


def stop(root: Path) -> bool:
    """End the processes of a demo that was left running; whether there were any."""
    running = root / "running.json"
    if not running.exists():
        return False
    groups = [group for group in json.loads(running.read_text()).values() if _alive(group)]
    for sent, seconds in ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0)):
        for group in groups:
            with suppress(ProcessLookupError):
                os.killpg(group, sent)
        end = time.monotonic() + seconds
        while any(_alive(group) for group in groups) and time.monotonic() < end:
            time.sleep(0.1)
    running.unlink()
    return bool(groups)


def _alive(group: int) -> bool:
    """Whether a process group that the demo started still has members; a reused number is somebody else's."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, _, member = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(member) == group and state != "Z":
                return b"airflow" in (entry / "cmdline").read_bytes()
        except OSError:
            continue
    return False


def _matters(entry: dict[str, Any]) -> bool:
    return entry.get("level") in ("warning", "error", "critical")


def _line(entry: dict[str, Any]) -> str:
    """One entry of a task's log, with its exceptions and without its identifiers."""
    errors = [f"  {error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or []]
    return "\n".join([f"{entry.get('level', '')}: {entry['event']}", *errors])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _clean(environment: Any) -> dict[str, str]:
    """Give the environment without another Airflow's settings, and with bytecode, which makes its imports quick."""
    return {
        key: value
        for key, value in environment.items()
        if not key.startswith(("AIRFLOW", "WINDVANE", "_AIRFLOW")) and key != "PYTHONDONTWRITEBYTECODE"
    }


def _tail(file: Path, lines: int = 30) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-lines:]) if file.exists() else "(no log)"
