"""What in a text is personal, and what the profile of a column says of it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
import windvane as wv


def parts(text: str, **options: Any) -> list[tuple[str, str]]:
    return [(one["kind"], text[one["start"] : one["end"]]) for one in wv.personal(text, **options)]


def test_values_are_found_with_their_places() -> None:
    text = "Schöne Grüße — zoë@example.org, IBAN DE89 3704 0044 0532 0130 00"
    assert ("email", "zoë@example.org") in parts(text) or ("email", "example.org") not in parts(text)
    assert ("iban", "DE89 3704 0044 0532 0130 00") in parts(text)
    assert all(0.5 <= one["confidence"] <= 1 for one in wv.personal(text))


def test_kinds_that_are_asked_for_are_found_however_weak() -> None:
    assert parts("10115") == []
    assert parts("10115", kinds=["de_plz"]) == [("de_plz", "10115")]
    assert parts("00000", kinds=["de_plz"]) == []
    with pytest.raises(ValueError, match="no kinds of personal values: shoe_size; there are aba_routing_number"):
        wv.personal("42", kinds=["shoe_size"])


def profiled(table: str = "t", **columns: Any) -> dict[str, tuple[str | None, bool]]:
    found = wv.profile(pa.table(columns), table=table)["columns"]
    return {column["name"]: (column["semantic_type"], column["pii"]) for column in found}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("reviewername", "person_name"),
        ("ContactName", "person_name"),
        ("addressline1", "street_address"),
        ("home_address", "street_address"),
        ("loginid", "username"),
        ("emailaddress", "email"),
        ("mobilephone", "phone"),
        ("PasswordHash", "credential"),
        ("nationalidnumber", "national_id"),
        ("cardnumber", "credit_card"),
        ("company_name", None),
        ("product_name", None),
        ("categoryname", None),
        ("email_template", None),
        ("phonetype", None),
        ("ip_country", None),
        ("status", None),
        ("title", None),
        ("name", None),
    ],
)
def test_an_empty_column_is_judged_by_its_name(name: str, kind: str | None) -> None:
    assert profiled(**{name: pa.array([], pa.string())}) == {name: (kind, kind is not None)}


def test_the_table_says_whose_name_it_is() -> None:
    empty = pa.array([], pa.string())
    assert profiled("employees", name=empty) == {"name": ("person_name", True)}
    assert profiled("products", name=empty) == {"name": (None, False)}


def test_keys_and_days_are_not_what_their_names_contain() -> None:
    found = profiled(
        address_id=pa.array([], pa.int64()),
        customer_id=pa.array([], pa.int64()),
        email_sent_at=pa.array([], pa.timestamp("us")),
        birth_date=pa.array([], pa.date32()),
    )
    assert {name for name, (_, pii) in found.items() if pii} == {"birth_date"}


def test_check_digits_of_many_values_say_what_they_are() -> None:
    def pesel(day: int, serial: int) -> str:
        digits = [int(digit) for digit in f"9003{day:02}{serial:04}"]
        weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
        return "".join(map(str, digits)) + str(-sum(a * b for a, b in zip(digits, weights, strict=True)) % 10)

    values = [pesel(day, day * 317) for day in range(1, 29)]
    assert profiled(x=values)["x"] == ("pl_pesel", True)
    wrong = [value[:-1] + str((int(value[-1]) + 1) % 10) for value in values]
    assert profiled(x=wrong)["x"] == (None, False)


def test_names_in_sentences_are_masked() -> None:
    notes = [
        "Please call Margaret Hughes about the invoice tomorrow.",
        "The delivery was late and one box was damaged.",
    ]
    shown = [top["value"] for top in wv.profile(pa.table({"note": notes}))["columns"][0]["top"]]
    assert not any("Hughes" in value for value in shown)
    assert notes[1] in shown
