"""The importance-weighted bound: one sample is the ELBO, more are tighter."""

import torch


def test_with_one_sample_it_is_the_bound_of_one_sample(batch_of):
    remedy, batch = batch_of("iwae", {"samples": 1})
    log_ratio = batch.q.log_prob(batch.z) - batch.vae.prior.log_prob(batch.z)
    assert torch.allclose(remedy.loss(batch), batch.reconstruction + log_ratio, atol=1e-5)


def test_in_expectation_one_sample_is_the_elbo_and_the_bound_rises_with_samples(batch_of):
    means = {}
    for samples in (1, 4, 32):
        remedy, batch = batch_of("iwae", {"samples": samples}, rows=50)
        batch._noise.manual_seed(1)
        losses = [remedy.loss(fresh(batch)).mean().item() for _ in range(60)]
        means[samples] = sum(losses) / 60
    elbo = sum(fresh(batch).reconstruction.mean().item() for _ in range(60)) / 60
    elbo += batch.kl.sum(1).mean().item()
    assert abs(means[1] - elbo) < 0.15  # 3,000 samples with a deviation of about 2 nats
    assert means[1] > means[4] > means[32]


def fresh(batch):
    """The batch with other noise of the same stream."""
    return type(batch)(batch.vae, batch.x, noise=batch._noise, progress=batch.progress)
