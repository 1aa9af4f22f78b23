"""Critics whose runs end badly, each in its own way: a plug-in for tests."""

import time

from fmnbench.critics.base import Critic
from fmnbench.errors import Declined
from fmnbench.registry import critics


@critics.register("nan")
class NaN(Critic):
    """Adds a number that is none."""

    def forward(self, x, z, q):
        return z.sum() * float("nan")


@critics.register("raising")
class Raising(Critic):
    """Raises an error of two lines."""

    def forward(self, x, z, q):
        raise RuntimeError("no such\nluck")


@critics.register("declining")
class Declining(Critic):
    """Takes no architecture."""

    def __init__(self, vae):
        raise Declined("not for digits")


@critics.register("hanging")
class Hanging(Critic):
    """Never comes back."""

    def forward(self, x, z, q):
        time.sleep(600)
