"""MySQL and MariaDB: the conformance suites and what only they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

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


# ------------------------------------------------------------------------------------------------------------- values

TYPES: list[tuple[str, str, list[tuple[str, Any]]]] = [
    ("tinyint", "int16", [("-128", -128), ("127", 127)]),
    ("tinyint unsigned", "int16", [("255", 255)]),
    ("tinyint(1)", "boolean", [("0", False), ("1", True)]),
    ("smallint", "int16", [("-32768", -32768), ("32767", 32767)]),
    ("smallint unsigned", "int32", [("65535", 65535)]),
    ("mediumint", "int32", [("-8388608", -8388608), ("8388607", 8388607)]),
    ("mediumint unsigned", "int32", [("16777215", 16777215)]),
    ("int", "int32", [("-2147483648", -(2**31)), ("2147483647", 2**31 - 1)]),
    ("int unsigned", "int64", [("4294967295", 2**32 - 1)]),
    ("bigint", "int64", [("-9223372036854775808", -(2**63)), ("9223372036854775807", 2**63 - 1)]),
    ("bigint unsigned", "decimal(20,0)", [("18446744073709551615", "18446744073709551615"), ("0", "0")]),
    ("bit(1)", "boolean", [("b'0'", False), ("b'1'", True)]),
    ("bit(12)", "int64", [("b'101010101010'", 2730), ("b'0'", 0)]),
    ("bit(64)", "decimal(20,0)", [("~0", "18446744073709551615")]),
    ("decimal(10,2)", "decimal(10,2)", [("-12345678.90", "-12345678.90"), ("0", "0.00"), ("0.05", "0.05")]),
    ("decimal(38,10)", "decimal(38,10)", [("-9999999999999999999999999999.9999999999",) * 2]),
    ("decimal(65,30)", "text", [("1.5", "1.500000000000000000000000000000")]),
    ("float", "float32", [("1.5", 1.5), ("-3.40282e38", -3.40282e38), ("16777217", 16777216.0), ("0.1", 0.1)]),
    ("double", "float64", [("0.1", 0.1), ("1.7976931348623157e308", 1.7976931348623157e308)]),
    ("date", "date", [("'2024-02-29'", "2024-02-29"), ("'9999-12-31'", "9999-12-31"), ("'1000-01-01'", "1000-01-01")]),
    ("datetime", "timestamp", [("'2024-02-29 12:34:56'", "2024-02-29T12:34:56")]),
    ("datetime(6)", "timestamp", [("'1999-12-31 23:59:59.999999'", "1999-12-31T23:59:59.999999")]),
    ("timestamp(6)", "timestamptz", [("'2024-02-29 12:34:56.000001'", "2024-02-29T12:34:56.000001Z")]),
    ("time(6)", "time", [("'00:00:00'", "00:00:00"), ("'23:59:59.999999'", "23:59:59.999999")]),
    ("year", "int16", [("2024", 2024), ("1901", 1901), ("0", 0)]),
    ("char(5)", "text", [("'ab'", "ab"), ("''", "")]),
    ("varchar(20)", "text", [("'Zoë 🦀 '", "Zoë 🦀 "), ("''", "")]),
    ("text", "text", [("'line\nline'", "line\nline")]),
    ("varchar(20) character set latin1", "text", [("'Zoë'", "Zoë")]),
    ("binary(4)", "binary", [("x'00ff'", "\\x00ff0000")]),
    ("varbinary(9)", "binary", [("x'00ff'", "\\x00ff"), ("''", "\\x")]),
    ("blob", "binary", [("x'deadbeef'", "\\xdeadbeef")]),
    ("json", "json", [("'{\"a\": [1, 2.5, null]}'", {"a": [1, 2.5, None]})]),
    ("enum('small','large')", "text", [("'large'", "large")]),
    ("set('a','b','c')", "text", [("'a,c'", "a,c"), ("''", "")]),
    ("uuid", "uuid", [("'123e4567-e89b-12d3-a456-426614174000'", "123e4567-e89b-12d3-a456-426614174000")]),
    ("inet6", "text", [("'2001:db8::ff00:42:8329'", "2001:db8::ff00:42:8329")]),
    ("inet4", "text", [("'192.168.0.1'", "192.168.0.1")]),
    ("point", "binary", [("POINT(1,2)", "\\x0101000000000000000000f03f0000000000000040")]),
]
IDS = [declared for declared, _, _ in TYPES]


class TestMysqlValues:
    @pytest.mark.parametrize(("declared", "kind", "values"), TYPES, ids=IDS)
    def test_every_type_and_its_way_through_parquet_and_back(
        self, mariadb: Server, database: str, tmp_path: Any, declared: str, kind: str, values: list[tuple[str, Any]]
    ) -> None:
        # An auto_increment key keeps the order; the copy has the same types.
        mariadb.execute(f"CREATE TABLE there (id INT AUTO_INCREMENT PRIMARY KEY, x {declared} NULL)", database=database)
        for text in [*(text for text, _ in values), "NULL"]:
            mariadb.execute(f"INSERT INTO there (x) VALUES ({text})", database=database)
        mariadb.execute("CREATE TABLE back LIKE there", database=database)
        home = mysql_home(mariadb, database)
        answer = home.read("there")
        assert answer["rejected"] == []
        assert {item["name"]: item["type"] for item in answer["fields"]}["x"] == kind
        got = [row["x"] for row in answer["rows"]]
        wanted = [*(value for _, value in values), None]
        # JSON shows a single float with the digits of a double.
        assert got == ([*map(pytest.approx, wanted[:-1]), None] if kind == "float32" else wanted)
        lake = Home(target={"parquet": {"path": "lake"}}, source={"files": {"path": "lake"}}, base=str(tmp_path))
        fields = [{"name": item["name"], "type": item["type"], "nullable": True} for item in answer["fields"]]
        lake.load("there", fields, answer["rows"])
        again = lake.read("there")
        assert again["rows"] == answer["rows"]
        home.load("back", fields, again["rows"], mode="append")
        everything = "SELECT * FROM {} ORDER BY id"
        there, back = (mariadb.query(everything.format(name), database=database) for name in ("there", "back"))
        assert back == there

    @pytest.mark.parametrize(
        ("declared", "stored", "reason"),
        [
            ("date", "'0000-00-00'", "0000-00-00 is not a date"),
            ("date", "'2024-00-00'", "2024-00-00 is not a date"),
            ("datetime", "'0000-00-00 00:00:00'", "0000-00-00"),
            ("timestamp", "0", "0000-00-00"),
            ("time", "'-01:00:00'", "-01:00:00 is not a time of the day"),
            ("time", "'838:59:59'", "838:59:59 is not a time of the day"),
        ],
    )
    def test_what_is_no_value_here_is_a_rejected_row(
        self, mariadb: Server, database: str, declared: str, stored: str, reason: str
    ) -> None:
        mariadb.execute(f"CREATE TABLE odd (id INT PRIMARY KEY, x {declared} NULL)", database=database)
        mariadb.execute(f"INSERT INTO odd VALUES (1, NULL), (2, {stored}), (3, NULL)", database=database)
        answer = mysql_home(mariadb, database).read("odd")
        assert [row["id"] for row in answer["rows"]] == [1, 3]
        assert [(row["row"], row["column"]) for row in answer["rejected"]] == [(2, "x")]
        assert reason in answer["rejected"][0]["reason"]

    def test_rows_come_in_the_order_of_the_key(self, mariadb: Server, database: str) -> None:
        mariadb.execute("CREATE TABLE items (a INT, b INT, KEY (b), PRIMARY KEY (b, a))", database=database)
        mariadb.execute("INSERT INTO items VALUES (1, 3), (2, 1), (0, 1), (9, 2)", database=database)
        rows = mysql_home(mariadb, database).read("items")["rows"]
        assert [(row["b"], row["a"]) for row in rows] == [(1, 0), (1, 2), (2, 9), (3, 1)]


class TestMysqlCatalog:
    def test_keys_views_and_comments(self, mariadb: Server, database: str) -> None:
        for sql in [
            "CREATE TABLE customers (id INT PRIMARY KEY COMMENT 'the number')",
            "CREATE TABLE orders (id INT, customer INT, PRIMARY KEY (id), FOREIGN KEY (customer) REFERENCES customers (id))",
            "CREATE VIEW recent AS SELECT id, COUNT(*) AS n FROM orders GROUP BY id",
        ]:
            mariadb.execute(sql, database=database)
        found = mysql_home(mariadb, database).datasets()
        assert {name: item["kind"] for name, item in found.items()} == {
            "customers": "table",
            "orders": "table",
            "recent": "view",
        }
        assert found["orders"]["primary_key"] == ["id"]
        assert found["orders"]["foreign_keys"] == [
            {"columns": ["customer"], "ref_dataset": "customers", "ref_columns": ["id"]}
        ]
        assert found["customers"]["fields"][0]["comment"] == "the number"
        assert found["customers"]["fields"][0]["nullable"] is False

    def test_our_own_row_number_is_not_a_column(self, mariadb: Server, database: str) -> None:
        home = mysql_home(mariadb, database)
        home.load("items", CHARACTERS, [{"id": 1, "name": "a"}])
        assert [item["name"] for item in home.datasets()["items"]["fields"]] == ["id", "name"]
        assert home.datasets()["items"]["primary_key"] == []

    def test_a_table_of_another_database(self, mariadb: Server, database: str) -> None:
        other = mariadb.database()
        mariadb.execute("CREATE TABLE `a.b` (id INT)", database=other)
        home = mysql_home(mariadb, database, tables=[f"{other}.`a.b`"])
        (name,) = [found["name"] for found in call("datasets", home.request(source=home.source))["datasets"]]
        assert name == f"{other}.a.b"


class TestMysqlRanges:
    FILLED = (
        "INSERT INTO items SELECT seq, DATE'2024-01-01' + INTERVAL seq DAY, CHAR(65 + seq % 26), NULLIF(seq, 7) * 1.5"
    )
    LATE: ClassVar[Row] = {
        "column": "day",
        "data_type": "date",
        "from": {"value": "2024-01-10", "inclusive": True},
        "nulls": False,
    }

    @pytest.fixture
    def home(self, mariadb: Server, database: str) -> Home:
        table = "CREATE TABLE items (id INT PRIMARY KEY, day DATE, letter VARCHAR(5), amount DECIMAL(10,1))"
        mariadb.execute(table, database=database)
        mariadb.execute(f"{self.FILLED} FROM seq_1_to_20", database=database)
        return mysql_home(mariadb, database)

    def ids(self, home: Home, *within: Row, **more: Any) -> list[int]:
        return [row["id"] for row in home.read("items", within=list(within), **more)["rows"]]

    def test_ends_are_in_or_out(self, home: Home) -> None:
        assert self.ids(home, self.LATE) == list(range(9, 21))
        until = {"value": "2024-01-12", "inclusive": False}
        assert self.ids(home, {**self.LATE, "to": until}) == [9, 10]
        assert self.ids(home, {**self.LATE, "to": until}, limit=1) == [9]

    def test_nulls_are_in_when_asked(self, home: Home) -> None:
        amount = {"column": "amount", "data_type": "decimal(10,1)", "to": {"value": "3.0", "inclusive": True}}
        assert self.ids(home, {**amount, "nulls": True}) == [1, 2, 7]
        assert self.ids(home, {**amount, "nulls": False}) == [1, 2]

    def test_texts_compare_by_their_bytes(self, home: Home) -> None:
        letters = {"column": "letter", "data_type": "text", "from": {"value": "a", "inclusive": True}, "nulls": False}
        assert self.ids(home, letters) == []

    def test_parts_are_ranges_of_a_key(self, home: Home) -> None:
        cut = {"value": "8", "inclusive": False}
        first = {"column": "id", "data_type": "int32", "to": cut, "nulls": True}
        rest = {"column": "id", "data_type": "int32", "from": {**cut, "inclusive": True}, "nulls": False}
        assert self.ids(home, part={"keys": first}) + self.ids(home, part={"keys": rest}) == list(range(1, 21))

    def test_a_value_of_another_type_is_refused(self, home: Home) -> None:
        wrong = {**self.LATE, "from": {"value": "1' OR 1=1 --", "inclusive": True}}
        refused("spec", "read_rows", home.request(source=home.source, dataset="items", within=[wrong]))


class TestMysqlLoads:
    def test_keys_that_differ_in_case_or_blanks_are_different(self, mariadb: Server, database: str) -> None:
        home = mysql_home(mariadb, database)
        fields = [column("k", "text"), column("n", "int64")]
        rows = [{"k": "a", "n": 1}, {"k": "A", "n": 2}, {"k": "a ", "n": 3}, {"k": "ä", "n": 4}]
        assert home.load("items", fields, rows, mode="merge", key=["k"])["rows"] == 4
        again = [{"k": "A", "n": 5}, {"k": "a ", "n": 3}]
        done = home.load("items", fields, again, mode="merge", key=["k"], load_id="two")
        assert done["changes"] == {"inserted": 0, "updated": 1, "deleted": 0, "unchanged": 1}
        assert home.rows("items") == ordered([rows[0], again[0], rows[2], rows[3]])

    @pytest.mark.parametrize("engine", ["MyISAM", "Aria"])
    def test_an_engine_without_transactions_is_refused(self, mariadb: Server, database: str, engine: str) -> None:
        mariadb.execute(f"CREATE TABLE items (id BIGINT, name TEXT) ENGINE = {engine}", database=database)
        error = load_refused("conflict", mysql_home(mariadb, database), CHARACTERS, [{"id": 1, "name": "a"}])
        assert engine in str(error)

    def test_values_that_do_not_fit_are_refused_and_not_cut(self, mariadb: Server, database: str) -> None:
        mariadb.execute("CREATE TABLE items (id BIGINT, name VARCHAR(3))", database=database)
        home = mysql_home(mariadb, database)
        loaded = home.load("items", CHARACTERS, [{"id": 1, "name": "abc"}, {"id": 2, "name": "abcd"}], mode="append")
        assert loaded["rows"] == 1
        assert [(row["at"], row["column"]) for row in loaded["refused"]] == [(1, "name")]
        assert home.rows("items") == [{"id": 1, "name": "abc"}]

    def test_a_reason_never_quotes_the_value(self, mariadb: Server, database: str) -> None:
        mariadb.execute("CREATE TABLE items (id BIGINT, name VARCHAR(30) UNIQUE)", database=database)
        rows = [{"id": 1, "name": "s3cret"}, {"id": 2, "name": "s3cret"}]
        loaded = mysql_home(mariadb, database).load("items", CHARACTERS, rows, mode="append")
        assert [row["at"] for row in loaded["refused"]] == [1]
        assert "s3cret" not in loaded["refused"][0]["reason"]

    def test_a_foreign_key_refuses_its_row(self, mariadb: Server, database: str) -> None:
        mariadb.execute("CREATE TABLE parents (id BIGINT PRIMARY KEY)", database=database)
        mariadb.execute("INSERT INTO parents VALUES (1)", database=database)
        foreign = "FOREIGN KEY (id) REFERENCES parents (id)"
        mariadb.execute(f"CREATE TABLE items (id BIGINT, name TEXT, {foreign})", database=database)
        rows = [{"id": 1, "name": "a"}, {"id": 9, "name": "b"}]
        loaded = mysql_home(mariadb, database).load("items", CHARACTERS, rows)
        assert [row["at"] for row in loaded["refused"]] == [1]

    def test_a_trigger_that_changes_rows_is_found_out(self, mariadb: Server, database: str) -> None:
        mariadb.execute("CREATE TABLE items (id BIGINT, name TEXT)", database=database)
        mariadb.execute(
            "CREATE TRIGGER loud BEFORE INSERT ON items FOR EACH ROW SET NEW.name = UPPER(NEW.name)", database=database
        )
        for mode in ("append", "replace"):
            load_refused("data", mysql_home(mariadb, database), CHARACTERS, [{"id": 1, "name": "a"}], mode=mode)
        assert mariadb.query("SELECT * FROM items", database=database) == []


class TestMysqlConnections:
    def test_a_missing_database_is_missing(self, mariadb: Server) -> None:
        home = mysql_home(mariadb, "nowhere")
        refused("missing", "test_connection", home.request(source=home.source))

    def test_no_server_is_unavailable(self) -> None:
        request = {"source": {"mysql": {"connection": "db"}}, "connections": {"db": "mysql://root@127.0.0.1:1/x"}}
        refused("unavailable", "test_connection", request)

    def test_a_wrong_password_is_auth(self, mariadb: Server, database: str) -> None:
        connections = {"db": mariadb.url(database, "nobody", "s3cret")}
        error = refused(
            "auth", "test_connection", {"source": {"mysql": {"connection": "db"}}, "connections": connections}
        )
        assert "s3cret" not in f"{error} {error.hint}"

    @pytest.mark.parametrize("url", ["postgresql://u:s3cret@h/db", "no url s3cret", "mysql://u:s3cret@h:port/db"])
    def test_a_url_that_is_none_is_refused_without_telling_it(self, url: str) -> None:
        request = {"source": {"mysql": {"connection": "db"}}, "connections": {"db": url}}
        error = refused("spec", "test_connection", request)
        assert "s3cret" not in f"{error} {error.hint}"

    def test_a_url_without_a_database_wants_one(self) -> None:
        request = {"source": {"mysql": {"connection": "db"}}, "connections": {"db": "mysql://u@h"}}
        refused("spec", "test_connection", request)
