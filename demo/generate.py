"""A small shop's exports, as messy as they come; the same on every run.

Four related files: customers (Latin-1, semicolons), orders (mixed dates, duplicate keys, ragged rows), products (JSON
lines, some cut off) and payments (tabs, amounts that are none, orders that do not exist).
"""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CUSTOMERS, PRODUCTS, ORDERS, PAYMENTS = 2_000, 250, 12_000, 11_000

_FIRST = ("José", "Zoë", "Anaïs", "Jürgen", "Ada", "Grace", "Björn", "Inès", "Noël", "Mary", "Søren", "Ruth")
_LAST = ("Müller", "García", "Lefèvre", "Åkesson", "Smith", "Nuñez", "O'Neil", "Weiß", "Dupré", "Kovac", "Brontë")
_COUNTRIES = ("DE", "FR", "ES", "SE", "GB", "IE", "US")
_THINGS = ("lamp", "chair", "kettle", "blanket", "shelf", "clock", "vase", "rug", "mug", "frame")
_STATUS = ("complete", "complete", "complete", "open", "cancelled")


def write(folder: Path, seed: int = 2026) -> dict[str, int]:
    """Write the four files; gives the lines of each, without headers."""
    folder.mkdir(parents=True, exist_ok=True)
    luck = random.Random(seed)
    lines = {
        "customers.csv": _customers(luck),
        "orders.csv": _orders(luck),
        "products.jsonl": _products(luck),
        "payments.tsv": _payments(luck),
    }
    for name, rows in lines.items():
        encoding = "latin-1" if name == "customers.csv" else "utf-8"
        (folder / name).write_text("\n".join(rows) + "\n", encoding=encoding)
    return {name: len(rows) - (not name.endswith(".jsonl")) for name, rows in lines.items()}


def _customers(luck: random.Random) -> list[str]:
    rows = ["customer_id;name;email;country;joined"]
    for number in range(1, CUSTOMERS + 1):
        first, last = luck.choice(_FIRST), luck.choice(_LAST)
        email = f"c{number}@example.org" if luck.random() > 0.01 else f"c{number} at example"
        joined = _day(luck, luck.choice(("%Y-%m-%d", "%d.%m.%Y")))
        if luck.random() < 0.01:
            joined = luck.choice(("31.02.2024", "yesterday", "2024-13-01"))
        rows.append(f"{number};{first} {last};{email};{luck.choice(_COUNTRIES)};{joined}")
    return rows


def _orders(luck: random.Random) -> list[str]:
    rows = ["order_id,customer_id,product_id,quantity,ordered_on,status"]
    for number in range(1, ORDERS + 1):
        customer = luck.randint(1, CUSTOMERS) if luck.random() > 0.004 else 90_000 + number
        ordered_on = _day(luck, luck.choice(("%Y-%m-%d", "%d/%m/%Y", "%b %d %Y")))
        if luck.random() < 0.006:
            ordered_on = luck.choice(("soon", "2023-02-30", "00/00/0000"))
        quantity = str(luck.randint(1, 9)) if luck.random() > 0.005 else luck.choice(("-1", "0"))
        row = [number, customer, luck.randint(1, PRODUCTS), quantity, ordered_on, luck.choice(_STATUS)]
        rows.append(",".join(map(str, row)))
        if luck.random() < 0.01:
            rows.append(rows[-1])  # Exported twice.
        if luck.random() < 0.002:
            rows.append(f"{number}-broken,{customer}")  # Cut off.
    return rows


def _products(luck: random.Random) -> list[str]:
    rows = []
    for number in range(1, PRODUCTS + 1):
        price = f"{luck.randint(100, 20_000) / 100:.2f}"
        product = {"product_id": number, "name": f"{luck.choice(_THINGS)} no. {number}", "price": price}
        text = json.dumps(product)
        rows.append(text if luck.random() > 0.02 else text[: luck.randint(5, len(text) - 2)])
    return rows


def _payments(luck: random.Random) -> list[str]:
    rows = ["payment_id\torder_id\tamount\tpaid_at"]
    for number in range(1, PAYMENTS + 1):
        order = luck.randint(1, ORDERS) if luck.random() > 0.003 else 500_000 + number
        amount = f"{luck.randint(100, 90_000) / 100:.2f}" if luck.random() > 0.004 else luck.choice(("free", "12,3O"))
        second = f"{luck.randint(0, 23):02}:{luck.randint(0, 59):02}:{luck.randint(0, 59):02}"
        rows.append(f"{number}\t{order}\t{amount}\t{_day(luck, '%Y-%m-%d')} {second}")
    return rows


def _day(luck: random.Random, style: str) -> str:
    return (date(2024, 1, 1) + timedelta(days=luck.randint(0, 700))).strftime(style)
