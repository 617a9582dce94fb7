"""What the data of a source looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.base import WindvaneBaseOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ProfileOperator(WindvaneBaseOperator):
    """Measure one dataset: types, nulls, distinct values, bounds, quantiles, keys.

    The profile goes to the store, personal values masked; XCom holds counts, the names of columns and the reference
    under which the store keeps it (``windvane.kept_profile(reference)``). Who may see the values runs
    ``windvane profile --reveal``.

    Args:
        source: A path, a URL or ``conn:ID``; ``#table`` picks a dataset. A relative path is meant from the folder of
            the DAG file.
        table: Which dataset of the source; by default its only one.
        sample: How many rows to read; by default all.

    """

    template_fields: Sequence[str] = (*WindvaneBaseOperator.template_fields, "source", "table", "sample")
    ui_color = "#e3f4d7"

    def __init__(self, *, source: str, table: str | None = None, sample: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.table = table
        self.sample = sample

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Profile, keep the profile in the store, and return counts and where it is."""
        import windvane
        from windvane import api

        from airflow_windvane.connections import address_urls
        from airflow_windvane.run_context import run_of, store_url

        with self.failing_clearly():
            profile = windvane.profile(
                self.beside_dag(self.source),
                table=self.table,
                sample=None if self.sample is None else int(self.sample),
                connections=address_urls(self.source, self.connections),
            ).to_dict()
            reference = f"{run_of(context)}/{self.task_id}"
            api.keep_profile(profile, reference, store=store_url(self.store))
        columns = profile["columns"]
        personal = [column["name"] for column in columns if column["pii"]]
        self.log.info(
            "%s: %s rows, %s columns, %s of them personal; the profile is in the store as %s.",
            profile["dataset"],
            profile["rows"],
            len(columns),
            len(personal),
            reference,
        )
        return {
            "dataset": profile["dataset"],
            "rows": profile["rows"],
            "bytes": profile["bytes"],
            "exact": profile["exact"],
            "rejected": profile["rejected"],
            "keys": profile["keys"],
            "columns": {
                column["name"]: {"type": column["type"], "nulls": column["nulls"], "distinct": column["distinct"]}
                for column in columns
            },
            "personal": personal,
            "profile": reference,
        }
