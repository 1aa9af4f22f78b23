"""Records with information by epoch, and the board that they make: a plug-in of the tests."""

import pytest

from fmnbench.board import boards


@pytest.fixture(scope="session")
def curve_run(make_result):
    """Returns a builder of a run from its information by epoch, at a KL of 1 nat."""

    def build(points, seed=0, kl=1.0, **fields):
        epochs = range(1, max(points, default=0) + 1)
        curve = [{"epoch": float(epoch), "kl": kl} for epoch in epochs]
        for epoch, value in points.items():
            curve[epoch - 1] |= {"validation.mi_batch": value, "validation.kl": kl}
        return make_result(seed=seed, curve=tuple(curve), metrics={"nll": 1.0}, **fields)

    return build


@pytest.fixture(scope="session")
def curve_results(curve_run):
    """Returns a plain VAE of three seeds and two critics of which one seed is done."""
    values = [{3: 1.0, 6: 2.0}, {3: 2.0, 6: 4.0}, {3: 6.0, 6: 3.0}]
    found = [curve_run(points, seed) for seed, points in enumerate(values)]
    critic = {"critic": "self", "lambda_": 20.0}
    found.append(curve_run({3: 5.0, 6: 6.5}, 0, **critic))
    found.append(curve_run({3: 0.5}, 1, status="diverged", error="loss is nan", **critic))
    found.append(curve_run({3: 4.0, 6: 3.5}, 0, critic="neural", lambda_=20.0))
    return found


def the_board(results, **options):
    (board,) = boards(results, **options)
    return board


def only(found):
    (element,) = found
    return element
