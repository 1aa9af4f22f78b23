"""Remedies that change the model are the VAE again in their limit."""

import dataclasses
import math
from itertools import pairwise

import pytest
import torch
from tiny_runs import rows, spec, splits, trained

from fmnbench.architectures.linear_gaussian import LinearGaussian
from fmnbench.architectures.lstm import LSTM
from fmnbench.architectures.mlp import MLP
from fmnbench.data.vocabulary import START_ID, UNKNOWN_ID
from fmnbench.errors import Declined
from fmnbench.planning.plan import resolve
from fmnbench.remedies.learned_variance import LearnedVariance
from fmnbench.remedies.semi_amortised import Refined, SemiAmortised
from fmnbench.remedies.skip import Skip
from fmnbench.remedies.word_dropout import WordDropout
from fmnbench.rng import isolated, stream


def mlp(**settings):
    with isolated(0, "mlp"):
        return MLP(6, **{"hidden": (16, 12), "latent": 3, **settings})


def test_zero_maps_make_a_skip_vae_the_vae():
    vae = mlp()
    skipping = Skip().around(vae)
    z = torch.empty(5, 3).normal_(generator=stream(0, "z"))
    assert len(skipping.maps) == 2  # the second hidden layer and the output
    assert not torch.allclose(skipping.decode(z).mean, vae.decode(z).mean)
    for each in skipping.maps:
        torch.nn.init.zeros_(each.weight)
    assert torch.equal(skipping.decode(z).mean, vae.decode(z).mean)


def test_the_map_to_the_output_is_added_to_the_mean():
    skipping = Skip().around(mlp(hidden=(16,)))
    z = torch.empty(5, 3).normal_(generator=stream(0, "z"))
    (to_output,) = skipping.maps
    expected = skipping.within.decode(z).mean + z @ to_output.weight.T
    assert torch.allclose(skipping.decode(z).mean, expected, atol=1e-6)


def test_no_steps_of_refinement_are_the_encoder_s_posterior():
    vae, x = mlp(), rows(8, "x")
    q, refined = vae.encode(x), Refined(vae, 0, 0.1).encode(x)
    assert torch.equal(q.mean, refined.mean)
    assert torch.equal(q.log_variance, refined.log_variance)


@pytest.mark.parametrize("learns", [True, False])
def test_each_step_lowers_the_bound_of_each_row_and_rows_are_refined_alone(learns):
    vae, x = mlp(), rows(8, "x")
    bounds = []
    for steps in (0, 1, 4, 16):
        refined = Refined(vae, steps, 0.02)
        with torch.set_grad_enabled(learns):
            q = refined.encode(x)
        assert q.mean.requires_grad == learns
        bounds.append(refined._bound(x, torch.cat([q.mean, q.log_variance], 1)))
        assert torch.allclose(refined.encode(x[:1]).mean, q.mean[:1], atol=1e-6)
    for before, after in pairwise(bounds):
        assert (after < before).all()


def test_refinement_reaches_the_exact_posterior_of_a_linear_model():
    with isolated(0, "linear"):
        vae = LinearGaussian(6, latent=1, variance=0.5)
    x = rows(20, "x")
    with torch.no_grad():
        refined = Refined(vae, 400, 0.02).encode(x)
        vae.adopt_exact_posterior()
        exact = vae.encode(x)
    assert torch.allclose(refined.mean, exact.mean, atol=1e-3)
    # two pairs of noise vectors stand for the expectation: their mean square is not quite 1
    assert refined.log_variance.std() < 1e-3


def test_training_sees_the_steps():
    vae, x = mlp(), rows(8, "x")
    Refined(vae, 2, 0.1).encode(x).mean.sum().backward()
    assert vae.output.weight.grad.abs().sum() > 0  # the posterior depends on the decoder


def test_a_learned_variance_is_that_of_the_residuals():
    data = dataclasses.replace(splits(), train=rows(400, "train"))
    run = spec(epochs=120, batch_size=100, validate_every=120)
    row = dataclasses.replace(run.task, objective="learned-variance")
    model, _ = trained(data, resolve(row, 0))
    with torch.no_grad():
        q = model.vae.encode(data.train)
        z = q.rsample((50,), generator=stream(0, "z"))
        residuals = (model.vae.decode(z).mean - data.train).square().mean()
    # where d/dv of D/2 (log v + residuals / v) is 0; Adam's steps are 1 % of log v
    assert math.log(residuals) == pytest.approx(model.vae.log_variance.item(), abs=0.1)


def test_a_variance_that_is_not_moved_is_the_fixed_one():
    vae, x = mlp(variance=0.3), rows(8, "x")
    scaled, z = LearnedVariance().around(vae), torch.zeros(8, 3)
    assert torch.allclose(scaled.decode(z).log_prob(x), vae.decode(z).log_prob(x), atol=1e-5)
    assert scaled.decode(z).log_normaliser == pytest.approx(vae.decode(z).log_normaliser)


def lstm():
    with isolated(0, "lstm"):
        return LSTM(20, latent=2, embedding=4, hidden=5, dropout=0.0)


def test_a_share_of_the_words_is_unknown_in_training_and_the_start_never():
    decoder = WordDropout(rate=0.3).around(lstm()).decoder
    words = torch.tensor([START_ID, 7] * 4000)
    with isolated(0, "words"):
        read = decoder._read(words)
    assert (read[::2] == START_ID).all()
    lost = (read[1::2] == UNKNOWN_ID).float().mean().item()
    assert lost == pytest.approx(0.3, abs=4 * math.sqrt(0.3 * 0.7 / 4000))
    assert torch.equal(decoder.eval()._read(words), words)


def test_with_all_words_lost_the_likelihood_of_a_word_does_not_depend_on_those_before():
    vae = WordDropout(rate=1.0).around(lstm())
    texts = torch.tensor([[START_ID, 5, 6, 7, 1], [START_ID, 9, 8, 7, 1]]).int()
    z = torch.zeros(2, 2)
    lost = vae.decode(z).log_prob(texts)
    swapped = vae.decode(z).log_prob(texts[:, [0, 2, 1, 3, 4]])
    assert not torch.allclose(lost, swapped)  # it depends on the place
    changed = texts.clone()
    changed[:, 1] = torch.tensor([9, 5])  # the words read at the next places
    others = vae.decode(z).log_prob(changed)
    assert torch.allclose(lost[0] - others[0], others[1] - lost[1], atol=1e-5)
    kept = vae.eval().decode(z).log_prob(texts) - vae.decode(z).log_prob(changed)
    assert not torch.allclose(kept[0], -kept[1], atol=1e-5)


@pytest.mark.parametrize(
    ("remedy", "vae", "reason"),
    [
        (Skip(), lstm, "not written for LSTM"),
        (SemiAmortised(), lstm, "texts needs second derivatives"),
        (LearnedVariance(), lambda: mlp(likelihood="bernoulli"), "no Gaussian decoder"),
        (WordDropout(), mlp, "MLP has no decoder that reads words"),
    ],
)
def test_what_a_remedy_cannot_go_around_is_declined_with_the_reason(remedy, vae, reason):
    with pytest.raises(Declined, match=reason):
        remedy.around(vae())
