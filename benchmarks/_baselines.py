"""Two short estimators for comparison with skmine: nearest neighbours (KSG) and canonical correlations."""

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import digamma


def standardised(columns) -> np.ndarray:
    columns = np.asarray(columns, dtype=float)
    columns = columns.reshape(len(columns), -1)
    return (columns - columns.mean(axis=0)) / columns.std(axis=0)


def ksg(X, y, n_neighbors: int = 3) -> float:
    """I(X; Y) in nats by nearest neighbours (Kraskov et al., 2004, eq. 8), maximum norm.

    A little noise breaks ties, as in scikit-learn.
    """
    x, y = standardised(X), standardised(y)
    rng = np.random.default_rng(0)
    x, y = (block + 1e-10 * rng.normal(size=block.shape) for block in (x, y))
    radius = cKDTree(np.hstack([x, y])).query(np.hstack([x, y]), n_neighbors + 1, p=np.inf)[0][:, -1]
    radius = np.nextafter(radius, 0)  # strictly nearer than the neighbour
    counts = [
        cKDTree(block).query_ball_point(block, radius, p=np.inf, return_length=True) for block in (x, y)
    ]  # each count includes the point itself: the + 1 of eq. 8
    return float(digamma(n_neighbors) + digamma(len(x)) - sum(digamma(c).mean() for c in counts))


def cca(X, y) -> float:
    """I(X; Y) in nats of a normal distribution with the canonical correlations of the sample."""
    x, y = (np.linalg.qr(standardised(block))[0] for block in (X, y))
    correlations = np.linalg.svd(x.T @ y, compute_uv=False)
    return float(-0.5 * np.log1p(-(np.minimum(correlations, 1 - 1e-12) ** 2)).sum())
