"""A home for Airflow, made before anything imports it, and helpers to write pipelines."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

_HOME = tempfile.mkdtemp(prefix="windvane-airflow-")
os.environ.update(
    {
        "AIRFLOW_HOME": _HOME,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": f"{_HOME}/dags",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
    }
)
os.makedirs(f"{_HOME}/dags", exist_ok=True)

import pytest  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOADER = """\
# An Airflow DAG file.
from __future__ import annotations

from airflow_windvane import load_dags

LOADED = load_dags(globals(), "pipelines")
"""

SPEC = """\
pipeline: {name}
intent: Orders as they are.
owner: sales
tags: [shop, daily]
schedule: "@daily"
retries: 3
retry_delay: 5
source:
  csv: {{path: data/*.csv}}
target:
  parquet: {{path: lake/{name}}}
checks:
  - not_null: id
"""


@pytest.fixture(scope="session", autouse=True)
def airflow_home() -> Iterator[Path]:
    """The session's AIRFLOW_HOME; removed at the end."""
    yield Path(_HOME)
    subprocess.run(["rm", "-rf", _HOME], check=False)


@pytest.fixture(scope="session")
def migrated(airflow_home: Path) -> Path:
    """AIRFLOW_HOME with its metadata database."""
    run_python("-m", "airflow", "db", "migrate")
    shutil.copy(airflow_home / "airflow.db", airflow_home / "pristine.db")
    return airflow_home


class Dags:
    """A folder with a DAG file, specs and a little data."""

    text = SPEC

    def __init__(self, root: Path) -> None:
        self.root = root
        self.specs = root / "pipelines"
        self.data = self.specs / "data"
        # Where the relative path of a target leads: never into the DAG folder.
        self.lake = Path(_HOME) / "windvane" / "data" / "lake"
        self.loader = root / "windvane_factory.py"
        self.specs.mkdir(parents=True)
        self.data.mkdir()
        self.loader.write_text(LOADER)
        (self.data / "orders.csv").write_text("id,amount\n1,10.50\n2,3.20\n,7.00\n")
        (self.data / "people.csv").write_text("id,name\n1,Ada\n2,Grace\n")

    def spec(self, name: str, text: str = SPEC) -> Path:
        """Write a spec; it reads the folder's data."""
        path = self.specs / f"{name}.windvane.yaml"
        path.write_text(text.format(name=name))
        return path

    def broken(self, name: str) -> Path:
        """Write a spec with one misspelt key."""
        path = self.specs / f"{name}.windvane.yaml"
        path.write_text(SPEC.format(name=name).replace("pipeline:", "pipelin:"))
        return path

    def bag(self) -> object:
        """What Airflow makes of the folder."""
        try:
            from airflow.dag_processing.dagbag import DagBag
        except ImportError:
            from airflow.models.dagbag import DagBag

        return DagBag(dag_folder=str(self.root))


@pytest.fixture
def dags(tmp_path: Path) -> Dags:
    """An empty DAG folder."""
    return Dags(tmp_path / "dags")


@pytest.fixture
def bundled(migrated: Path, request: pytest.FixtureRequest) -> Dags:
    """A DAG folder inside Airflow's own bundle, where ``dag.test()`` looks for the DAG."""
    return Dags(migrated / "dags" / request.node.name.replace("[", "_").replace("]", "_"))


def run_python(*arguments: str, timeout: float = 120, **environment: str) -> str:
    """Run this interpreter, and return what it printed."""
    known = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    paths = [*environment.pop("PYTHONPATH", "").split(os.pathsep), *sys.path]
    known |= {"PYTHONPATH": os.pathsep.join(path for path in paths if path), **environment}
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=timeout, env=known, check=False
    )
    assert done.returncode == 0, (
        f"{arguments} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    )
    return done.stdout


@pytest.fixture
def python() -> Callable[..., str]:
    """:func:`run_python`."""
    return run_python
