"""Values for the slots of sentences: invented by Faker (MIT, for development only), in many languages and spellings."""

# ruff: noqa: PLR2004 - how often a value is written in which way

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from faker import Faker

if TYPE_CHECKING:
    from collections.abc import Callable

LOCALES = """
en_US en_US en_GB en_GB en_CA en_AU en_IN en_NZ de_DE de_AT de_CH fr_FR fr_CA es_ES es_MX it_IT nl_NL nl_BE
pl_PL cs_CZ sk_SK sv_SE da_DK no_NO fi_FI hu_HU pt_PT pt_BR sl_SI hr_HR ro_RO el_GR ru_RU tr_TR vi_VN bg_BG
et_EE lt_LT lv_LV
"""

NATIONS = """
American British English Scottish Welsh Irish German Austrian Swiss French Belgian Dutch Spanish Portuguese
Italian Greek Turkish Polish Czech Slovak Hungarian Romanian Bulgarian Serbian Croatian Bosnian Albanian
Russian Ukrainian Finnish Swedish Norwegian Danish Icelandic Estonian Latvian Lithuanian Indian Pakistani
Bangladeshi Nepali Chinese Japanese Korean Vietnamese Thai Malaysian Indonesian Filipino Australian Canadian
Mexican Cuban Jamaican Haitian Brazilian Argentinian Chilean Peruvian Colombian Venezuelan Bolivian Egyptian
Moroccan Algerian Tunisian Libyan Sudanese Ethiopian Kenyan Ugandan Tanzanian Nigerian Ghanaian Senegalese
Congolese Angolan Zambian Israeli Palestinian Jordanian Lebanese Syrian Iraqi Iranian Saudi Yemeni Omani
Kuwaiti Afghan Kazakh Uzbek Armenian Georgian Mongolian Singaporean Maltese Cypriot Catholic Protestant Muslim
Jewish Christian Hindu Buddhist Sikh Orthodox European African Asian Arab Kurdish Basque Catalan Democrat
Republican Slovene Macedonian Dominican Honduran Guatemalan Nicaraguan Panamanian Uruguayan Paraguayan Rwandan
Burundian Malian Liberian Gambian Namibian Botswanan Zimbabwean Mauritian Fijian Samoan Tongan Laotian
Bhutanese Maldivian Tajik Turkmen Kyrgyz Azerbaijani Moldovan Belarusian Montenegrin Kosovar Luxembourger
Bahraini Qatari Emirati
"""

COURTESY = """
Mr. Mrs. Ms. Miss Dr. Mr Mrs Ms Dr Prof. Sir Herr Frau Señor Señora Madame Professor
"""
COMPANY_ENDS = """
Inc Inc. Ltd Ltd. LLC Corp. Corporation GmbH AG Group Holdings Partners Solutions Systems Labs Technologies
Software Bank Insurance Airlines Foods Energy Media Records Studios Capital Consulting Analytics Networks
Health Global Services Institute University
"""
SYLLABLES = """
ba be bi bo da de do fi fo ga go ka ki ko la le lo ma me mi mo na ne no pa pe ra re ri ro sa se so ta te ti to
va ve vi zo xo zen lyn tor max net tek
"""
KNOWN = """
Microsoft Google Apple Amazon IBM Intel Oracle Siemens Bosch Volkswagen Toyota Honda Sony Samsung Nokia
Ericsson Philips Shell BP Nestlé Unilever Citibank Barclays HSBC Santander Lufthansa Ryanair IKEA Walmart
Tesco Carrefour Netflix Spotify Twitter Facebook Reuters BBC CNN NASA UNESCO Greenpeace Harvard Stanford
Oxford
"""
UNITS = ("Apt. {n}", "Apt {n}", "Suite {n}", "Unit {n}", "Floor {n}", "Flat {n}", "Apartment {n}", "Room {n}", "#{n}")

Slot = tuple[str, str]


