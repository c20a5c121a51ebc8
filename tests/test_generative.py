"""MINEGAN: networks compared with exact values, and the contract of the estimator."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmine import MINEGAN, nn
from skmine.nn.adversarial import Perceptron

# Short enough to test plumbing, long enough to change the weights.
QUICK = {"max_iter": 60, "hidden_layer_sizes": (16, 16)}


def quick(**parameters):
    return MINEGAN(**{"random_state": 0, **QUICK, **parameters})


def four_modes(n=1000, seed=0):
    """Rows at the corners of a square, and the number of the corner."""
    rng = np.random.default_rng(seed)
    corner = rng.integers(4, size=n)
    return np.column_stack([corner % 2, corner // 2]) * 2.0 + 0.1 * rng.normal(size=(n, 2)), corner


@pytest.fixture(scope="module")
def X():
    return four_modes(200)[0]


@pytest.fixture(scope="module")
def fitted(X):
    return quick(n_codes=3).fit(X)


# --- Networks ---


def test_perceptron__first_layer__each_unit_bends_at_a_row():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(50, 3, generator=generator)

    network = Perceptron(rows, (16, 8), 2, generator)

    assert network.layers[0](rows).abs().min(0).values.max() < 1e-5
    assert network(rows).shape == (50, 2)


def test_sampler_draw_codes__are_normal_columns_then_a_category():
    sampler = nn.Sampler(2, 1, 3, 4, (8,))

    code = sampler.draw_codes(20_000, torch.Generator().manual_seed(0), torch.zeros(()))

    # Standard errors: 0.007 of a mean, 0.005 of a variance's root, 0.003 of a share.
    assert code.shape == (20_000, sampler.d_code) == (20_000, 7)
    torch.testing.assert_close(code[:, :3].mean(0), torch.zeros(3), atol=0.03, rtol=0)
    torch.testing.assert_close(code[:, :3].std(0), torch.ones(3), atol=0.03, rtol=0)
    torch.testing.assert_close(code[:, 3:].mean(0), torch.full((4,), 0.25), atol=0.015, rtol=0)
    assert (code[:, 3:].sum(1) == 1).all()


def test_code_reader__exact_critic__gives_the_posterior_mean():
    # x = code + e: log p(x, code) / (p(x) p(code)) is exact up to terms without code; the mean is x / 2.
    class Exact(torch.nn.Module):
        def forward(self, x, code):
            return (x * code - code**2 / 2).squeeze(-1)

    codes = torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0))
    reader = nn.CodeReader(Exact(), 1e6, codes)
    x = torch.tensor([[-1.0], [0.0], [0.5], [2.0]])

    # The posterior has a scale of 0.7, so about 10,000 of the draws have most of the weight.
    torch.testing.assert_close(reader(x), x / 2, atol=0.04, rtol=0)


@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_train_gan__penalty__flattens_the_discriminator_at_the_data(beta, X):
    x = torch.tensor(X - X.mean(0), dtype=torch.float32)
    slopes = []
    for penalty in (0.0, 10.0):
        generator = torch.Generator().manual_seed(0)
        discriminator = Perceptron(x, (16, 16), 1, generator)
        nn.train_gan(
            nn.Sampler(2, 2, 2, 0, (16, 16), generator),
            discriminator,
            nn.MutualInformation(2, 2, generator=generator),
            x,
            beta=beta,
            penalty=penalty,
            learning_rate=4e-3,
            batch_size=64,
            max_iter=100,
            generator=generator,
        )
        rows = x.clone().requires_grad_(True)
        slopes.append(float(torch.autograd.grad(discriminator(rows).sum(), rows)[0].norm(dim=1).mean()))

    assert slopes[1] < 0.5 * slopes[0]


# --- Learning ---

LEARNING = {"hidden_layer_sizes": (32, 32), "learning_rate_init": 3e-3, "batch_size": 64}


@pytest.mark.statistical
def test_fit__four_modes__covers_them_and_tells_its_categories(seed):
    X, corner = four_modes(1000, seed)

    gan = MINEGAN(n_codes=4, n_components=0, max_iter=400, random_state=seed, **LEARNING).fit(X)

    sample = gan.sample(1000, random_state=seed)
    distance = np.abs(sample[:, None] - 2.0 * np.array([[0, 0], [1, 0], [0, 1], [1, 1]])).max(2)
    assert np.bincount(distance.argmin(1), minlength=4).min() > 50  # of 250
    assert (distance.min(1) < 0.5).mean() > 0.9
    # Two categories may share a corner, because the noise also moves rows. By chance, the values are 0 and 0.
    assert adjusted_rand_score(corner[:400], gan.predict(X[:400])) > 0.4
    assert np.log(4) - 0.4 < gan.mi_ < np.log(4) + 0.05


@pytest.mark.statistical
def test_transform__own_samples__recovers_their_code(seed):
    X, _ = four_modes(1000, seed)
    gan = MINEGAN(n_codes=3, n_components=1, max_iter=250, random_state=seed, **LEARNING).fit(X)
    rng = np.random.default_rng(seed)
    code = np.column_stack([rng.normal(size=300), np.eye(3)[rng.integers(3, size=300)]])

    read = gan.transform(gan.sample(300, code=code, random_state=seed))

    assert np.corrcoef(code[:, 0], read[:, 0])[0, 1] > 0.5
    assert (code[:, 1:].argmax(1) == read[:, 1:].argmax(1)).mean() > 0.6
    np.testing.assert_allclose(read[:, 1:].sum(1), 1.0)


def test_fit__beta__rows_tell_more_of_their_code():
    X, _ = four_modes(1000)

    plain, told = (quick(beta=b, n_codes=4, n_components=0, max_iter=300).fit(X) for b in (0.0, 1.0))

    assert told.mi_ > plain.mi_ + 0.1
    assert told.mi_ <= np.log(4) + 0.05


# --- scikit-learn's contract ---


@parametrize_with_checks(
    [
        MINEGAN(max_iter=3, hidden_layer_sizes=4),
        MINEGAN(max_iter=3, hidden_layer_sizes=4, n_codes=3, n_components=0, beta=0),
    ]
)
def test_gan__scikit_learn_checks__pass(estimator, check):
    check(estimator)


def test_fit__scaled_data__samples_are_in_its_units(X, fitted):
    scaled = quick(n_codes=3).fit(1024 * X)

    np.testing.assert_array_equal(scaled.sample(50, random_state=1), 1024 * fitted.sample(50, random_state=1))
    np.testing.assert_array_equal(scaled.transform(1024 * X[:20]), fitted.transform(X[:20]))


def test_fit__constant_rows__samples_them():
    gan = quick(max_iter=100, learning_rate_init=6e-3).fit(np.full((50, 3), 7.0))

    assert np.abs(gan.sample(100, random_state=0) - 7.0).mean() < 1.0


def test_sample__random_state__decides_the_rows(fitted):
    assert (fitted.sample(5, random_state=3) == fitted.sample(5, random_state=3)).all()
    assert (fitted.sample(5, random_state=3) != fitted.sample(5, random_state=4)).any()
    assert fitted.sample().shape == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 0}, "n_samples must be an integer of at least 1; got 0"),
        ({"n_samples": 2.5}, "n_samples must be an integer"),
        ({"n_samples": 2, "code": np.zeros((2, 4))}, r"code must have shape .*\(2, 5\); got \(2, 4\)"),
        ({"n_samples": 1, "code": [[np.nan] * 5]}, "code contains NaN"),
    ],
)
def test_sample__bad_argument__raises(fitted, arguments, message):
    with pytest.raises(ValueError, match=message):
        fitted.sample(**arguments)


def test_predict__without_categories__is_not_there(X):
    gan = quick().fit(X)

    assert not hasattr(gan, "predict")
    assert hasattr(quick(n_codes=2), "predict")


def test_fit__same_seed__same_bits(fitted, X):
    again = quick(n_codes=3).fit(X)

    assert (again.sample(20, random_state=0) == fitted.sample(20, random_state=0)).all()
    assert again.mi_ == fitted.mi_


def test_fit__double_precision_by_default__samples_of_the_same_shape(X, double_precision):
    gan = quick(max_iter=10).fit(X)

    assert np.isfinite(gan.sample(3)).all()
    assert np.isfinite(gan.transform(X[:20])).all()


def test_fit__global_state__is_left_as_it_was(X):
    state = torch.get_rng_state(), np.random.get_state()[1].copy(), torch.get_num_threads()  # noqa: NPY002

    quick(random_state=None, max_iter=10).fit(X).sample(3)

    assert torch.equal(state[0], torch.get_rng_state())
    assert (state[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert state[2] == torch.get_num_threads()


def test_fit__history__has_losses_and_information_while_it_has_weight(fitted):
    gan = quick(max_iter=200).fit(four_modes(100)[0])

    history = pd.DataFrame(gan.history_)

    assert history.columns.tolist() == ["iteration", "discriminator", "sampler", "mi"]
    assert history["iteration"].tolist() == [50, 100, 150, 200]
    assert np.isfinite(history[["discriminator", "sampler"]]).all(axis=None)
    assert np.isfinite(history["mi"]).tolist() == [True, False, False, False]


def test_pickle__fitted__same_samples(fitted, X, tmp_path):
    joblib.dump(fitted, tmp_path / "gan.joblib")

    copies = [pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "gan.joblib", mmap_mode="r")]

    for copy in copies:
        assert (copy.sample(9, random_state=0) == fitted.sample(9, random_state=0)).all()
        assert (copy.predict(X[:50]) == fitted.predict(X[:50])).all()
    with pytest.raises(NotFittedError):
        clone(fitted).sample()


def test_fit__interrupted__raises_and_keeps_the_weights_so_far(X, monkeypatch):
    calls = []
    original = nn.adversarial.average_weights

    def interrupt(averaged, model, weight):
        calls.append(weight)
        if len(calls) > 55:
            raise KeyboardInterrupt
        original(averaged, model, weight)

    monkeypatch.setattr(nn.adversarial, "average_weights", interrupt)
    gan = quick(max_iter=1000)

    with pytest.raises(KeyboardInterrupt, match="keeps the weights so far"):
        gan.fit(X)

    assert gan.n_iter_ == 56
    assert len(gan.history_) == 1
    assert np.isfinite(gan.sample(5)).all()
    assert np.isfinite(gan.mi_)


def test_fit__interrupted_at_the_end__keeps_the_whole_training(X, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(nn.adversarial, "_catch_up", interrupt)
    gan = quick()

    with pytest.raises(KeyboardInterrupt, match="keeps the weights so far"):
        gan.fit(X)

    assert gan.n_iter_ == QUICK["max_iter"]
    assert gan.transform(X[:20]).shape == (20, 2)


def test_fit__verbose__shows_progress_on_stderr(X, capsys):
    quick(verbose=True).fit(X)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "discriminator" in captured.err


def test_transform__pipeline__gives_named_columns_of_the_code(X):
    frame = pd.DataFrame(X, columns=["a", "b"])
    pipeline = make_pipeline(StandardScaler(), quick(n_codes=2)).set_output(transform="pandas").fit(frame)

    code = pipeline.transform(frame[:20])

    assert code.columns.tolist() == [f"minegan{i}" for i in range(4)]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"beta": -1.0}, "'beta' parameter .* must be a float in the range"),
        ({"n_components": 0}, "n_components . n_codes must be at least 1"),
        ({"n_noise": -1}, "'n_noise' parameter"),
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes must be one or more positive integers"),
        ({"device": "tpu"}, "device must be"),
        ({"learning_rate_init": 1e20}, r"common scale.*lower learning_rate_init"),
    ],
)
def test_fit__bad_parameter__raises_and_leaves_nothing_fitted(parameters, message, X):
    gan = quick(**parameters)

    with pytest.raises(ValueError, match=message):
        gan.fit(X)

    assert not hasattr(gan, "mi_")


def test_parameters__changed_after_fit__the_fitted_model_stays(X):
    model = quick(n_codes=4, max_iter=5)
    with pytest.raises(NotFittedError):
        model.get_feature_names_out()
    model.fit(X)
    codes, names = model.predict(X[:20]), model.get_feature_names_out()

    model.set_params(n_components=5, n_codes=0).set_output(transform="pandas")

    np.testing.assert_array_equal(model.predict(X[:20]), codes)
    np.testing.assert_array_equal(model.get_feature_names_out(), names)
    assert model.transform(X[:20]).shape == (20, len(names))
