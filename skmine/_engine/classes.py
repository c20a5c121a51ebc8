"""Scores of classes: the few columns in which classes differ, so that regressions can predict them."""

import torch
from torch import Tensor

from skmine._engine.canonical import RIDGES, canonical_solutions
from skmine._engine.em import fit_mixtures, moments
from skmine._engine.limits import MOST_MIXED
from skmine._engine.regressors import predicted_by_kernels, predicted_by_trees
from skmine._engine.sample import Sample


def class_scores(sample: Sample) -> Tensor:
    """Optimal scores of the classes of y, in double precision.

    Levels of an ordered y, or classes that differ in a few directions only, need few scores. A regression of
    the scores then replaces a regression of an indicator of each class. The scores are canonical variates of
    the indicators and of their predictions by kernels and trees, as many as help to predict other rows. The
    training rows of the first member determine them for all.

    Parameters
    ----------
    sample : Sample
        The rows. y is discrete.

    Returns
    -------
    Tensor of shape (n_classes, n_scores)

    References
    ----------
    Hastie, Tibshirani and Buja (1994), "Flexible discriminant analysis by optimal scoring", Journal of the
    American Statistical Association 89.
    """
    name = "scores of classes"
    if name not in sample.shared:
        sample.shared[name] = _optimal_scores(sample.root.first)
    return sample.shared[name]


def _optimal_scores(first: Sample) -> Tensor:
    classes = torch.eye(first.y.n_core, dtype=torch.float64)
    if len(classes) == 2:
        return classes[:, :1]
    x, one_hot, weight = (part.double().squeeze(0) for part in first.read(first.fitted))
    indicator = one_hot - weight @ one_hot / weight.sum()
    part = first.folds.part[0][first.fitted[0]]
    predicted = torch.cat(
        [
            predicted_by_kernels(x, indicator, weight, part, first.readings[0][0].choices),
            predicted_by_trees(x[:, : first.x.n_core], indicator, weight, part),
        ],
        1,
    )
    predicted = predicted / predicted.square().mean(0).sqrt().clamp_min(1e-12)
    rows = torch.arange(len(x)).unsqueeze(0)
    # The smallest ridge, because the predictions of a rare class vary little.
    (solution,) = canonical_solutions(predicted, indicator, rows, weight, RIDGES[:1])
    if not solution.correlations.numel():  # nothing predicts a class, so all scores are equally good
        return classes[:, :1]
    n_scores = min(max(int((solution.shrunk(1.0) > 0).sum()), 1), MOST_MIXED)
    variates = solution.projection_x.leading(n_scores)(predicted.unsqueeze(0))
    n_scores = _n_useful(variates, one_hot.unsqueeze(0), weight.unsqueeze(0), part)
    return solution.projection_y.leading(n_scores)(classes.unsqueeze(0)).squeeze(0)


def _n_useful(variates: Tensor, one_hot: Tensor, weight: Tensor, part: Tensor) -> int:
    """Number of leading variates with which Gaussian classes predict other parts best.

    Later variates can be functions of the first ones. The levels of an ordered y, for example, have one score
    that is linear in them, one that is quadratic, and so on.
    """

    def log_likelihood(k: int) -> float:
        total = 0.0
        for number in part.unique():
            own, others = part == number, part != number
            mixture = next(fit_mixtures(variates[:, others, :k], weight[:, others], one_hot[:, others]))
            log_posterior = mixture.component_log_densities(moments(variates[:, own, :k])).log_softmax(2)
            total += float((weight[:, own] * (log_posterior * one_hot[:, own]).sum(2)).sum())
        return total

    return max(range(1, variates.shape[2] + 1), key=log_likelihood)
