"""What a linear β-VAE reaches on `linear-spectrum`, in closed form."""

import math

from fmnbench.datasets.linear_spectrum import EIGENVALUES


def closed_form(beta=1.0, noise=1.0, latent=8):
    """NLL, rate (nats) and active dimensions of a linear β-VAE at its optimum.

    A β-VAE with decoder variance v has the optimum of a VAE with variance βv (Lucas et al. 2019,
    sec. 4.2): along an axis of variance s > βv, weight² = s − βv and posterior variance βv / s, so
    that the model's variance is s + (1 − β)v. The means have variance 1 − βv / s, so that the
    aggregate posterior is the prior, and the rate is all information: ½ log(s / βv).
    """
    nll = rate = active = 0
    for place, variance in enumerate(EIGENVALUES):
        is_active = place < latent and variance > beta * noise
        model = variance + (1 - beta) * noise if is_active else noise
        nll += 0.5 * (math.log(2 * math.pi * model) + variance / model)
        rate += 0.5 * math.log(variance / (beta * noise)) if is_active else 0.0
        active += is_active
    return nll, rate, active
