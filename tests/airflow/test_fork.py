"""Airflow forks in the DAG processor, the executor and the task supervisor; a child must never hang."""

from __future__ import annotations

import json

import pytest

# The parent does something, forks, and the child answers through a pipe within five seconds.
HARNESS = """
import os, select, signal, sys
import windvane_provider.dag_factory
namespace = {{"__file__": {loader!r}, "__name__": "dags"}}

def parse():
    return windvane_provider.dag_factory.load_dags(dict(namespace), "pipelines")

def use_engine():
    from windvane import stages
    around = dict(connections={{}}, store=None, staging={staging!r})
    planned = stages.plan({spec!r}, run=f"r{{os.getpid()}}", environment=None, gateway=None, **around)
    return stages.extract(planned["plan_file"], planned["outputs"][0], run=f"r{{os.getpid()}}", **around)

def answer(work):
    try:
        work()
        return "result"
    except BaseException as error:
        return type(error).__name__

{before}
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.write(write, answer({inside}).encode())
    os._exit(0)
ready, _, _ = select.select([read], [], [], 5.0)
if not ready:
    os.kill(child, signal.SIGKILL)
print("ANSWER", os.read(read, 100).decode() if ready else "hangs")
os.waitpid(child, 0)
print("PARENT", answer({inside}))
"""


@pytest.mark.parametrize(
    ("before", "inside", "allowed"),
    [
        pytest.param("", "parse", {"result"}, id="after import"),
        pytest.param("", "use_engine", {"result"}, id="after import, engine in the child"),
        pytest.param("parse()", "parse", {"result"}, id="after one load_dags call"),
        pytest.param("parse()", "use_engine", {"result"}, id="after one load_dags call, engine in the child"),
        pytest.param("use_engine()", "parse", {"result"}, id="after engine use"),
        pytest.param("use_engine()", "use_engine", {"result", "ForkedError"}, id="after engine use, engine again"),
    ],
)
def test_a_forked_child_never_hangs(python, dags, tmp_path, before: str, inside: str, allowed: set[str]) -> None:
    spec = dags.spec("orders")
    script = HARNESS.format(
        loader=str(dags.loader), staging=str(tmp_path / "staging"), spec=str(spec), before=before, inside=inside
    )
    words = [line.split() for line in python("-c", script).splitlines() if line.startswith(("ANSWER", "PARENT"))]
    answers = dict(words)
    assert answers["ANSWER"] in allowed, json.dumps(answers)
    assert answers["PARENT"] == "result"
