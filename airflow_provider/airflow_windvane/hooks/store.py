"""The connection to the store: plans, runs, the load ledger, breaker state."""

from __future__ import annotations

from airflow_windvane.version_compat import BaseHook


class WindvaneStoreHook(BaseHook):
    """The store: a SQLite file for one machine, PostgreSQL for many.

    Args:
        store_conn_id: The id of a ``windvane_store`` connection.

    """

    conn_name_attr = "store_conn_id"
    default_conn_name = "windvane_store_default"
    conn_type = "windvane_store"
    hook_name = "Windvane store (SQLite or PostgreSQL)"

    def __init__(self, store_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.store_conn_id = store_conn_id

    def get_conn(self) -> str:
        """The store's URL; holds the password, so keep it out of logs and XCom."""
        from airflow_windvane.connections import engine_url

        return engine_url(self.get_connection(self.store_conn_id))

    def test_connection(self) -> tuple[bool, str]:
        """Open the store and ask for its version."""
        import json

        from windvane import _core
        from windvane.errors import WindvaneError

        try:
            answer = json.loads(_core.store_info(json.dumps({"store": self.get_conn()})))
        except (WindvaneError, ValueError) as error:
            return False, str(error)
        return True, f"The store answers: {answer['backend']}, version {answer['version']}."
