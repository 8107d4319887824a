"""Public holidays, as the ``holidays`` package knows them for a country."""

from datetime import date

import holidays

from subscribers.timetable import Holiday, no_holidays


class UnknownCountry(ValueError):
    """There are no holidays known for this country; the text says so."""


def holidays_of(country: str) -> Holiday:
    """The holidays of a country by its ISO 3166 code, such as ``nl``; none for "". Raises UnknownCountry."""
    if not country:
        return no_holidays
    try:
        known = holidays.country_holidays(country.upper(), language="en_US")
    except NotImplementedError:
        raise UnknownCountry(
            f"no holidays are known for {country!r}; write the code of a country, like 'nl'"
        ) from None

    def name(day: date) -> str:
        return known.get(day) or ""

    return name
