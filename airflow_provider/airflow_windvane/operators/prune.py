"""Staging that is cleared of runs that are over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.base import WindvaneBaseOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class PruneOperator(WindvaneBaseOperator):
    """Remove staged rows and quarantine of runs that ended more than ``keep`` days ago.

    The staging place of every task is looked through, and those that plans in the store or ``specs`` name; with
    ``staging`` that one alone.

    Args:
        specs: Specs or plans whose own ``staging`` is looked through too.
        keep: Days after a run's end; by default ``[windvane] keep``, else WINDVANE_KEEP, else 7.
        dry: Only say what would go.

    """

    template_fields: Sequence[str] = (*WindvaneBaseOperator.template_fields, "specs", "keep", "dry")
    ui_color = "#eeeeee"

    def __init__(
        self, *, specs: Sequence[str] = (), keep: float | str | None = None, dry: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.specs = specs
        self.keep = keep
        self.dry = dry

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Prune, and return how much went."""
        import windvane
        from windvane.errors import UnavailableError

        from airflow_windvane.connections import engine_urls
        from airflow_windvane.run_context import setting, staging_place, store_url

        with self.failing_clearly():
            done = windvane.prune(
                *self.specs,
                staging=staging_place(self.staging),
                everywhere=not self.staging,
                connections=lambda opens: engine_urls([opens]),
                store=store_url(self.store),
                keep=self.keep if self.keep not in {None, ""} else setting("keep") or None,
                dry_run=self.dry,
            )
        for one in done["removed"]:
            self.log.info("%s: %s, %s files, %s bytes.", one["path"], one["why"], one["files"], one["bytes"])
        for one in done["failed"]:
            self.log.error("%s cannot be looked through: %s", one["staging"], one["error"])
        with self.failing_clearly():
            if done["failed"]:
                first = done["failed"][0]
                message = f"{first['staging']} cannot be looked through: {first['error']}"
                raise UnavailableError(message, kind="unavailable", hint=first["hint"])
        return {key: done[key] for key in ("dry_run", "keep_days", "files", "bytes", "kept")}
