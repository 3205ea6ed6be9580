"""What may stand for a card, and where its holder may come back to."""

import pytest

from mpac.pgw.domain.card_details import MAX_RETURN_URL, is_payment_token, is_return_url


@pytest.mark.parametrize(
    "text",
    [
        "pm_card_visa",
        "tok_1NhqZcLkdIwHu7ixQ8y3Z1kP",
        "tokn_test_5xpz3bq8v7cn9s2m4k1",
        "card_test_5xpz3bq8v7cn9s2m4k1",
        "shopper-7/8416038790273850",
        "customer-42/8316158654144897",
        "M5N7TQ4TG5PFWR50",
        "4111111111111112",  # no check digit: some provider's number, but no card's
    ],
)
def test_is_a_providers_token(text):
    assert is_payment_token(text)


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111",
        "4242-4242-4242-4242",
        "4242.4242.4242.4242",
        "4242_4242_4242_4242",
        "5555555555554444",
        "378282246310005",
        "6011111111111117",
        "30569309025904",
        "3530111333300000",
        "tok_4111111111111111",
        "card=4111111111111111;",
        "00004111111111111111",
        "8416038790273850/4111111111111111",
        "with a space",
        "with\nline",
        "é",
        "",
        "x" * 4097,
    ],
)
def test_is_never_a_cards_number_nor_what_no_provider_issues(text):
    assert not is_payment_token(text)


@pytest.mark.parametrize(
    "text", ["https://shop.example/back", "https://shop.example:8443/orders/7?from=bank#paid"]
)
def test_is_an_address_to_come_back_to(text):
    assert is_return_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://shop.example/back",
        "javascript:alert(1)",
        "//shop.example/back",
        "https://",
        "https:///back",
        "https://user:word@shop.example/",
        "https://@shop.example/",
        "https://shop.example/a b",
        "https://shop.example/\r\nX: y",
        "https://[::1",
        "https://shop.example/?card=4111111111111111",
        "https://shop.example/" + "x" * MAX_RETURN_URL,
    ],
)
def test_is_no_address_to_come_back_to(text):
    assert not is_return_url(text)
