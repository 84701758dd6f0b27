import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddb_aiquery._engine.budget import Budget, Lease, Purse, cost_nano, micro_up
from ddb_aiquery._settings import Limits
from ddb_aiquery._values import Endpoint, Usage
from ddb_aiquery.errors import BudgetExceeded


class Ledger:
    """A day's ledger in memory, with the contract of the cache's; it counts transactions and checks its limit."""

    def __init__(self, limit):
        self.limit, self.spent, self.reserved, self.transactions = limit, 0, 0, 0
        self.lock = threading.Lock()

    def reserve(self, amount):
        with self.lock:
            self.transactions += 1
            if self.spent + self.reserved + amount > self.limit:
                return False
            self.reserved += amount
            return True

    def settle(self, reserved, spent):
        with self.lock:
            self.transactions += 1
            self.reserved -= reserved
            self.spent += spent
            assert self.reserved >= 0


def spend(purse, estimate, actual):
    """Make one call, estimate and cost in micro-dollars; tell whether the budget let it."""
    try:
        purse.reserve(1000 * estimate)
    except BudgetExceeded:
        return False
    purse.settle(1000 * estimate, 1000 * actual)
    return True


def purse_of_the_day(ledger):
    """Return a purse that only the day limits."""
    return Purse(Budget(day_micro=ledger.limit), Lease(ledger, ledger.limit))


@pytest.mark.parametrize(
    ("usage", "prices", "nano"),
    [
        (Usage(1_000_000, 1_000_000), (0.15, 0.60), 750_000_000),
        (Usage(1, 0), (0.15, 0.60), 150),
        (Usage(1, 0), (0.000_2, None), 1),
        (Usage(3, 0), (0.1, None), 300),
        (Usage(5, 5), (None, None), 0),
        (Usage(), (1.0, 1.0), 0),
    ],
)
def test_cost_is_in_nano_dollars(usage, prices, nano):
    """Prices are USD per million tokens; a started nano-dollar counts, binary dust does not."""
    into, out = prices
    endpoint = Endpoint("e", "http://127.0.0.1", "m", input_price=into, output_price=out)
    assert cost_nano(usage, endpoint) == nano


def test_the_day_is_told_the_sum_of_small_costs():
    """Ten thousand calls of a fiftieth of a micro-dollar are 200 micro-dollars, not ten thousand."""
    ledger = Ledger(100_000)
    purse = purse_of_the_day(ledger)
    for _ in range(10_000):
        purse.reserve(1_000)
        purse.settle(1_000, 20)
    purse.close()
    assert (ledger.spent, ledger.reserved) == (200, 0)


def test_the_limit_of_calls_is_exact():
    """A limit of 137 calls lets 137 calls through and names the setting at the next."""
    purse = Purse(Budget(query_requests=137))
    assert sum(spend(purse, 0, 0) for _ in range(200)) == 137
    with pytest.raises(BudgetExceeded, match=r"137 calls.*budget\.query_requests"):
        purse.reserve(1000 * 0)


def test_the_querys_money_is_exact_and_the_message_says_what_to_raise():
    """The cost of 137 calls lets 137 through; the error tells spent, limit and setting."""
    purse = Purse(Budget(query_micro=137_000))
    assert sum(spend(purse, 1_000, 1_000) for _ in range(200)) == 137
    with pytest.raises(BudgetExceeded, match=r"\$0\.137000.*spent \$0\.137000.*budget\.query_usd"):
        purse.reserve(1000 * 1_000)


def test_usd_become_micro_dollars_exactly():
    """0.29 USD are 290,000 micro-dollars, whatever binary makes of 0.29."""
    assert Budget.of(Limits(query_usd=0.29, day_usd=1e-7, query_requests=5)) == Budget(290_000, 0, 5)
    assert Budget.of(Limits()) == Budget()


STEPS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3)), max_size=200)


