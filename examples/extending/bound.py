"""A bound of your own: Donsker-Varadhan with a penalty.

A bound turns the scores of joint and marginal pairs into nats. It has two
methods. ``estimate`` is the value that is reported, and ``surrogate`` is the
objective of training.

Here the reported value is still a lower bound. The penalty in the objective
keeps the mean of the marginal scores from drifting.
"""

from skmine import MutualInfoEstimator
from skmine.distributions import MultivariateNormal
from skmine.nn import DonskerVaradhan


class Centred(DonskerVaradhan):
    """Donsker-Varadhan, with a penalty on the mean marginal score."""

    def surrogate(
        self, joint, marginal, joint_weight=None, marginal_weight=None
    ):
        value = self.estimate(joint, marginal, joint_weight, marginal_weight)
        return value - 0.01 * marginal.mean((-2, -1)) ** 2


if __name__ == "__main__":
    distribution = MultivariateNormal.bivariate(0.9)
    X, y = distribution.sample(1000, random_state=0)
    estimator = MutualInfoEstimator(
        bound=Centred(),
        cv=None,
        hidden_layer_sizes=(32,),
        n_iter_no_change=2,
        random_state=0,
    ).fit(X, y)
    print(f"truth {distribution.mi:.2f}, estimate {estimator.mi_:.2f} nats")
    assert abs(estimator.mi_ - distribution.mi) < 0.2
