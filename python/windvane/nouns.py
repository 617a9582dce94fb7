"""What the verbs return: frozen, picklable, JSON-shaped documents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


class Document(Mapping[str, Any]):
    """A read-only mapping of one of the documents of the contract (``windvane schema NOUN``)."""

    __slots__ = ("_content",)
    _content: dict[str, Any]

    def __init__(self, content: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_content", dict(content))

    def __setattr__(self, name: str, value: object) -> None:
        message = f"{type(self).__name__} is read-only"
        raise AttributeError(message)

    def __getitem__(self, key: str) -> Any:
        return self._content[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    def __hash__(self) -> int:
        return hash(json.dumps(self._content, sort_keys=True))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self._content,))

    def to_dict(self) -> dict[str, Any]:
        """A copy as plain data."""
        copied: dict[str, Any] = json.loads(json.dumps(self._content))
        return copied

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._content)})"


class Approval(Document):
    """``{plan, plan_file, decided, waits}`` of a decision about a plan's proposals."""


class Problems(Document):
    """``{ok, problems}`` of a check."""


class Catalog(Document):
    """``{datasets}`` of a discovery."""


class Compaction(Document):
    """``{dataset, files_before, files_after, ...}`` of a compaction."""


class Profile(Document):
    """The figures of one dataset; draws itself in a notebook."""

    def _repr_html_(self) -> str:
        from windvane.profile_html import render

        return render(self.to_dict())


class Relations(Document):
    """``{datasets, foreign_keys, inclusions}`` of several datasets: their keys, and what refers to them."""


class Mapping_(Document):  # noqa: N801 - `Mapping` is taken by the standard library
    """``{mappings, candidates, unmapped_source, unmapped_target}``."""


class Plan(Document):
    """A plan file's content; draws itself in a notebook."""

    def _repr_html_(self) -> str:
        import tempfile
        from pathlib import Path

        from windvane import document_html
        from windvane._call import call

        # The engine explains plan files.
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "drawn.plan.json"
            file.write_text(json.dumps(self._content), encoding="utf-8")
            explained: str = call("explain", plan=str(file), code=False)["text"]
        return document_html.plan(self._content, explained)


class Run(Document):
    """The record of a run; draws itself in a notebook."""

    def _repr_html_(self) -> str:
        from windvane import document_html

        return document_html.run(self._content)


class Diagnosis(Document):
    """``{class, cause, retryable, action, ...}`` of an error."""
