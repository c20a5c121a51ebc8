"""A distribution of your own, with known mutual information.

Use it to check estimators. A subclass of ``JointDistribution`` needs:

- the numbers of columns, ``d_x`` and ``d_y``,
- a sampler,
- the mutual information in nats,
- the log density ratio of rows.
"""

import numpy as np

from skmine import MutualInfoEstimator
from skmine.distributions import JointDistribution


class NoisyCoin(JointDistribution):
    """X is a fair coin; Y equals X with probability `accuracy`."""

    d_x = d_y = 1

    def __init__(self, accuracy=0.9):
        self.accuracy = accuracy

    def _sample(self, n_samples, rng):
        coin = rng.randint(2, size=(n_samples, 1))
        wrong = rng.uniform(size=coin.shape) > self.accuracy
        return coin, np.where(wrong, 1 - coin, coin)

    def _mutual_information(self):
        p = np.array([self.accuracy, 1 - self.accuracy])
        return np.log(2) + (p * np.log(p)).sum()

    def _log_ratio(self, X, Y):
        return np.log(2 * np.where(X == Y, self.accuracy, 1 - self.accuracy))[
            :, 0
        ]


if __name__ == "__main__":
    coin = NoisyCoin()
    X, y = coin.sample(2000, random_state=0)
    estimator = MutualInfoEstimator(random_state=0).fit(X, y)
    print(f"truth {coin.mi:.2f}, estimate {estimator.mi_:.2f} nats")
    print(
        f"mean log ratio of these rows {coin.log_ratio(X, y).mean():.2f} nats"
    )
    assert abs(estimator.mi_ - coin.mi) < 0.1
