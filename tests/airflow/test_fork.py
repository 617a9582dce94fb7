"""Airflow forks in the DAG processor, the executor and the task supervisor; a child must never hang."""

from __future__ import annotations

import pytest

# The parent does something, forks, and the child answers through a pipe within five seconds.
HARNESS = """
import os, select, signal, sys
import airflow_windvane.dag_factory
namespace = {{"__file__": {loader!r}, "__name__": "dags"}}

def parse():
    return airflow_windvane.dag_factory.load_dags(dict(namespace), "pipelines")

def use_engine():
    from windvane import stages
    run = f"run-{{os.getpid()}}"
    around = dict(run=run, connections={{}}, store={store!r}, staging={staging!r})
    planned = stages.plan({spec!r}, **around)
    around["base"] = os.path.dirname({spec!r})
    extracted = stages.extract(planned["plan_file"], "orders", **around)
    stages.transform(planned["plan_file"], "orders", extracted, **around)

def answer(work):
    try:
        work()
        return "result"
    except BaseException as error:
        print(repr(error), flush=True)
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
    ("before", "inside"),
    [
        pytest.param("", "parse", id="after import"),
        pytest.param("", "use_engine", id="after import, engine in the child"),
        pytest.param("parse()", "parse", id="after one load_dags call"),
        pytest.param("parse()", "use_engine", id="after one load_dags call, engine in the child"),
        pytest.param("use_engine()", "parse", id="after engine use"),
        pytest.param("use_engine()", "use_engine", id="after engine use, engine again"),
    ],
)
def test_a_forked_child_never_hangs(python, dags, tmp_path, before: str, inside: str) -> None:
    spec = dags.spec("orders")
    script = HARNESS.format(
        loader=str(dags.loader),
        staging=str(tmp_path / "staging"),
        store=str(tmp_path / "store.db"),
        spec=str(spec),
        before=before,
        inside=inside,
    )
    said = python("-c", script)
    answers = dict(line.split() for line in said.splitlines() if line.startswith(("ANSWER", "PARENT")))
    assert answers["ANSWER"] == "result", said
    assert answers["PARENT"] == "result"
