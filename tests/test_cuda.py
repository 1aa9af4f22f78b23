"""An NVIDIA GPU gives the numbers of a CPU, where there is one."""

import pytest
import torch

from fmnbench.registry import architectures, critics
from fmnbench.rng import isolated, stream
from fmnbench.testing import rows_for

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def of(name, critic, device):
    """Bound, critic's loss, and the gradients of both, of the same rows and noise."""
    make = architectures.get(name)
    x, inputs = rows_for(make)
    x = x[::4].double() if x.is_floating_point() else x[::4]
    with isolated(0, "test/cuda"):
        vae = make(inputs).double().eval()
        of_pairs = critics.get(critic)(vae).double()
    noise = torch.empty(len(x), vae.latent, dtype=torch.float64)
    noise = noise.normal_(generator=stream(0, "test/noise")).to(device)
    vae, of_pairs, x = vae.to(device), of_pairs.to(device), x.to(device)
    q = vae.encode(x)
    z = q.mean + (0.5 * q.log_variance).exp() * noise
    bound = vae.decode(z).log_prob(x) - q.kl_from_standard().sum(1)
    contrast = of_pairs(x, z, q)
    weights = [weight for part in (vae, of_pairs) for weight in part.parameters()]
    gradients = torch.autograd.grad(bound.sum() + contrast, weights, allow_unused=True)
    found = [bound, contrast, *(part for part in gradients if part is not None)]
    return [part.detach().cpu() for part in found]


@pytest.mark.parametrize("name", architectures.names())
def test_a_gpu_has_the_bounds_and_gradients_of_a_cpu(name):
    here, there = of(name, "none", "cpu"), of(name, "none", "cuda")
    torch.testing.assert_close(there, here, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("critic", critics.names())
@pytest.mark.parametrize("name", ["lstm", "cnn"])
def test_a_gpu_has_the_critics_of_a_cpu(name, critic):
    here, there = of(name, critic, "cpu"), of(name, critic, "cuda")
    torch.testing.assert_close(there, here, rtol=1e-5, atol=1e-6)  # critics compare in float32
