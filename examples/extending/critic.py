"""A critic of your own: a negative squared distance.

A critic is a ``torch.nn.Module``. Its ``forward(x, y)`` receives ``(..., d_x)``
and ``(..., d_y)`` and returns ``(...)``. The leading axes must broadcast.

Pass a function ``(d_x, d_y) -> nn.Module`` as ``critic``, such as the class
itself. Several critics are trained at once, along a leading axis, so use only
operations that broadcast.
"""

import torch

from skmine import MutualInfoEstimator
from skmine.distributions import MultivariateNormal


class Distance(torch.nn.Module):
    """Negative squared distance between linear maps of x and of y."""

    def __init__(self, d_x, d_y):
        super().__init__()
        self.from_x, self.from_y = (
            torch.nn.Linear(d_x, 4),
            torch.nn.Linear(d_y, 4),
        )

    def forward(self, x, y):
        return -0.1 * (self.from_x(x) - self.from_y(y)).square().sum(-1)


if __name__ == "__main__":
    distribution = MultivariateNormal.bivariate(0.9)
    X, y = distribution.sample(1000, random_state=0)
    estimator = MutualInfoEstimator(
        critic=Distance, cv=None, n_iter_no_change=2, random_state=0
    ).fit(X, y)
    print(f"truth {distribution.mi:.2f}, estimate {estimator.mi_:.2f} nats")
    assert abs(estimator.mi_ - distribution.mi) < 0.2
