"""A selection strategy of your own: rank features by rank correlation.

A strategy is a function that receives a ``SelectionTask`` and returns a
``SelectionRanking``. Pass it as ``strategy``.
"""

import numpy as np

from skmine import MINEFeatureSelector, SelectionRanking


def centred_ranks(margin):
    """Centred ranks of one column, one value for each row."""
    return margin.polynomials(1)[0][margin.codes, 0]


def by_rank_correlation(task):
    """Rank features by their rank correlation with the first target."""
    target = centred_ranks(task.targets[0])
    scores = np.array(
        [
            abs(np.mean(centred_ranks(block[0]) * target))
            for block in task.features
        ]
    )
    n_selected = 1 if task.n_select is None else task.n_select
    order, pvalues = np.argsort(-scores), np.ones(len(scores))
    return SelectionRanking(order, n_selected, scores, pvalues=pvalues)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    y = X[:, 1] - X[:, 4]
    selector = MINEFeatureSelector(2, strategy=by_rank_correlation).fit(X, y)
    selected = selector.get_support(indices=True).tolist()
    print(f"selected columns: {selected}")
    assert selected == [1, 4]
