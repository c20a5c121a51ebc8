"""A selection strategy of your own: the features whose ranks go with those of the target in a straight line.

A strategy is a function of a ``SelectionTask`` that returns a ``SelectionRanking``; pass it as ``strategy``.
"""

import numpy as np

from skmine import MINEFeatureSelector, SelectionRanking


def normal_scores(margin):
    """First polynomial of the ranks, a straight line, at each row."""
    return margin.polynomials(1)[0][margin.codes, 0]


def by_rank_correlation(task):
    """Rank features by the correlation of their ranks with those of the first target."""
    target = normal_scores(task.targets[0])
    scores = np.array([abs(np.mean(normal_scores(block[0]) * target)) for block in task.features])
    n_selected = 1 if task.n_select is None else task.n_select
    return SelectionRanking(np.argsort(-scores), n_selected, scores, pvalues=np.ones(len(scores)))


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    y = X[:, 1] - X[:, 4]
    selector = MINEFeatureSelector(2, strategy=by_rank_correlation).fit(X, y)
    print(f"selected columns: {selector.get_support(indices=True).tolist()}")
    assert selector.get_support(indices=True).tolist() == [1, 4]
