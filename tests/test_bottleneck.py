"""Information bottleneck: rates compared with exact values, and the contract of the classifier."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris, make_blobs, make_classification
from sklearn.ensemble import AdaBoostClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch.distributions import Normal, kl_divergence

from skmine import InformationBottleneckClassifier, nn
from skmine._validation import choose_passes

# Short enough to test plumbing, long enough to change the weights.
QUICK = {"max_iter": 60, "hidden_layer_sizes": (16,), "n_components": 3}
NOISES = nn.GaussianEncoder.NOISES
METHODS = ["mine", "vib"]


def quick(**parameters):
    return InformationBottleneckClassifier(**{"random_state": 0, **QUICK, **parameters})


@pytest.fixture(scope="module")
def rows():
    return make_classification(120, 5, n_informative=3, n_classes=3, random_state=0)


@pytest.fixture(scope="module")
def fitted(rows):
    return quick().fit(*rows)


# --- Networks ---


def draw_code(scale, n=2000, seed=0):
    """Code z = x + e in two columns, for x with this scale. Its information is log(1 + scale^2)."""
    generator = torch.Generator().manual_seed(seed)
    mean = scale * torch.randn(n, 2, generator=generator)
    return mean + torch.randn(n, 2, generator=generator), mean, torch.zeros(n, 2), generator


@pytest.mark.parametrize("make", [nn.VariationalRate, lambda: nn.MINERate(3)])
def test_rate__untrained__is_the_divergence_of_normal_densities(make):
    generator = torch.Generator().manual_seed(0)
    z, mean, log_scale = torch.randn(3, 50, 3, generator=generator)

    value = make()(z, mean, log_scale)

    expected = kl_divergence(Normal(mean, log_scale.exp()), Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(value, expected)


def test_mine_rate__trained__is_above_the_information_and_below_the_variational_rate():
    scale = 1.5
    z, mean, log_scale, generator = draw_code(scale)
    rate = nn.MINERate(2, generator=generator, n_steps=300, learning_rate=3e-3)

    rate.update(z)

    # log(1 + scale^2) = 1.18 nats; the variational rate is scale^2 = 2.25. The mean of the squares of 4,000
    # normal draws has a standard error of 0.05 there, and the second term one of 0.05.
    value = float(rate(z, mean, log_scale).detach())
    assert np.log1p(scale**2) - 0.2 < value < nn.VariationalRate()(z, mean, log_scale) - 0.5


def test_mine_rate__any_critic__scores_stay_within_the_clip():
    generator = torch.Generator().manual_seed(0)
    rate = nn.MINERate(2, clip=2.0, generator=generator)
    with torch.no_grad():
        for layer in rate.layers:
            layer.weight.copy_(1e3 * torch.randn(layer.weight.shape, generator=generator))
    z, mean, log_scale, _ = draw_code(1.0, n=100)

    difference = rate(z, mean, log_scale) - nn.VariationalRate()(z, mean, log_scale)

    assert abs(float(difference.detach())) <= 4.0  # the difference of the two ends of the clip


def test_mine_rate__update_and_call__leave_each_other_without_gradient():
    z, mean, log_scale, generator = draw_code(1.0, n=100)
    z, mean = z.requires_grad_(True), mean.requires_grad_(True)
    rate = nn.MINERate(2, generator=generator)

    rate.update(z)
    assert z.grad is None
    rate.update(z)  # the last layer starts at zero, and with it every gradient to z
    before = [p.grad.clone() for p in rate.parameters()]
    rate(z, mean, log_scale).backward()

    assert z.grad.abs().sum() > 0
    torch.testing.assert_close(mean.grad, mean.detach() / 100)
    for old, parameter in zip(before, rate.parameters(), strict=True):
        assert parameter.requires_grad
        assert torch.equal(old, parameter.grad)


@pytest.mark.parametrize("noise", NOISES)
def test_encoder__noise__is_seen_by_the_network_as_named(noise):
    encoder = nn.GaussianEncoder(4, 2, (8,), noise=noise, generator=torch.Generator().manual_seed(0))
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    zeros = torch.zeros(5, encoder.d_noise)

    mean, log_scale = encoder(x, zeros)
    moved, _ = encoder(x, zeros + 1.0)

    assert mean.shape == log_scale.shape == (5, 2)
    assert encoder.d_noise == {"gaussian": 0, "additive": 4, "propagated": 2}[noise]
    assert torch.equal(mean, moved) == (noise == "gaussian")
    if noise == "additive":
        torch.testing.assert_close(moved, encoder(x + encoder.noise_scale, zeros)[0])


@pytest.mark.parametrize("noise", NOISES)
def test_bottleneck_predict__is_the_mean_over_draws_of_the_forward_pass(noise):
    generator = torch.Generator().manual_seed(0)
    model = nn.Bottleneck(nn.GaussianEncoder(2, 3, (8,), noise=noise, generator=generator), 4, generator)
    x = torch.randn(1, 2, generator=generator)

    probability, code = model.predict(x, 4000, generator)
    logits, _, mean, _ = model(x.expand(4000, -1), generator)

    # Both are means of 4,000 draws of values within 1: standard errors of at most 0.5 / sqrt(4000).
    torch.testing.assert_close(
        probability[0], logits.softmax(1).mean(0).detach(), atol=0.05, rtol=0, check_dtype=False
    )
    torch.testing.assert_close(code[0], mean.mean(0).detach(), atol=0.05, rtol=0)


# --- scikit-learn's contract ---


@parametrize_with_checks(
    [
        InformationBottleneckClassifier(max_iter=20, hidden_layer_sizes=16, learning_rate_init=3e-2),
        InformationBottleneckClassifier(
            max_iter=20,
            hidden_layer_sizes=16,
            learning_rate_init=3e-2,
            method="vib",
            noise="propagated",
            n_components=4,
        ),
    ],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "rows are drawn by weight, as for MLPClassifier"
    },
)
def test_classifier__scikit_learn_checks__pass(estimator, check):
    check(estimator)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("method", METHODS)
def test_fit__rings__learns_what_no_line_separates(method, noise, seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.5, 1.5, size=(600, 2))
    y = np.where(np.hypot(*X.T) < 0.85, "in", "out")

    classifier = InformationBottleneckClassifier(
        method=method,
        noise=noise,
        noise_scale=0.1,
        max_iter=200,
        hidden_layer_sizes=64,
        learning_rate_init=5e-3,
        random_state=seed,
    ).fit(X[:400], y[:400])

    # A quarter of the rows is inside, and the rim is blurred by noise. The standard error of 200 rows at 0.94
    # is 0.017.
    assert classifier.score(X[400:], y[400:]) > 0.88
    assert classifier.classes_.tolist() == ["in", "out"]


@pytest.mark.parametrize("method", METHODS)
def test_fit__growing_beta__code_tells_less_and_then_nothing(method):
    X, y = make_blobs(400, centers=6 * np.eye(3, 4), random_state=0)
    X = StandardScaler().fit_transform(X)

    fits = [
        quick(beta=b, method=method, max_iter=300, learning_rate_init=2e-2).fit(X, y)
        for b in (1e-4, 1e-1, 1e1)
    ]

    mi_xz, mi_zy = ([getattr(f, name) for f in fits] for name in ("mi_xz_", "mi_zy_"))
    assert mi_xz[0] > mi_xz[1] + 0.5
    assert mi_xz[1] > mi_xz[2]
    assert mi_zy[0] > 0.9 * np.log(3)
    assert max(mi_zy) <= np.log(3)
    # A code without information has a value near 0. The error of the sampled second term is 0.05.
    assert abs(mi_xz[2]) < 0.1
    assert abs(mi_zy[2]) < 0.1


def test_fit__mine__is_no_looser_than_vib_at_the_same_cross_entropy():
    # Clusters differ from one normal cloud, so the variational rate is loose.
    X, y = make_blobs(600, 2, centers=6, cluster_std=0.3, random_state=0)
    X = StandardScaler().fit_transform(X)
    settings = {"beta": 3e-2, "max_iter": 300, "hidden_layer_sizes": 32, "learning_rate_init": 4e-3}
    fits = {m: quick(method=m, **settings).fit(X, y) for m in METHODS}

    assert fits["mine"].mi_xz_ < fits["vib"].mi_xz_
    assert fits["mine"].mi_zy_ > fits["vib"].mi_zy_ - 0.02
    assert fits["mine"].mi_xz_ > fits["mine"].mi_zy_ - 0.1  # data processing


def test_fit__history__is_the_way_through_the_information_plane(fitted, rows):
    entropy = -(np.bincount(rows[1]) / 120 * np.log(np.bincount(rows[1]) / 120)).sum()

    assert [entry["iteration"] for entry in fitted.history_] == [50, 60]
    for entry in fitted.history_:
        assert set(entry) == {"iteration", "cross_entropy", "mi_xz", "mi_zy"}
        assert entry["mi_zy"] == pytest.approx(entropy - entry["cross_entropy"])
    assert fitted.n_iter_ == 60
    assert fitted.device_ in ("cpu", "cuda")


def test_fit__same_seed__same_bits(fitted, rows):
    X, y = rows
    again, other = quick().fit(X, y), quick(random_state=1).fit(X, y)

    assert (again.predict_proba(X) == fitted.predict_proba(X)).all()
    assert again.mi_xz_ == fitted.mi_xz_
    assert (other.predict_proba(X) != fitted.predict_proba(X)).any()


@pytest.mark.parametrize("noise", NOISES)
def test_predict__rows_apart__same_as_together(noise, rows):
    X, y = rows
    classifier = quick(noise=noise).fit(X, y)

    together = classifier.predict_proba(X)
    apart = np.vstack([classifier.predict_proba(row[None]) for row in X[:20]])

    np.testing.assert_allclose(apart, together[:20], rtol=1e-12)
    np.testing.assert_allclose(together.sum(1), 1.0)
    assert (together == classifier.predict_proba(X)).all()


def test_fit__double_precision_by_default__works_as_ever(rows, double_precision):
    longer = {"max_iter": 100, "learning_rate_init": 1e-2}
    score = quick(**longer).fit(*rows).score(*rows)

    torch.set_default_dtype(torch.float32)
    assert score == pytest.approx(quick(**longer).fit(*rows).score(*rows), abs=0.1)


def test_fit__global_state__is_left_as_it_was(rows):
    state = torch.get_rng_state(), np.random.get_state()[1].copy(), torch.get_num_threads()  # noqa: NPY002

    quick(random_state=None).fit(*rows)

    assert torch.equal(state[0], torch.get_rng_state())
    assert (state[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert state[2] == torch.get_num_threads()


def test_pickle__fitted__same_predictions(fitted, rows, tmp_path):
    X, _ = rows
    joblib.dump(fitted, tmp_path / "classifier.joblib")

    copies = [
        pickle.loads(pickle.dumps(fitted)),
        joblib.load(tmp_path / "classifier.joblib", mmap_mode="r"),
    ]

    for copy in copies:
        assert (copy.predict_proba(X) == fitted.predict_proba(X)).all()
    with pytest.raises(NotFittedError):
        clone(fitted).predict(X)


def test_fit__interrupted__raises_and_keeps_the_weights_so_far(rows, monkeypatch):
    X, y = rows
    calls = []

    def interrupt(averaged, model, weight):
        calls.append(weight)
        if len(calls) > 55:
            raise KeyboardInterrupt
        original(averaged, model, weight)

    original = nn.bottleneck.average_weights
    monkeypatch.setattr(nn.bottleneck, "average_weights", interrupt)
    classifier = quick(max_iter=1000)

    with pytest.raises(KeyboardInterrupt, match="keeps the weights so far"):
        classifier.fit(X, y)

    assert classifier.n_iter_ == 56
    assert len(classifier.history_) == 1
    assert classifier.predict(X).shape == (120,)
    assert np.isfinite(classifier.mi_xz_)


def test_fit__verbose__shows_progress_on_stderr(rows, capsys):
    quick(verbose=True).fit(*rows)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "cross_entropy" in captured.err
    assert "nats" in captured.err


def test_transform__pipeline__gives_named_columns_of_the_code():
    X, y = load_iris(return_X_y=True, as_frame=True)
    pipeline = make_pipeline(StandardScaler(), quick()).set_output(transform="pandas").fit(X, y)

    code = pipeline.transform(X)

    assert isinstance(code, pd.DataFrame)
    assert code.columns.tolist() == [f"informationbottleneckclassifier{i}" for i in range(3)]


def test_grid_search__beta_and_method__scores_every_one():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), quick(max_iter=60, learning_rate_init=3e-2))
    name = "informationbottleneckclassifier"
    grid = {f"{name}__beta": [1e-3, 1e-1], f"{name}__method": METHODS}

    search = GridSearchCV(pipeline, grid, cv=2, scoring="neg_log_loss").fit(X, y)

    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert cross_val_score(search.best_estimator_, X, y, cv=2).mean() > 0.85


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"beta": -1.0}, "'beta' parameter .* must be a float in the range"),
        ({"method": "mine-f"}, "'method' parameter"),
        ({"noise": "none"}, "'noise' parameter"),
        ({"n_components": 0}, "'n_components' parameter"),
        ({"hidden_layer_sizes": (8, 0)}, "hidden_layer_sizes must be one or more positive.*Pass for example"),
        ({"device": "tpu"}, "device must be"),
    ],
)
def test_fit__bad_parameter__raises_and_leaves_nothing_fitted(parameters, message, rows):
    classifier = quick(**parameters)

    with pytest.raises(ValueError, match=message):
        classifier.fit(*rows)

    assert not hasattr(classifier, "classes_")


def test_fit__batch_above_the_rows__is_clipped_with_a_warning(rows):
    with pytest.warns(UserWarning, match=r"batch_size should be at most.*got 500, clipped to 120"):
        classifier = quick(batch_size=500).fit(*rows)

    assert classifier.mi_xz_ == quick(batch_size=120).fit(*rows).mi_xz_


@pytest.mark.parametrize("method", ["mine", "vib"])
def test_fit__weights_of_the_rows__are_how_often_they_count(method, rows):
    X, _ = rows
    y = (X[:, 0] > 0).astype(int)
    flipped = np.concatenate([y, 1 - y])  # every row with both classes
    twice = np.vstack([X, X])
    weight = np.repeat([1.0, 0.01], len(X))
    options = {"method": method, "max_iter": 100, "learning_rate_init": 1e-2}

    right = quick(**options).fit(twice, flipped, weight)
    wrong = quick(**options).fit(twice, flipped, sample_weight=weight[::-1])

    assert right.score(X, y) > 0.9
    assert wrong.score(X, y) < 0.1


def test_fit__equal_weights_and_weights_of_zero__as_without_and_as_rows_left_out(rows):
    X, y = rows
    half = np.arange(len(X)) % 2

    assert quick().fit(X, y, np.full(len(X), 3.0)).mi_xz_ == quick().fit(X, y).mi_xz_
    assert quick().fit(X, y, half).mi_xz_ == quick().fit(X[half == 1], y[half == 1]).mi_xz_


def test_fit__class_without_weight__is_still_a_class(rows):
    X, y = rows
    weight = (y == y[0]).astype(float)

    classifier = quick(learning_rate_init=3e-2).fit(X, y, weight)

    assert (classifier.classes_ == np.unique(y)).all()
    assert (classifier.predict(X) == y[0]).all()


@pytest.mark.parametrize(
    ("weight", "message"),
    [(-1.0, "Negative values in data passed to `sample_weight`"), (0.0, "only zeros"), (np.nan, "NaN")],
)
def test_fit__bad_weights__raises_and_keeps_the_old_model(weight, message, rows):
    X, y = rows
    classifier = quick().fit(X, y)
    before = classifier.predict_proba(X)

    with pytest.raises(ValueError, match=message):
        classifier.fit(X[:, :1], y, np.full(len(y), weight))

    assert (classifier.predict_proba(X) == before).all()


def test_fit__in_adaboost__gets_its_weights():
    # Nearly separable classes: a member that is no better than chance would stop AdaBoost.
    X, y = make_classification(
        120,
        5,
        n_informative=3,
        n_redundant=0,
        n_classes=3,
        n_clusters_per_class=1,
        class_sep=2,
        random_state=0,
    )
    boosted = AdaBoostClassifier(
        quick(max_iter=100, learning_rate_init=1e-2), n_estimators=2, random_state=0
    ).fit(X, y)

    assert len(boosted.estimators_) == 2
    assert boosted.score(X, y) > 0.8
    weighted, plain = (member.predict_proba(X) for member in reversed(boosted.estimators_))
    assert not np.allclose(weighted, plain)


def test_fit__continuous_target__raises(rows):
    X, _ = rows

    with pytest.raises(ValueError, match="Unknown label type"):
        quick().fit(X, X[:, 0])


def test_fit__diverging__raises_and_names_the_remedy(rows):
    X, y = rows

    with pytest.raises(ValueError, match=r"common scale.*StandardScaler in front"):
        quick(max_iter=20, learning_rate_init=1e30).fit(X, y)


def test_fit__other_units__same_probabilities(rows):
    X, y = rows

    plain, larger = (quick().fit(unit * X, y).predict_proba(unit * X) for unit in (1.0, 2.0**40))

    np.testing.assert_array_equal(plain, larger)


@pytest.mark.parametrize(
    ("max_iter", "n_train", "expected"),
    [("auto", 100, 500), ("auto", 4000, 2000), ("auto", 10**6, 20_000), (7, 4000, 7)],
)
def test_choose_passes__rows_of_training__is_fifty_passes_within_limits(max_iter, n_train, expected):
    assert choose_passes(max_iter, n_train, batch_size=100) == expected


def test_parameters__changed_after_fit__the_fitted_model_stays():
    X = np.random.default_rng(0).normal(size=(60, 3))
    model = quick(n_components=2, max_iter=2)
    with pytest.raises(NotFittedError):
        model.get_feature_names_out()
    model.fit(X, X[:, 0] > 0).set_params(n_components=5).set_output(transform="pandas")

    assert list(model.transform(X).columns) == model.get_feature_names_out().tolist()
    assert model.transform(X).shape == (60, 2)
