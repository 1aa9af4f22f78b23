"""Values that no metric can have, before a board is made from them."""

import pytest

from fmnbench.board.limits import LARGEST, SHORTEST, within_limits


def test_a_value_at_the_limit_stays_and_one_beyond_it_is_named(make_result):
    fine = make_result(
        metrics={"nll": LARGEST, "kl": -LARGEST}, timings={"train": SHORTEST, "save": LARGEST}
    )
    assert within_limits(fine) is fine
    beyond = make_result(metrics={"nll": -2 * LARGEST, "kl": 1.0}, timings={"train": 2 * LARGEST})
    found = within_limits(beyond)
    assert found.metrics == {"kl": 1.0}
    assert found.broken == {"nll": "its value, -2e+100, is beyond ± 1e+100"}
    assert found.timings == {}


@pytest.mark.parametrize("seconds", [0.0, -1.0, SHORTEST / 2])
def test_a_time_that_nothing_can_be_divided_by_is_left_out(make_result, seconds):
    assert within_limits(make_result(timings={"train": seconds, "all": 2.0})).timings == {"all": 2}
