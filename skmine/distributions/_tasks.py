"""Named distributions for benchmarks: the 40 tasks of Czyz et al. (2023), and other families."""

import numpy as np
from scipy import stats

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
from skmine.distributions._mixtures import Mixture, WithInliers
from skmine.distributions._transforms import Affine, Spiral, SwissRoll


def beyond_normal_tasks():
    """Build the 40 distributions of "Beyond Normal", with the names of the package benchmark-mi.

    Returns
    -------
    tasks : dict of str to JointDistribution
        `mi` is exact for all of them. Columns are not standardised.

    References
    ----------
    Czyz, Grabowski, Vogt, Beerenwinkel and Marx, 2023, Beyond Normal: On the Evaluation of
    Mutual Information Estimators, NeurIPS.

    Examples
    --------
    >>> from skmine.distributions import beyond_normal_tasks
    >>> tasks = beyond_normal_tasks()
    >>> len(tasks), round(tasks["multinormal-sparse-25-25-2-2.0"].mi, 4)
    (40, 1.0217)
    """
    return {**_one_dimensional(), **_multinormal(), **_transformed_multinormal(), **_student()}


def _one_dimensional():
    normal = MultivariateNormal.bivariate(0.75)
    uniform = Transformed(normal, NormalCDF(), NormalCDF())
    bimodal = Transformed(
        normal,
        NormalMixtureQuantile([0, 5], weights=[0.3, 0.7]),
        NormalMixtureQuantile([-1, 3]),
    )
    wiggly = Transformed(
        normal,
        Wiggly([0.4, 0.2, 0.03], [1.0, 1.7, 3.3], [0.0, 1.0, -2.5]),
        Wiggly([-0.4, 0.17, 0.02], [0.4, 1.3, 4.3], [0.0, 3.5, -2.5]),
    )
    return {
        "1v1-normal-0.75": normal,
        "normal_cdf-1v1-normal-0.75": uniform,
        "1v1-additive-0.1": AdditiveUniformNoise(0.1),
        "1v1-additive-0.75": AdditiveUniformNoise(0.75),
        "1v1-bimodal-0.75": bimodal,
        "wiggly-1v1-normal-0.75": wiggly,
        "half_cube-1v1-normal-0.75": Transformed(normal, HalfCube(), HalfCube()),
        "swissroll_x-normal_cdf-1v1-normal-0.75": Transformed(uniform, SwissRoll()),
    }


def _multinormal():
    dense = {f"multinormal-dense-{d}-{d}-0.5": MultivariateNormal.dense(d, d, 0.5) for d in (2, 3, 5, 25, 50)}
    sparse = {
        f"multinormal-sparse-{d}-{d}-2-2.0": MultivariateNormal.sparse(d, d, 2, 2.0) for d in (2, 3, 5, 25)
    }
    return {**dense, **sparse}


def _transformed_multinormal():
    tasks = {}
    for d in (3, 5, 25):
        name, base = f"multinormal-sparse-{d}-{d}-2-2.0", MultivariateNormal.sparse(d, d, 2, 2.0)
        uniform = Transformed(base, NormalCDF(), NormalCDF())
        spirals = Spiral(1 / d, first=0, second=1), Spiral(1 / d, first=1, second=2)
        tasks[f"normal_cdf-{name}"] = uniform
        tasks[f"half_cube-{name}"] = Transformed(base, HalfCube(), HalfCube())
        tasks[f"spiral-{name}"] = Transformed(base, *spirals)
        tasks[f"spiral-normal_cdf-{name}"] = Transformed(uniform, *spirals)
    return tasks


def _student():
    sizes = [(1, 1), (2, 1), (2, 2), (3, 2), (3, 3), (5, 2), (5, 3)]
    tasks = {f"student-identity-{d}-{d}-{dof}": MultivariateStudent.identity(d, d, dof) for d, dof in sizes}
    for d, dof in [(1, 1), (2, 1), (3, 2), (5, 2)]:
        name = f"student-identity-{d}-{d}-{dof}"
        tasks[f"asinh-{name}"] = Transformed(tasks[name], Asinh(), Asinh())
    return tasks


def other_tasks():
    """Build distributions of other families: mixtures, curves, tails, hidden signals, discrete parts.

    Returns
    -------
    tasks : dict of str to JointDistribution
        `mi` is exact or computed by quadrature for all of them, so that `mi_standard_error` is 0.

    Examples
    --------
    >>> from skmine.distributions import other_tasks
    >>> len(other_tasks()) >= 16
    True
    """
    return {**_mixtures(), **_curves(), **_tails(), **_hidden(), **_with_discrete_parts()}


def _mixtures():
    cross = Mixture([MultivariateNormal.bivariate(r) for r in (-0.9, 0.9)])
    galaxy = Transformed(
        # Two round clouds on the diagonal of three dimensions. Y depends on the two columns of X only
        # through their sum.
        Padded(_two_clouds(distance=3.0), extra_x=1),
        [Affine(_rotation(np.pi / 4)), Spiral(0.5)],
    )
    return {
        "mixture-cross": cross,
        "mixture-letters": _letters(),
        "mixture-galaxy": galaxy,
        "mixture-grid": Mixture([_cloud(x, y, 0.25) for x, y in _checkerboard(4)]),
        "mixture-cross-twice": Concatenated([cross, cross]),
        "inliers-1v1": WithInliers(MultivariateNormal.bivariate(0.9), 0.3),
        "inliers-sparse-25": WithInliers(MultivariateNormal.sparse(25, 25), 0.2),
    }


