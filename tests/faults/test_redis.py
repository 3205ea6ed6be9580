"""When the wire to Redis breaks, money is taken as before: limits are kept by each process for itself."""

import pytest

from tests.smarttab.rest.test_orders import ORDER


@pytest.mark.parametrize("fault", ["blackhole", "refuse", "cut"])
def test_sales_go_on(till, faulty_redis, fault):
    till.made("/v1/orders", ORDER)
    getattr(faulty_redis, fault)()
    order = till.made("/v1/orders", ORDER)
    bill = till.made(f"/v1/orders/{order['id']}/bills", {})
    paid = till.made(f"/v1/bills/{bill['id']}/payments", {"method": "cash", "amount": bill["amount_due"]})
    assert paid["status"] == "completed"


def test_a_cut_in_the_middle_of_an_answer_is_no_answer(till, faulty_redis):
    faulty_redis.cut_after(1)
    assert till.made("/v1/orders", ORDER)["status"] == "draft"


def test_limits_hold_without_redis(till, faulty_redis, settings):
    settings.MPAC_RATE_LIMITS = settings.MPAC_RATE_LIMITS | {"merchant": 4}
    faulty_redis.refuse()
    answers = [till.get("/v1/orders").status_code for _ in range(8)]
    assert set(answers) == {200, 429}
    assert answers.count(200) <= 4
