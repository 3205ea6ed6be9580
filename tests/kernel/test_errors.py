"""An error's docstring is its message, and its code does not change."""

import pytest

from kernel import errors
from kernel.errors import Conflict, DomainError, FieldError, Invalid, NotFound, RateLimited, Unavailable


class IntentNotFound(NotFound):
    """No such
    payment intent.

    More for the reader of the code.
    """

    code = "intent_not_found"


def test_the_first_paragraph_of_the_docstring_is_the_message():
    error = IntentNotFound()
    assert str(error) == error.message == "No such payment intent."
    assert (error.kind, error.code) == ("not_found", "intent_not_found")


def test_message_and_code_may_be_given_where_it_is_raised():
    error = NotFound("Gone.", code="gone", hint="x")
    assert (error.message, error.code, error.extra) == ("Gone.", "gone", {"hint": "x"})
    assert NotFound().code == "not_found"


def test_a_conflict_names_what_would_be_allowed():
    assert Conflict(allowed=["open", "closed"]).allowed == ["closed", "open"]
    assert Conflict().allowed is None


def test_an_invalid_request_names_its_fields():
    field = FieldError("amount", "too_small", "At least 1.")
    assert Invalid(errors=[field]).errors == (field,)


@pytest.mark.parametrize("kind", [Unavailable, RateLimited])
def test_what_may_be_tried_again_says_when(kind):
    assert kind(retry_after_s=7).retry_after_s == 7
    assert kind().retry_after_s == 1


def test_every_kind_is_different():
    kinds = [
        cls.kind
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, DomainError) and "kind" in vars(cls)
    ]
    assert len(kinds) == len(set(kinds)) == 8
