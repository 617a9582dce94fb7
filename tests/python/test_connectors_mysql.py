"""MySQL and MariaDB: the conformance suites and what only they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conformance import Conformance, Home, Row, call, column, ordered
from conformance_modes import ConformanceModes
from sql_homes import CHARACTERS, load_refused, mysql_home, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.mariadb import Server


@pytest.fixture
def database(mariadb: Server) -> str:
    return mariadb.database()


class TestMysqlConforms(Conformance):
    @pytest.fixture
    def home(self, mariadb: Server, database: str) -> Home:
        return mysql_home(mariadb, database)

    def test_replace_may_change_the_columns(self, home: Home) -> None:
        """Columns that the load does not bring stay: the table may be more than ours."""
        home.load("items", [column("id", "int64")], [{"id": 1}], load_id="one")
        home.load("items", [column("name", "text")], [{"name": "a"}], load_id="two")
        assert home.rows("items") == [{"id": None, "name": "a"}]


class TestMysqlModes(ConformanceModes):
    @pytest.fixture
    def home(self, mariadb: Server, database: str) -> Home:
        return mysql_home(mariadb, database)

    @pytest.fixture
    def execute(self, mariadb: Server, database: str) -> Callable[[str], None]:
        return lambda sql: mariadb.execute(sql, database=database)
