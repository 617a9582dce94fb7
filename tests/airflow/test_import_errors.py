"""The real DAG processor: a broken spec is listed under its own name, and no DAG goes stale for it."""

from __future__ import annotations

import shutil
import sqlite3


def rows(database: str, query: str) -> list[tuple]:
    with sqlite3.connect(database) as connection:
        return connection.execute(query).fetchall()


def test_the_dag_processor_lists_a_broken_spec_by_its_own_name(dags, migrated, python, tmp_path) -> None:
    database = tmp_path / "airflow.db"
    shutil.copy(migrated / "pristine.db", database)
    for name in ("one", "two"):
        dags.spec(name)
    dags.broken("bad")
    environment = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags.root),
    }
    python("-m", "airflow", "dag-processor", "--num-runs", "1", **environment)

    ((bundle, file, message),) = rows(database, "select bundle_name, filename, stacktrace from import_error")
    assert (bundle, file) == ("dags-folder", "pipelines/bad.windvane.yaml")
    assert "bad.windvane.yaml:1:1" in message
    assert "'pipelin'" in message
    known = rows(database, "select dag_id, is_stale, has_import_errors, relative_fileloc from dag order by dag_id")
    assert known == [("one", 0, 0, "windvane_factory.py"), ("two", 0, 0, "windvane_factory.py")]

    # The command line serializes every DAG it finds; a broken spec must not stop it.
    python("-m", "airflow", "dags", "reserialize", **environment)
    assert rows(database, "select count(*) from dag where is_stale or has_import_errors") == [(0,)]
