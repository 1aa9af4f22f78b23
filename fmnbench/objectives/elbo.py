"""The module in which older plug-ins find the plain bound."""

from fmnbench.remedies.elbo import ELBO

__all__ = ["ELBO"]
