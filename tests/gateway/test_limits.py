import pytest

from flowrun.gateway.base import Account
from flowrun.gateway.faults import Fault
from flowrun.gateway.limits import Limits
from flowrun.serving import ServeSettings

ANN = Account("k_ann", "ann", "a", requests_per_minute=60, max_in_flight=2)
BOB = Account("k_bob", "bob", "b")


def refused(limits: Limits, account: Account, now: float) -> Fault:
    with pytest.raises(Fault) as fault, limits.enter(account, now):
        pass
    return fault.value


def test_a_key_has_so_many_requests_under_way() -> None:
    limits = Limits(ServeSettings())
    with limits.enter(ANN, 0), limits.enter(ANN, 0):
        fault = refused(limits, ANN, 0)
    assert (fault.status, fault.code, fault.retry_after_s) == (429, "rate_limit_exceeded", 1)
    with limits.enter(ANN, 0):
        pass


def test_a_minute_s_worth_may_come_at_once_and_then_one_by_one() -> None:
    limits = Limits(ServeSettings())
    for _ in range(60):
        with limits.enter(ANN, 5):
            pass
    fault = refused(limits, ANN, 5.5)
    assert fault.retry_after_s == pytest.approx(0.5)
    assert str(fault) == "this key may send 60 requests a minute"
    with limits.enter(ANN, 6):
        pass
    refused(limits, ANN, 6)


def test_a_long_pause_saves_no_more_than_a_minute_s_worth() -> None:
    limits = Limits(ServeSettings())
    with limits.enter(ANN, 0):
        pass
    for _ in range(60):
        with limits.enter(ANN, 10_000):
            pass
    refused(limits, ANN, 10_000)


def test_a_refused_request_takes_no_slot() -> None:
    limits = Limits(ServeSettings(max_in_flight=1))
    with limits.enter(BOB, 0):
        for _ in range(5):
            refused(limits, BOB, 0)
    with limits.enter(BOB, 0):
        pass


def test_the_usual_limits_hold_for_keys_without_their_own_and_each_key_alone() -> None:
    limits = Limits(ServeSettings(requests_per_minute=1, max_in_flight=1))
    with limits.enter(BOB, 0), limits.enter(ANN, 0):
        assert refused(limits, BOB, 0).status == 429
    assert refused(limits, BOB, 1).retry_after_s == pytest.approx(59)


def test_without_limits_everything_passes() -> None:
    limits = Limits(ServeSettings())
    for _ in range(1000):
        with limits.enter(BOB, 0):
            pass


def test_a_clock_that_steps_back_gives_nothing_away() -> None:
    limits = Limits(ServeSettings(requests_per_minute=1))
    with limits.enter(BOB, 100):
        pass
    refused(limits, BOB, 50)
