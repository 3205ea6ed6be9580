"""Path converters: integer identifiers that fit the database, so that an absurd one is simply missing."""

from django.urls import register_converter

MAX_INT4 = 2**31 - 1


class IntegerId:
    """A positive int4 without sign or leading zeros."""

    regex = "[1-9][0-9]{0,9}"

    def to_python(self, value: str) -> int:
        number = int(value)
        if number > MAX_INT4:
            raise ValueError(value)
        return number

    def to_url(self, value: int) -> str:
        return str(value)


def register() -> None:
    """Make `<id:...>` available to URL patterns."""
    register_converter(IntegerId, "id")
