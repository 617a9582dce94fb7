"""A profile as HTML for notebooks: self-contained, without script or network. Values are untrusted and escaped.

Colours come from ``currentColor`` and translucent fills, so that it reads on light and on dark pages.
"""

from __future__ import annotations

from html import escape
from typing import Any

STYLE = """
.wv{font:13px/1.45 system-ui,sans-serif;max-width:1080px}
.wv h3{font-size:16px;margin:0 0 2px}
.wv .wv-sub{opacity:.7;margin:0 0 10px}
.wv table{border-collapse:collapse;width:100%;color:inherit;font:inherit}
.wv th,.wv td{text-align:left;vertical-align:top;padding:6px 10px 6px 0;border:0;
border-bottom:1px solid rgba(128,128,128,.3);background:none}
.wv th{font-weight:600;opacity:.7}
.wv code{font:12px ui-monospace,monospace;overflow-wrap:anywhere;background:none;color:inherit;padding:0}
.wv .wv-tag{display:inline-block;border:1px solid rgba(128,128,128,.5);border-radius:8px;padding:0 6px;
margin:1px 3px 1px 0;font-size:11px}
.wv .wv-pii{border-color:#d9534f;color:#d9534f}
.wv .wv-key{border-color:#3a87c8;color:#3a87c8}
.wv .wv-bar{height:6px;width:90px;background:rgba(128,128,128,.25);border-radius:3px;margin-top:3px}
.wv .wv-bar i{display:block;height:6px;border-radius:3px;background:#d98e3a}
.wv svg{display:block;margin-top:3px}
.wv svg rect{fill:#3a87c8}
.wv .wv-muted{opacity:.65;font-size:12px}
.wv details summary{cursor:pointer;opacity:.8}
"""
_WIDTH = 180
_HEIGHT = 44


def render(profile: dict[str, Any]) -> str:
    """Draw a profile document (``windvane profile --json``) as an HTML fragment."""
    rows = int(profile.get("rows") or 0)
    keys = {column for key in profile.get("keys") or [] for column in key}
    columns = profile.get("columns") or []
    body = "".join(_column(column, rows, column.get("name") in keys) for column in columns)
    exact = "all rows" if profile.get("exact") else "a sample of the first rows"
    facts = [f"{rows:,} rows read ({exact})", f"{len(columns):,} columns"]
    if profile.get("rejected"):
        facts.append(f"{int(profile['rejected']):,} rows could not be read")
    if profile.get("bytes"):
        facts.append(f"{int(profile['bytes']):,} bytes")
    head = "".join(f"<th>{title}</th>" for title in ("column", "nulls", "distinct", "figures", "values", "to look at"))
    return (
        f'<div class="wv"><style>{STYLE}</style><h3>{_text(profile.get("dataset"))}</h3>'
        f'<p class="wv-sub">{escape(" · ".join(facts))}</p>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _text(value: object) -> str:
    return escape("" if value is None else str(value), quote=True)


def _column(column: dict[str, Any], rows: int, key: bool) -> str:
    tags = [f'<span class="wv-tag">{_text(column.get("type"))}</span>']
    if column.get("semantic_type"):
        share = float(column.get("semantic_confidence") or 0)
        tags.append(f'<span class="wv-tag">{_text(column["semantic_type"])} {share:.0%}</span>')
    if column.get("pii"):
        tags.append('<span class="wv-tag wv-pii">personal data</span>')
    if key:
        tags.append('<span class="wv-tag wv-key">key</span>')
    nulls = int(column.get("nulls") or 0)
    share = nulls / rows if rows else 0.0
    about = "" if column.get("distinct_exact") else "≈ "
    sure = f" {float(column['feature_confidence']):.0%}" if column.get("feature_confidence") else ""
    feature = f'<div class="wv-muted">{_text(column.get("feature_type"))}{sure}</div>'
    cells = [
        f"<b>{_text(column.get('name'))}</b><br>{''.join(tags)}{feature}",
        f'{nulls:,} ({share:.1%})<div class="wv-bar"><i style="width:{min(share, 1.0):.1%}"></i></div>',
        f"{about}{int(column.get('distinct') or 0):,}",
        _figures(column),
        _values(column),
        _suspects(column),
    ]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _figures(column: dict[str, Any]) -> str:
    lines = []
    if column.get("min") is not None:
        lines.append(f"<code>{_text(column['min'])}</code> … <code>{_text(column.get('max'))}</code>")
    if column.get("mean") is not None:
        std = f" ± {column['std']:.6g}" if column.get("std") is not None else ""
        lines.append(f"mean {column['mean']:.6g}{std}")
    quantiles = column.get("quantiles") or {}
    if "0.5" in quantiles:
        lines.append(f"median {quantiles['0.5']:.6g}")
    if column.get("lengths"):
        lengths = column["lengths"]
        lines.append(f"{lengths['min']} to {lengths['max']} characters")
    return "<br>".join(lines) + _histogram(column.get("histogram"))


def _histogram(histogram: dict[str, Any] | None) -> str:
    counts = [max(int(count), 0) for count in (histogram or {}).get("counts") or []]
    if not counts[1:] or not any(counts):
        return ""
    width = _WIDTH / len(counts)
    bars = []
    for index, count in enumerate(counts):
        height = _HEIGHT * count / max(counts)
        bars.append(
            f'<rect x="{index * width:.1f}" y="{_HEIGHT - height:.1f}" width="{width - 1:.1f}" height="{height:.1f}">'
            f"<title>{count:,}</title></rect>"
        )
    return f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="histogram">{"".join(bars)}</svg>'


def _values(column: dict[str, Any]) -> str:
    top = column.get("top") or []
    shown = "<br>".join(
        f'<code>{_text(entry["value"])}</code> <span class="wv-muted">{int(entry["count"]):,}</span>'
        for entry in top[:4]
    )
    patterns = column.get("patterns") or []
    if not patterns:
        return shown
    shapes = "<br>".join(f"<code>{_text(p['pattern'])}</code> {int(p['count']):,}" for p in patterns)
    return f'{shown}<details class="wv-muted"><summary>shapes: {len(patterns)}</summary>{shapes}</details>'


def _suspects(column: dict[str, Any]) -> str:
    suspects = column.get("suspects") or []
    lines = [
        f'row {int(s["row"]):,}: <code title="{_text(s.get("reason"))}">{_text(s.get("value"))}</code>'
        for s in suspects[:4]
    ]
    if len(suspects) > len(lines):
        lines.append(f'<span class="wv-muted">and {len(suspects) - len(lines)} more</span>')
    return "<br>".join(lines)
