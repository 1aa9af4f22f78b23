"""Synthetic text against its own truth."""

import itertools
import math

import numpy as np
import pytest
import torch

from fmnbench.data.synthetic.language import (
    MEANS,
    log_prior,
    random_language,
    sample_prior,
)
from fmnbench.data.synthetic.text import (
    ROWS,
    TEST_NLL,
    TEST_NLL_GIVEN_Z,
    bare_tokens,
    log_marginal,
    synthetic_text,
)


def generator(seed=0):
    return np.random.default_rng(seed)


def tiny(words=4, length=3):
    return random_language(generator(1), words=words, hidden=5, length=length)


def every_sentence(language):
    sentences = itertools.product(range(language.words), repeat=language.length)
    return np.array(list(sentences), dtype=np.int32)


@pytest.fixture(scope="module")
def text():
    return synthetic_text(rows=(400, 10, 1_000))


def test_probabilities_of_all_sentences_sum_to_one_given_any_z():
    language = tiny()
    sentences = every_sentence(language)
    for z in ((0.3, -1.2), (5.0, 4.0)):
        given = np.tile(z, (len(sentences), 1))
        total = np.exp(language.log_likelihood(sentences, given)).sum()
        assert total == pytest.approx(1.0, abs=1e-12)


def test_the_language_is_an_lstm_as_torch_knows_it():
    language = tiny(words=6, length=5)
    z = sample_prior(7, generator())
    tokens = language.sample(z, generator())
    lstm = torch.nn.LSTM(6 + 2, 5, bias=False, batch_first=True).double()
    inputs = np.concatenate([language.word_gates, language.latent_gates])
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(torch.from_numpy(inputs.T))
        lstm.weight_hh_l0.copy_(torch.from_numpy(language.recurrent.T))
        words = torch.nn.functional.one_hot(torch.from_numpy(tokens).long(), 6).double()
        latent = torch.from_numpy(z)
        cell = (latent @ torch.from_numpy(language.first_cell))[None]
        seen = torch.cat([words[:, :-1], latent[:, None].expand(-1, 4, -1)], -1)
        states, _ = lstm(seen, (cell.tanh(), cell))
        scores = states @ torch.from_numpy(language.word_scores)
        scores += (latent @ torch.from_numpy(language.latent_scores))[:, None]
        log_p = (scores.log_softmax(-1) * words[:, 1:]).sum((1, 2)) - math.log(6)
    np.testing.assert_allclose(language.log_likelihood(tokens, z), log_p.numpy(), rtol=1e-12)


def test_sentences_are_sampled_as_often_as_their_probability():
    language = tiny(words=3, length=2)
    rows = 20_000
    z = np.tile((0.5, -1.0), (rows, 1))
    tokens = language.sample(z, generator())
    counts = np.bincount(tokens @ (3, 1), minlength=9)
    expected = rows * np.exp(language.log_likelihood(every_sentence(language), z[:9]))
    # chi-squared with 8 degrees of freedom: 8 on average, above 31.8 once in 10,000 draws
    assert ((counts - expected) ** 2 / expected).sum() < 31.8


def test_the_prior_integrates_to_one_and_has_the_moments_of_its_four_parts():
    grid = np.arange(-9, 9, 0.25)
    points = np.stack(np.meshgrid(grid, grid), -1)
    assert np.exp(log_prior(points)).sum() * 0.25**2 == pytest.approx(1.0, abs=1e-9)
    z = sample_prior(40_000, generator())
    # each coordinate is ±2 plus a standard normal: mean 0, variance 4 + 1, fourth moment 43
    np.testing.assert_allclose(z.mean(0), 0, atol=4 * (5 / 40_000) ** 0.5)
    np.testing.assert_allclose((z**2).mean(0), 5, atol=4 * ((43 - 25) / 40_000) ** 0.5)
    nearest = ((z[:, None] - MEANS) ** 2).sum(2).argmin(1)
    np.testing.assert_allclose(np.bincount(nearest) / 40_000, 0.25, atol=4 * 0.44 / 200)


def integral(language, sentence, points, step):
    """Returns log p(x) by a sum over a grid of z."""
    given = language.log_likelihood(np.tile(sentence, (len(points), 1)), points)
    return np.logaddexp.reduce(given + log_prior(points)) + 2 * math.log(step)


