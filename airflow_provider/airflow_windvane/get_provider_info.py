"""What Airflow reads about this provider in every process: plain data, standard library only."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """The provider's description, as Airflow's ``provider_info.schema.json`` defines it."""
    return {
        "package-name": "airflow-provider-windvane",
        "name": "Windvane",
        "description": "Self-steering data pipelines: DAGs from reviewed plans, a Rust engine in the tasks.",
        "versions": ["0.1.0"],
        "integrations": [
            {
                "integration-name": "Windvane",
                "external-doc-url": "https://pypi.org/project/airflow-provider-windvane/",
                "tags": ["software"],
            }
        ],
        "operators": [
            {
                "integration-name": "Windvane",
                "python-modules": [
                    f"airflow_windvane.operators.{name}"
                    for name in (
                        "plan",
                        "split",
                        "extract",
                        "transform",
                        "validate",
                        "load",
                        "move",
                        "record",
                        "discover",
                        "profile",
                        "pipeline",
                    )
                ],
            }
        ],
        "hooks": [
            {
                "integration-name": "Windvane",
                "python-modules": ["airflow_windvane.hooks.llm", "airflow_windvane.hooks.store"],
            }
        ],
        "connection-types": [_LLM_CONNECTION, _STORE_CONNECTION],
        "config": {"windvane": {"description": "Settings of the windvane provider.", "options": _OPTIONS}},
    }


_LLM_CONNECTION = {
    "connection-type": "windvane_llm",
    "hook-class-name": "airflow_windvane.hooks.llm.LlmHook",
    "hook-name": "Windvane model gateway (OpenAI-compatible)",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port", "login"],
        "relabeling": {"host": "Base URL", "password": "API key"},
        "placeholders": {"host": "http://127.0.0.1:8000/v1", "password": "sk-..."},
    },
    "conn-fields": {
        "model": {
            "label": "Model",
            "description": "The name of the model, as the gateway lists it.",
            "schema": {"type": ["string", "null"]},
        },
        "timeout": {
            "label": "Timeout (seconds)",
            "description": "How long one answer may take.",
            "schema": {"type": ["number", "null"], "minimum": 1, "default": 30},
        },
    },
}

_STORE_CONNECTION = {
    "connection-type": "windvane_store",
    "hook-class-name": "airflow_windvane.hooks.store.WindvaneStoreHook",
    "hook-name": "Windvane store (SQLite or PostgreSQL)",
    "ui-field-behaviour": {
        "hidden-fields": ["extra"],
        "relabeling": {"schema": "Database", "host": "Host, or the path of a SQLite file"},
        "placeholders": {"host": "db.example.org or /var/lib/windvane/store.db", "schema": "windvane"},
    },
    "conn-fields": {
        "sslmode": {
            "label": "SSL mode",
            "description": "Of PostgreSQL: how strictly the server is checked.",
            "schema": {
                "type": ["string", "null"],
                "enum": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full", None],
            },
        },
    },
}

_OPTIONS = {
    "store": {
        "description": (
            "Where plans, runs, the load ledger and breaker state live: a URL (sqlite:///path, postgresql://...) or "
            "conn:ID of a windvane_store connection. Empty: WINDVANE_STORE, else windvane/store.db in AIRFLOW_HOME. "
            "Several worker machines "
            "need PostgreSQL."
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "conn:windvane_store_default",
        "default": "",
        "sensitive": True,
    },
    "staging": {
        "description": (
            "Where rows rest between two stages, reachable by every worker: a folder, or one of an object store "
            "(s3://CONNECTION@bucket/folder, gs://…, az://…; without a connection the environment's credentials open "
            "it). A task, a spec and WINDVANE_STAGING go before. Empty: windvane/staging in AIRFLOW_HOME."
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "s3://aws_default@company-windvane/staging",
        "default": "",
    },
    "keep": {
        "description": (
            "Days after its end that a run's staging folder and quarantine stay: what PruneOperator goes by. Empty: "
            "WINDVANE_KEEP, else 7."
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "14",
        "default": "",
    },
    "roots": {
        "description": (
            "Folders, beside each spec's own, that pipelines may read from and write to; absolute, separated by "
            "commas. Empty: none."
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "/srv/data,/srv/lake",
        "default": "",
    },
    "home": {
        "description": (
            "The folder that the relative path of a target means. Empty: WINDVANE_HOME, else windvane/data in "
            "AIRFLOW_HOME. It lies outside of DAG bundles, in which no target may lie."
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "/srv/lake",
        "default": "",
    },
    "environment": {
        "description": "The environment (dev, prod, ...) whose overlay the specs are read with. Empty: none.",
        "version_added": "0.1.0",
        "type": "string",
        "example": "prod",
        "default": "",
    },
    "gateway_conn_id": {
        "description": "The windvane_llm connection that agents may use when a pipeline is planned. Empty: rules only.",
        "version_added": "0.1.0",
        "type": "string",
        "example": "windvane_llm_default",
        "default": "",
    },
}
