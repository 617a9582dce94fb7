"""Staging that is cleared of runs that are over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.base import WindvaneBaseOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class PruneOperator(WindvaneBaseOperator):
    """Remove staged rows and quarantine of runs that ended more than ``keep`` days ago.

    Args:
        keep: Days after a run's end; by default ``[windvane] keep``, else WINDVANE_KEEP, else 7.
        dry: Only say what would go.

    """

    template_fields: Sequence[str] = (*WindvaneBaseOperator.template_fields, "keep", "dry")
    ui_color = "#eeeeee"

    def __init__(self, *, keep: float | str | None = None, dry: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keep = keep
        self.dry = dry

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Prune, and return how much went."""
        import windvane
        from windvane.settings import without_connection

        from airflow_windvane.connections import engine_urls
        from airflow_windvane.surroundings import setting, staging_place, store_url

        with self.failing_clearly():
            staging = staging_place(self.staging)
            _, opens = without_connection(staging)
            done = windvane.prune(
                staging=staging,
                connections=engine_urls([opens] if opens else []),
                store=store_url(self.store),
                keep=self.keep if self.keep not in {None, ""} else setting("keep") or None,
                dry_run=self.dry,
            )
        for one in done["removed"]:
            self.log.info("%s: %s, %s files, %s bytes.", one["path"], one["why"], one["files"], one["bytes"])
        return {key: done[key] for key in ("dry_run", "keep_days", "files", "bytes", "kept")}