def grid(middle, reach, step):
    ticks = np.arange(-reach, reach + step / 2, step)
    return middle + np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)


def test_marginal_is_the_integral_over_a_grid():
    language = tiny(words=5, length=4)
    sentences = every_sentence(language)[::100]
    points = grid((0.0, 0.0), 8, 0.25)
    expected = [integral(language, sentence, points, 0.25) for sentence in sentences]
    found = log_marginal(language, sentences, generator(), samples=2_000)
    # four times the standard deviation of 0.024 that 20 other seeds have at the most
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_marginal_of_long_sentences_is_the_integral_around_their_z(text):
    rows = slice(0, 3)
    tokens, z = text.test.tokens[rows], text.test.z[rows]
    expected = [
        integral(text.language, sentence, grid(middle, 1.5, 0.1), 0.1)
        for sentence, middle in zip(tokens, z, strict=True)
    ]
    found = log_marginal(text.language, tokens, generator(), samples=1_000)
    # a fifth of the draws are effective at the least: four times an error of (1/200)^0.5
    np.testing.assert_allclose(found, expected, atol=0.28)


def test_marginal_probabilities_of_all_sentences_sum_to_one():
    language = tiny()
    estimates = [
        np.exp(
            log_marginal(language, every_sentence(language), generator(seed), samples=200)
        ).sum()
        for seed in range(10)
    ]
    error = np.std(estimates, ddof=1) / 10**0.5
    assert error < 0.02
    assert np.mean(estimates) == pytest.approx(1.0, abs=4 * error)


def test_entropy_is_the_mean_of_minus_log_p_of_samples(text):
    surprise = -text.language.log_likelihood(text.test.tokens, text.test.z)
    entropy = text.language.entropy(text.test.z, generator())
    # both are estimates; that from exact entropies varies less
    error = (2 / len(surprise)) ** 0.5 * surprise.std()
    assert error < 0.4
    assert entropy == pytest.approx(surprise.mean(), abs=4 * error)


def test_sentences_say_more_with_their_own_z_than_with_another(text):
    own = text.language.log_likelihood(text.test.tokens, text.test.z)
    other = text.language.log_likelihood(text.test.tokens, text.test.z[::-1])
    assert own.mean() > other.mean() + 10


def test_the_default_test_split_is_worth_what_is_declared_of_it():
    text = synthetic_text(rows=(1, 1, ROWS[2]))
    given = text.language.log_likelihood(text.test.tokens, text.test.z)
    # one other word among 18,000 would move it by 1e-5, rounding by 1e-12
    assert -given.mean() == pytest.approx(TEST_NLL_GIVEN_Z, rel=1e-9)
    few = slice(0, 30)
    gains = given[few] - log_marginal(
        text.language, text.test.tokens[few], generator(), samples=100
    )
    error = gains.std(ddof=1) / 30**0.5
    assert error < 0.4
    assert gains.mean() == pytest.approx(TEST_NLL - TEST_NLL_GIVEN_Z, abs=4 * error)


def test_splits_are_the_same_for_a_seed_and_differ_between_themselves(text):
    again = synthetic_text(rows=(400, 10, 1_000))
    assert np.array_equal(text.test.tokens, again.test.tokens)
    assert np.array_equal(text.test.z, again.test.z)
    assert not np.array_equal(text.train.z[:400], text.test.z[:400])
    other = synthetic_text(rows=(400, 10, 1_000), seed=1)
    assert not np.array_equal(text.test.z, other.test.z)
    assert not np.array_equal(text.language.recurrent, other.language.recurrent)


def test_the_rows_of_a_split_do_not_depend_on_those_of_the_others(text):
    assert np.array_equal(synthetic_text(rows=(1, 1, 1_000)).test.tokens, text.test.tokens)


def test_documents_are_sentences_of_ten_words_that_the_vocabulary_knows(text):
    documents = text.test.documents()
    encoded = text.vocabulary.encode(documents)
    assert (encoded.lengths == 12).all()
    assert not (encoded.tokens == 2).any()
    assert np.array_equal(bare_tokens(encoded), text.test.tokens)
    assert text.vocabulary.decode(encoded) == documents
    assert len(text.vocabulary) == 1_003
