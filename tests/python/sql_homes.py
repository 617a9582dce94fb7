"""What the tests of both databases share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conformance import Home, Row, call, column
from windvane.errors import WindvaneError

if TYPE_CHECKING:
    from services.mariadb import Server as MariadbServer
    from services.postgres import Server

CHARACTERS = [column("id", "int64"), column("name", "text")]


def postgres_home(postgres: Server, database: str, *, user: str = "postgres", query: str = "", **place: Any) -> Home:
    url = postgres.url(database, user, query=query)
    return Home(
        target={"postgres": {"connection": "db", **place}},
        source={"postgres": {"connection": "db", **place}},
        connections={"db": url},
    )


def mysql_home(mariadb: MariadbServer, database: str, *, user: str = "root", query: str = "", **place: Any) -> Home:
    where = {"mysql": {"connection": "db", **place}}
    connections = {"db": mariadb.url(database, user, query=query)}
    return Home(target=where, source=where, connections=connections, keeps_not_a_number=False, keeps_infinity=False)


def refused(kind: str, verb: str, request: dict[str, Any]) -> WindvaneError:
    """The error of a call that must fail with this kind; every one has a hint."""
    with pytest.raises(WindvaneError) as caught:
        call(verb, request)
    assert caught.value.kind == kind, str(caught.value)
    assert caught.value.hint
    return caught.value


def load_refused(kind: str, home: Home, fields: list[Row], rows: list[Row], **more: Any) -> WindvaneError:
    asked = {"dataset": "items", "mode": "replace", "load_id": "refused", **more}
    return refused(kind, "load_rows", home.request(target=home.target, schema=fields, rows=rows, **asked))
