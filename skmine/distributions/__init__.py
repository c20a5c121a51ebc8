"""Joint distributions of (X, Y) whose mutual information I(X; Y) is known, in nats.

Use them to check an estimator on data that resemble yours. Every distribution has the attributes `d_x`, `d_y`
and `mi`, and the methods `sample(n_samples, random_state)` and `log_ratio(X, Y)`.

Distributions can be combined and changed: see `Transformed` (with a `Transform` such as `Asinh` or `Spiral`),
`Concatenated`, `Padded`, `Mixture`, `WithInliers` and `Independent`.

To add a distribution, subclass `JointDistribution` in one of the modules, and list it here and in
`other_tasks`.
"""

from skmine.distributions._base import JointDistribution
from skmine.distributions._composition import Concatenated, Padded, Transformed
from skmine.distributions._continuous import (
    AdditiveUniformNoise,
    MultivariateNormal,
    MultivariateStudent,
)
from skmine.distributions._copulas import ClaytonCopula, FrankCopula, GumbelCopula
from skmine.distributions._discrete import DiscreteTable, NoisyLabel
from skmine.distributions._elementwise import (
    Asinh,
    HalfCube,
    NormalCDF,
    NormalMixtureQuantile,
    Quantile,
    Wiggly,
)
from skmine.distributions._functional import FunctionalRelation, Oscillation
from skmine.distributions._missing import NormalWithMissing
from skmine.distributions._mixed import (
    IntegerWithUniform,
    NormalClasses,
    NormalWithAtoms,
    SignParity,
    ZeroInflatedPoisson,
)
from skmine.distributions._mixtures import Independent, Mixture, WithInliers
from skmine.distributions._regression import Regression, regression_tasks
from skmine.distributions._tasks import beyond_normal_tasks, other_tasks
from skmine.distributions._transforms import Affine, Spiral, SwissRoll, Transform

__all__ = [
    "AdditiveUniformNoise",
    "Affine",
    "Asinh",
    "ClaytonCopula",
    "Concatenated",
    "DiscreteTable",
    "FrankCopula",
    "FunctionalRelation",
    "GumbelCopula",
    "HalfCube",
    "Independent",
    "IntegerWithUniform",
    "JointDistribution",
    "Mixture",
    "MultivariateNormal",
    "MultivariateStudent",
    "NoisyLabel",
    "NormalCDF",
    "NormalClasses",
    "NormalMixtureQuantile",
    "NormalWithAtoms",
    "NormalWithMissing",
    "Oscillation",
    "Padded",
    "Quantile",
    "Regression",
    "SignParity",
    "Spiral",
    "SwissRoll",
    "Transform",
    "Transformed",
    "Wiggly",
    "WithInliers",
    "ZeroInflatedPoisson",
    "beyond_normal_tasks",
    "other_tasks",
    "regression_tasks",
]
