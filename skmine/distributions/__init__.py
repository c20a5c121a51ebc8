"""Joint distributions (X, Y) with known mutual information I(X; Y) in nats.

Every joint has `d_x`, `d_y`, `mi`, `sample(n_samples, random_state)` and `log_ratio(X, Y)`. Joints
compose: `Transformed` (by subclasses of `Transform`, such as `Asinh` and `Spiral`), `Concatenated`,
`Padded`, `Mixture`, `WithInliers`, `Independent`. To add one, subclass `JointDistribution` in one of
the modules and give it a line here and in `other_tasks`.
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