def _curves():
    wave_and_normal = Concatenated([Oscillation(1, 0.3), MultivariateNormal.bivariate(0.6)])
    return {
        "oscillation-4": Oscillation(n_periods=4, noise_scale=0.2),
        "oscillation-10": Oscillation(n_periods=10, noise_scale=0.3),
        "two-scales": FunctionalRelation(_two_scales, noise_scale=0.1),
        "chirp": FunctionalRelation(_chirp, noise_scale=0.1),
        "sine-0.03": FunctionalRelation(np.sin, noise_scale=0.03, x="normal"),
        "steps-0.1": FunctionalRelation(np.floor, noise_scale=0.1, x="normal"),
        "parabola": FunctionalRelation(np.square, noise_scale=0.3, x="normal"),
        "band-0.05": AdditiveUniformNoise(0.05),
        "band-absolute": FunctionalRelation(np.abs, noise_scale=0.1, x="normal", noise="uniform"),
        "wave-and-normal": wave_and_normal,
    }


def _tails():
    normal, heavy = stats.norm(), stats.t(3)
    return {
        "clayton-normal": Transformed(ClaytonCopula(2.0), Quantile(normal), Quantile(normal)),
        "gumbel-student": Transformed(GumbelCopula(2.5), Quantile(heavy), Quantile(heavy)),
        "frank-exponential": Transformed(FrankCopula(6.0), Quantile(stats.expon()), Quantile(stats.expon())),
        "student-0.7": MultivariateStudent([[1.0, 0.7], [0.7, 1.0]], d_x=1, dof=2),
        "student-dense-3-3-1": MultivariateStudent(0.5 * np.eye(6) + 0.5, d_x=3, dof=1),
    }


def _hidden():
    normal = MultivariateNormal.bivariate(0.8)
    oscillation = Padded(Oscillation(n_periods=2, noise_scale=0.2), extra_x=9)
    half_cube = Transformed(MultivariateNormal.sparse(50, 50), HalfCube(), HalfCube())
    return {
        "hidden-rotated-25": _turned(Padded(normal, extra_x=24, extra_y=24)),
        "hidden-rotated-100": _turned(Padded(normal, extra_x=99, extra_y=99)),
        "hidden-half-cube-50": half_cube,
        "hidden-parabola-25": Padded(FunctionalRelation(np.square, 0.3, x="normal"), extra_x=24),
        "hidden-student-50": Padded(MultivariateStudent.identity(2, 2, dof=1), 48, 48),
        "hidden-cross-25": Padded(Mixture([MultivariateNormal.bivariate(r) for r in (-0.95, 0.95)]), 24, 24),
        "hidden-oscillation-10": oscillation,
    }


def _with_discrete_parts():
    table = [[0.20, 0.05, 0.05], [0.05, 0.20, 0.05], [0.05, 0.05, 0.30]]
    return {
        "table-3-3": DiscreteTable(table),
        "noisy-label": NoisyLabel(0.1),
        "classes-three": NormalClasses([-2.0, 0.0, 1.5], [0.5, 1.0, 0.7]),
        "classes-concentric-20": NormalClasses(np.zeros((3, 20)), [1.0, 1.3, 1.7]),
        "classes-hidden-25": Transformed(
            Padded(NormalClasses([-2.0, 0.0, 1.5], [0.5, 1.0, 0.7]), extra_x=24),
            Affine.rotation(25, random_state=0),
        ),
        "parity-2-of-10": SignParity(2, d_x=10),
        "missing-at-random": NormalWithMissing(0.9, intercept=-0.5),
        "missing-by-value": NormalWithMissing(0.8, intercept=-0.5, slope_x=1.5),
        "missing-by-target": NormalWithMissing(0.6, intercept=-0.5, slope_y=1.5),
        "classes-concentric-5": NormalClasses(np.zeros((3, 5)), [1.0, 2.0, 3.0]),
        "integer-uniform-5": IntegerWithUniform(5),
        "zero-inflated-poisson": ZeroInflatedPoisson(0.15),
        "normal-with-atoms": NormalWithAtoms(),
        "integer-uniform-three-columns": Concatenated([IntegerWithUniform(m) for m in (2, 4, 8)]),
    }


def _two_scales(x):
    return np.sin(2 * np.pi * x) + 0.3 * np.sin(24 * np.pi * x)


def _chirp(x):
    return np.sin(2 * np.pi / (x + 0.15))


def _turned(joint):
    rotations = (Affine.rotation(d, random_state=seed) for seed, d in enumerate((joint.d_x, joint.d_y)))
    return Transformed(joint, *rotations)


def _two_clouds(distance):
    # Centres (s, s, s) distance / 2, s = -1 and 1, in the direction of the diagonal of X.
    return Mixture([_cloud(s * distance / np.sqrt(2), s * distance / 2, 1.0) for s in (-1, 1)])


def _rotation(angle):
    return [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]


def _cloud(x, y, deviation):
    return MultivariateNormal(np.eye(2) * deviation**2, d_x=1, mean=[x, y])


def _checkerboard(size):
    return [(i, j) for i in range(size) for j in range(size) if (i + j) % 2 == 0]


def _letters():
    """Draw the letters A and I with six normals (Czyz et al., 2023, arXiv:2310.10240)."""
    slope = 0.95 * np.sqrt(0.04 * 0.2)
    parts = [
        ([1.0, 0.0], [[0.01, 0], [0, 0.2]]),
        ([1.0, 1.0], [[0.05, 0], [0, 0.001]]),
        ([1.0, -1.0], [[0.05, 0], [0, 0.001]]),
        ([-0.8, -0.2], [[0.03, 0], [0, 0.001]]),
        ([-1.2, 0.0], [[0.04, slope], [slope, 0.2]]),
        ([-0.4, 0.0], [[0.04, -slope], [-slope, 0.2]]),
    ]
    return Mixture([MultivariateNormal(matrix, d_x=1, mean=mean) for mean, matrix in parts])