@given(STEPS, st.integers(0, 1_000), st.integers(0, 1_000), st.integers(0, 999))
def test_no_limit_is_passed_by_what_was_estimated(steps, query, day, odd):
    """With costs up to the estimate, neither the query's nor the day's spending passes its limit, at any moment."""
    ledger = Ledger(day)
    purse = Purse(Budget(query_micro=query, day_micro=day), Lease(ledger, day))
    open_calls = []
    for estimate, action in steps:
        if action < 2:
            try:
                purse.reserve(1000 * estimate)
                open_calls.append(estimate)
            except BudgetExceeded:
                pass
        elif open_calls and action == 2:
            reserved = open_calls.pop()
            purse.settle(1000 * reserved, max(0, 1000 * min(estimate, reserved) - odd))
        elif open_calls:
            purse.settle(1000 * open_calls.pop(), 0)
        assert purse.spent + purse.reserved <= 1000 * query
        assert purse.spent + purse.reserved <= 1000 * (ledger.spent + ledger.reserved) <= 1000 * day
    for reserved in open_calls:
        purse.settle(1000 * reserved, 0)
    purse.close()
    assert (ledger.spent, ledger.reserved) == (micro_up(purse.spent), 0)


def test_calls_that_end_after_their_run_are_booked():
    """A stopped statement's calls under way are paid for all the same: the day knows, to the micro-dollar."""
    ledger = Ledger(1_000)
    purse = purse_of_the_day(ledger)
    for _ in range(3):
        purse.reserve(1000 * 100)
    purse.settle(100_000, 70_000)
    purse.close()
    assert (ledger.spent, ledger.reserved) == (70, 200)
    purse.settle(100_000, 40_000)
    purse.settle(100_000, 0)
    assert (ledger.spent, ledger.reserved) == (110, 0)
    assert spend(purse, 100, 60)
    purse.close()
    assert (ledger.spent, ledger.reserved) == (170, 0)


def test_a_call_that_cost_more_than_estimated_is_booked_in_full():
    """The truth is written down, and nothing goes after it."""
    ledger = Ledger(1_000)
    purse = purse_of_the_day(ledger)
    assert spend(purse, 100, 5_000)
    assert not spend(purse, 1_000, 0)
    purse.close()
    assert (ledger.spent, ledger.reserved) == (5_000, 0)


def test_dear_replies_are_booked_out_of_what_is_leased():
    """Replies dearer than their estimates cost no transaction each while the lease has room for them."""
    ledger = Ledger(100_000)
    purse = purse_of_the_day(ledger)
    assert all(spend(purse, 5, 10) for _ in range(1_000))
    assert ledger.transactions < 50
    purse.close()
    assert (ledger.spent, ledger.reserved) == (10_000, 0)


def test_the_days_money_is_leased_in_slices():
    """10,000 small calls take some hundred transactions, and the last micro-dollar can still be spent."""
    ledger = Ledger(10_000)
    purse = purse_of_the_day(ledger)
    assert all(spend(purse, 1, 1) for _ in range(10_000))
    assert ledger.transactions < 300
    assert not spend(purse, 1, 1)


def test_the_day_is_one_for_many_queries_and_threads():
    """Eight threads with a purse each spend the day's money to the last micro-dollar but never more."""
    ledger, done = Ledger(20_000), []

    def work():
        purse = purse_of_the_day(ledger)
        done.append(sum(spend(purse, 7, 5) for _ in range(2_000)))
        purse.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.spent == 5 * sum(done)
    assert ledger.reserved == 0
    assert 19_000 <= ledger.spent <= 20_000


def test_what_is_never_settled_stays_reserved():
    """A purse that dies with a call under way leaves the day's ledger with money reserved, never with too little."""
    ledger = Ledger(1_000)
    purse_of_the_day(ledger).reserve(900_000)
    other = purse_of_the_day(ledger)
    assert not spend(other, 200, 200)
