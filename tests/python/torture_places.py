"""Where the rows of a torture go, and readers of it that are not the engine's."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

FILES = ("parquet", "jsonl", "csv", "s3")
DATABASES = ("sqlite", "postgres", "mysql")
TARGETS = (*FILES, *DATABASES)
COLUMNS = ("id", "name", "amount", "version")


class Place:
    """A target of its own for one case. ``server``: the URL of a new database, or a server and a bucket."""

    def __init__(self, target: str, folder: Path, server: Any) -> None:
        self.target, self.folder, self.server = target, folder, server

    def spec(self) -> dict[str, Any]:
        if self.target in DATABASES:
            return {self.target: {"path": "out.db"} if self.target == "sqlite" else {"connection": "db"}}
        if self.target == "s3":
            return {"parquet": {"path": f"s3://{self.server[1]}/lake", "connection": "db"}}
        return {self.target: {"path": "lake"}}

    def connections(self) -> dict[str, str]:
        if self.target == "s3":
            return {"db": self.server[0].connection()}
        return {"db": self.server} if self.server else {}

    def bag(self, *, history: bool) -> Counter[Any]:
        """All rows as they are; of a history with whether they are current."""
        rows = self._of_files() if self.target in FILES else self._of_table(history=history)
        kept = [
            (int(row[0]), row[1], float(row[2]), int(row[3])) if not history else (
                (int(row[0]), row[1], float(row[2]), int(row[3])), bool(row[4])
            )
            for row in rows
        ]  # fmt: skip
        return Counter(kept)

    def _of_table(self, *, history: bool) -> list[tuple[Any, ...]]:
        sql = f"SELECT {', '.join(COLUMNS)}{', is_current' if history else ''} FROM items"
        if self.target == "sqlite":
            if not (self.folder / "out.db").exists():
                return []
            with contextlib.closing(sqlite3.connect(self.folder / "out.db", timeout=60)) as file:
                try:
                    return file.execute(sql).fetchall()
                except sqlite3.OperationalError as error:
                    if "no such table" in str(error):
                        return []
                    raise
        from battery import Place as Other

        connection = Other(self.target, self.folder, self.server)._connect()
        with contextlib.closing(connection), connection.cursor() as cursor:
            try:
                cursor.execute(sql)
            except Exception as error:
                if "does not exist" in str(error) or "doesn't exist" in str(error):
                    return []
                raise
            return [tuple(row) for row in cursor.fetchall()]

    def _of_files(self) -> list[tuple[Any, ...]]:
        manifest = self._file("_manifest.json")
        parts = json.loads(manifest)["parts"] if manifest else []
        return [row for part in parts for row in self._of_part(self._file(part["path"]) or b"")]

    def _file(self, name: str) -> bytes | None:
        if self.target == "s3":
            server, bucket = self.server
            try:
                content: bytes = server.get(bucket, f"lake/items/{name}")
            except server.client.exceptions.NoSuchKey:
                return None
            return content
        path = self.folder / "lake" / "items" / name
        return path.read_bytes() if path.exists() else None

    def _of_part(self, content: bytes) -> list[tuple[Any, ...]]:
        import pyarrow as pa
        import pyarrow.csv
        import pyarrow.parquet

        if self.target == "jsonl":
            found = [json.loads(line) for line in content.decode().split("\n") if line]
        elif self.target == "csv":
            convert = pyarrow.csv.ConvertOptions(
                column_types={"name": pa.string()}, strings_can_be_null=True, quoted_strings_can_be_null=False,
                null_values=[""],
            )  # fmt: skip
            parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
            table = pyarrow.csv.read_csv(io.BytesIO(content), convert_options=convert, parse_options=parse)
            found = table.to_pylist()
        else:
            found = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
        return [tuple(row[name] for name in COLUMNS) for row in found]