class Values:
    """One value for each slot, with its label."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        Faker.seed(seed)
        self.makers = {locale: Faker(locale) for locale in dict.fromkeys(LOCALES.split())}

    def maker(self) -> Any:
        """Who invents, of some country."""
        return self.makers[self.dice.choice(LOCALES.split())]

    def of(self, slot: str) -> Slot:
        """The value of a slot and what it is."""
        make: Callable[[], Slot] = getattr(self, f"_{slot}")
        return make()

    def _per(self) -> Slot:
        maker, dice = self.maker(), self.dice
        first, last = maker.first_name(), maker.last_name()
        form = dice.random()
        if form < 0.62:
            name = f"{first} {last}"
        elif form < 0.76:
            name = f"{first} {dice.choice('ABCDEFGHJKLMNPRSTW')}. {last}"
        elif form < 0.82:
            name = f"{first} {maker.last_name()} {last}"
        elif form < 0.86:
            name = f"{first} {maker.last_name()}-{last}"
        elif form < 0.9:
            name = f"{last}, {first}"
        elif form < 0.94:
            name = f"{first[0]}. {last}"
        else:
            name = first
        return self._cased(name, 0.04, 0.03), "person_name"

    def _first(self) -> Slot:
        return self._cased(self.maker().first_name(), 0.05, 0.02), "person_name"

    def _last(self) -> Slot:
        return self._cased(self.maker().last_name(), 0.03, 0.03), "person_name"

    def _pre(self) -> Slot:
        return self.dice.choice(COURTESY.split()), "title"

    def _job(self) -> Slot:
        job = self.makers["en_US"].job()
        return (job.lower() if self.dice.random() < 0.4 else job), "title"

    def _loc(self) -> Slot:
        maker, form = self.maker(), self.dice.random()
        if form < 0.6:
            place = maker.city()
        elif form < 0.85:
            place = self.makers["en_US"].country()
        elif form < 0.93:
            place = self.makers["en_US"].state() if self.dice.random() < 0.6 else self.makers["en_US"].state_abbr()
        else:
            place = " ".join(self._made() for _ in range(self.dice.choice((1, 1, 2))))
        return self._cased(place, 0.07, 0.12), "location"

    def _made(self) -> str:
        return "".join(self.dice.choice(SYLLABLES.split()) for _ in range(self.dice.randint(2, 4))).capitalize()

    def _org(self) -> Slot:
        dice, form = self.dice, self.dice.random()
        if form < 0.3:
            name = self.maker().company()
        elif form < 0.45:
            name = dice.choice(KNOWN.split())
        elif form < 0.7:
            name = f"{self._made()} {dice.choice(COMPANY_ENDS.split())}"
        elif form < 0.8:
            name = self._made() + dice.choice(("", "ly", "ia", "io", "soft", "Tech", "corp"))
        elif form < 0.9:
            word = self.makers["en_US"].word
            name = (
                f"{word().title()} {word().title()} {dice.choice(COMPANY_ENDS.split())}"
                if dice.random() < 0.5
                else f"{word()}{word()}".title()
            )
        else:
            name = f"{self.maker().last_name()} {dice.choice(('&', 'and'))} {self.maker().last_name()}"
        return self._cased(name, 0.05, 0.03), "organisation"

    def _nrp(self) -> Slot:
        name = self.dice.choice(NATIONS.split())
        if self.dice.random() < 0.15:
            name += "s"
        return self._cased(name, 0.2, 0.01), "nationality"

    def _age(self) -> Slot:
        return str(self.dice.randint(1, 99)), "age"

    def _year(self) -> Slot:
        return str(self.dice.randint(1900, 2025)), "date_time"

    def _date(self) -> Slot:
        day = self.makers["en_US"].date_object()
        forms = (
            "%Y-%m-%d",
            "%d.%m.%Y",
            "%m/%d/%Y",
            "%d/%m/%y",
            "%d %B %Y",
            "%B %d, %Y",
            "%b %d",
            "%d %b %Y",
            "%A",
            "%Y-%m-%d %H:%M:%S",
            "%A, %d %B",
            "%B %Y",
            "%Y",
        )
        return day.strftime(self.dice.choice(forms)), "date_time"

    def _phone(self) -> Slot:
        return self.maker().phone_number(), "personal_number"

    def _zip(self) -> Slot:
        return self.maker().postcode(), "street_address"

    def _house(self) -> Slot:
        return self.dice.choice(
            (
                str(self.dice.randint(1, 250)),
                str(self.dice.randint(1, 9999)),
                f"{self.dice.randint(1, 99)}{self.dice.choice('abc')}",
            )
        ), "street_address"

    def _unit(self) -> Slot:
        return self.dice.choice(UNITS).format(n=self.dice.randint(1, 999)), "street_address"

    def _street(self) -> Slot:
        return self._cased(self.maker().street_name(), 0.07, 0.03), "street_address"

    def _adr(self) -> Slot:
        dice, form, maker = self.dice, self.dice.random(), self.maker()
        house, street, city, code = self._house()[0], maker.street_name(), self._loc()[0], maker.postcode()
        country = self.makers["en_US"].country()
        unit = self._unit()[0]
        if form < 0.25:
            address = maker.address()
        elif form < 0.4:
            address = dice.choice((f"{house} {street}", f"{street} {house}"))
        elif form < 0.55:
            address = dice.choice(
                (
                    f"{house} {street}, {city}",
                    f"{street} {house}, {code} {city}",
                    f"{street} {house}\n{code} {city}\n{country}",
                )
            )
        elif form < 0.7:
            address = f"{house} {street}\n {unit}\n {city}\n {country} {code}"
        elif form < 0.8:
            address = f"{house} {street} {unit}\n{city}, {self.makers['en_US'].state_abbr()} {code}"
        elif form < 0.87:
            address = f"{house} {street}, {unit}, {city} {code}, {country}"
        elif form < 0.9:
            address = f"PO Box {dice.randint(10, 9999)}, {city} {code}"
        else:
            address = self.makers["en_US"].address()
        return self._cased(address, 0.07, 0.03), "street_address"

    def _num(self) -> Slot:
        digits = "".join(self.dice.choice("0123456789") for _ in range(self.dice.randint(6, 12)))
        letters = "".join(self.dice.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(self.dice.choice((0, 0, 1, 2))))
        return letters + digits, "personal_number"

    def _any(self) -> Slot:
        """A number of a thing."""
        return "".join(self.dice.choice("0123456789") for _ in range(self.dice.randint(3, 11))), ""

    def _few(self) -> Slot:
        return str(self.dice.randint(1, 500)), ""

    def _word(self) -> Slot:
        if self.dice.random() < 0.5:
            return self._made().lower(), ""
        return self.makers["en_US"].word(), ""

    def _Word(self) -> Slot:  # noqa: N802 - the slot's name
        return self._word()[0].capitalize(), ""

    def _cased(self, value: str, lower: float, upper: float) -> str:
        dice = self.dice.random()
        if dice < lower:
            return value.lower()
        return value.upper() if dice < lower + upper else value
