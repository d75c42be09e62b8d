"""A fifth of what is under way may be sent again, and three of little."""

from __future__ import annotations

from hypothesis import given, strategies as st

from proxy.budget import RetryBudget


def test_three_may_always_be_sent_again() -> None:
    budget = RetryBudget()
    budget.active = 4
    assert [budget.take() for _ in range(4)] == [True, True, True, False]
    assert budget.refused == 1


def test_of_many_a_fifth_may() -> None:
    budget = RetryBudget()
    budget.active = 100
    assert sum(budget.take() for _ in range(100)) == 20


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_what_is_taken_is_given_back(steps: list[tuple[bool, bool]]) -> None:
    """A model: requests come, some are sent again, and each leaves once."""
    budget = RetryBudget()
    under_way: list[bool] = []
    for comes, again in steps:
        if comes or not under_way:
            budget.active += 1
            under_way.append(False)
        elif again:
            under_way[-1] = under_way[-1] or budget.take()
        else:
            budget.leave(under_way.pop(0))
        assert budget.active == len(under_way) >= 0
        assert budget.retrying == sum(under_way) <= max(3, 0.2 * len(under_way) + 1, 12)
    for one in under_way:
        budget.leave(one)
    assert (budget.active, budget.retrying) == (0, 0)
