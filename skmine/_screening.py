"""Which feature, or pair of features, adds information to those already chosen: tests on moments.

A candidate's smooth functions of its ranks are multiplied with functions of the target of which the part
that the chosen features explain has been taken off. Their mean products are zero where the candidate adds
nothing; the sum of their squares, times the number of rows, is then a chi-square variable. Half of what
it exceeds its mean by, over the rows, estimates the information that the candidate adds, in nats, to
second order. Moments of a few functions see little of a steep relation: candidates that pass are compared by
a kernel regression of the target on them and the chosen features, on rows left out.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import eigh
from scipy.stats import chi2

from skmine._copula import Margin

#: Degree of the polynomials of a feature and of the target, and functions at most where there are levels.
_DEGREE, _MOST_FUNCTIONS = 4, 8
_TARGET_DEGREE, _MOST_TARGET_FUNCTIONS = 4, 32
#: Target functions at most where all pairs of features are screened.
_PAIR_TARGET_FUNCTIONS = 9
#: Landmarks of the kernel regression on the chosen features, and on candidates to compare.
_LANDMARKS, _JUDGE_LANDMARKS = 500, 150
_RIDGES = np.geomspace(1e-4, 1e3, 15)
_KEPT_PAIRS = 200
_SMALLEST_NORM = 1e-6
#: Share of a function's variance that must be left after conditioning, for it to be tested.
_LEAST_VARIANCE = 2.5e-3


@dataclass(frozen=True)
class Candidates:
    """Singles or pairs of features with what they add.

    Attributes
    ----------
    members : ndarray of shape (n_candidates, 1 or 2)
        Features.
    gain : ndarray of shape (n_candidates,)
        Information added in nats, second-order estimate; not clipped.
    pvalue : ndarray of shape (n_candidates,)
        Bonferroni-adjusted over all candidates of the kind, at most 1.
    """

    members: np.ndarray
    gain: np.ndarray
    pvalue: np.ndarray


class Screen:
    """Functions of all features and of the target, and the residuals of both given the chosen features.

    Parameters
    ----------
    features : list of list of Margin
        Margins of each feature; several for a group of columns that is one feature.
    targets : list of Margin
        Target columns.
    """

    def __init__(self, features: list[list[Margin]], targets: list[Margin]):
        self.n = len(targets[0])
        self.n_features = len(features)
        self.scores = [_scores(margins) for margins in features]
        blocks = [_block_functions(margins, _DEGREE, _MOST_FUNCTIONS) for margins in features]
        self.n_functions = max(1, *(block.shape[1] for block in blocks))
        self.functions = np.zeros((self.n_functions, self.n, self.n_features), dtype=np.float32)
        for j, block in enumerate(blocks):
            self.functions[: block.shape[1], :, j] = block.T
        self.present = self.functions.any(axis=1)  # (function, feature)
        self.residual_functions = self.functions
        self.target = _block_functions(targets, _TARGET_DEGREE, _MOST_TARGET_FUNCTIONS)
        self.residual_target = self.target
        self.chosen: list[int] = []

    def condition_on(self, chosen: list[int]) -> None:
        """Take off what the chosen features explain, of the target and of all other features.

        Parameters
        ----------
        chosen : list of int
            Features.
        """
        self.chosen = list(chosen)
        smoother = _Smoother(np.hstack([self.scores[j] for j in chosen]), self.target, _LANDMARKS)
        self.residual_target = _whitened(smoother.residual(self.target))
        flat = self.functions.transpose(1, 0, 2).reshape(self.n, -1)
        residual = smoother.residual(flat, leave_out=False).reshape(self.n, self.n_functions, -1)
        residual = np.moveaxis(residual, 2, 0)  # (feature, row, function)
        variance, axes = np.linalg.eigh(np.swapaxes(residual, 1, 2) @ residual / self.n)
        scale = np.where(variance > _LEAST_VARIANCE, 1 / np.sqrt(np.maximum(variance, _LEAST_VARIANCE)), 0)
        self.residual_functions = (residual @ (axes * scale[:, None, :])).transpose(2, 1, 0)
        self.residual_functions = np.ascontiguousarray(self.residual_functions, dtype=np.float32)
        self.residual_functions[:, :, chosen] = self.functions[:, :, chosen]
        self.present = self.residual_functions.any(axis=1)

    def left_out_information(self, candidates: Iterable[Sequence[int]]) -> Iterator[np.ndarray]:
        """What candidates add for each row, left out of the fit, in nats to second order.

        Parameters
        ----------
        candidates : iterable of sequence of int
            Features of each; those chosen already count as given.

        Yields
        ------
        ndarray of shape (n,)
            Half of what they take off the squared errors of the functions of the target, in units of the
            mean squared errors without them.
        """
        given = self._left_out_errors(self.chosen)
        for members in candidates:
            gain = given - self._left_out_errors([*self.chosen, *members])
            yield (gain / given.mean(axis=0)).sum(axis=1) / 2

    def _left_out_errors(self, features: Sequence[int]) -> np.ndarray:
        if not features:
            return self.target**2
        scores = np.hstack([self.scores[j] for j in dict.fromkeys(features)])
        return _Smoother(scores, self.target, _JUDGE_LANDMARKS).residual(self.target) ** 2

    def singles(self) -> Candidates:
        """What each feature that is not chosen adds."""
        members = np.setdiff1d(np.arange(self.n_features), self.chosen)[:, None]
        functions = self.residual_functions[:, :, members[:, 0]]
        target = self.residual_target
        mean = np.einsum("anj,nb->jab", functions, target, optimize=True) / self.n
        square = np.einsum("anj,nb->jab", functions**2, target**2, optimize=True) / self.n
        return self._candidates(members, mean, square, self.n_features)

    def promising_pairs(self, among: list[int]) -> np.ndarray:
        """The pairs with the largest moments, not both chosen, with one feature of those given.

        Parameters
        ----------
        among : list of int
            Features.

        Returns
        -------
        ndarray of shape (n_pairs, 2)
        """
        statistic = self._screen_pairs(np.asarray(among, dtype=int))
        number = np.full(self.n_features, -1)
        number[among] = np.arange(len(among))
        # A pair of which both features are given appears once, and no feature with itself.
        statistic[(number >= 0) & (number <= np.arange(len(among))[:, None])] = -np.inf
        chosen = np.isin(among, self.chosen)
        statistic[np.ix_(chosen, np.isin(np.arange(self.n_features), self.chosen))] = -np.inf
        n_kept = min(_KEPT_PAIRS, int(np.isfinite(statistic).sum()))
        best = np.sort(np.argsort(-statistic, axis=None, kind="stable")[:n_kept])
        rows, columns = np.unravel_index(best, statistic.shape)
        return np.column_stack([np.asarray(among, dtype=int)[rows], columns])

    def test_pairs(self, members: np.ndarray, n_tests: int) -> Candidates:
        """What given pairs add, by studentised moments.

        Parameters
        ----------
        members : ndarray of shape (n_pairs, 2)
            Features.
        n_tests : int
            Pairs that they are the most promising of.

        Returns
        -------
        Candidates
        """
        if not len(members):
            return Candidates(members, np.empty(0), np.empty(0))
        mean = np.zeros((len(members), self.n_functions**2, self.residual_target.shape[1]))
        square = np.zeros_like(mean)
        for i, (j, k) in enumerate(members):
            products = _products(*(self.residual_functions[:, :, f].T.astype(np.float64) for f in (j, k)))
            used = products.shape[1]
            mean[i, :used] = products.T @ self.residual_target / self.n
            square[i, :used] = (products**2).T @ self.residual_target**2 / self.n
        return self._candidates(members, mean, square, n_tests)

    def _screen_pairs(self, among: np.ndarray) -> np.ndarray:
        """Statistic less its mean, in units of its deviation, of pairs (given features, all features)."""
        functions = torch.as_tensor(self.residual_functions)
        target = torch.as_tensor(self.residual_target[:, :_PAIR_TARGET_FUNCTIONS], dtype=torch.float32)
        total = torch.zeros(len(among), self.n_features)
        every = len(among) == self.n_features
        for b in range(target.shape[1]):
            weighted = functions[:, :, among] * target[:, b, None]
            for a in range(self.n_functions):
                for c in range(a + 1 if every else self.n_functions):
                    moments = (weighted[a].T @ functions[c]) ** 2
                    total += moments + moments.T if every and c < a else moments
        freedom = np.multiply.outer(self.present.sum(0)[among], self.present.sum(0)) * target.shape[1]
        excess = total.numpy().astype(np.float64) / self.n - freedom
        return excess / np.sqrt(2 * np.maximum(freedom, 1))

    def _candidates(self, members, mean, square, n_tests) -> Candidates:
        """Mean products and mean squared products, of shape (n_candidates, ...)."""
        moments = np.where(square > 1e-9, mean**2 / np.maximum(square, 1e-9), 0.0)
        statistic = self.n * moments.reshape(len(members), -1).sum(1)
        freedom = (square > 1e-9).reshape(len(members), -1).sum(1)
        pvalue = np.minimum(n_tests * chi2.sf(statistic, np.maximum(freedom, 1)), 1.0)
        return Candidates(members, (statistic - freedom) / (2 * self.n), pvalue)


class _Smoother:
    """Kernel ridge regression on given features, with residuals of rows left out in turn.

    The kernel is ``prod_j (1 + t k(x_j, x_j'))`` with a Gaussian k of normal scores; t (1, or one over the
    number of features) and the ridge are those of the smallest left-out error for the target.
    """

    def __init__(self, scores: np.ndarray, target: np.ndarray, n_landmarks: int):
        n, d = scores.shape
        landmarks = np.linspace(0, n - 1, min(n, n_landmarks)).round().astype(int)
        best = np.inf
        for scale in dict.fromkeys((1.0, 1.0 / d)):
            basis, spectrum = _kernel_basis(scores, scores[landmarks], scale)
            fitted = basis.T @ target
            for ridge in _RIDGES:
                shrink = spectrum / (spectrum + ridge)
                left_out = np.maximum(1 - (basis**2 @ shrink)[:, None], 1e-6)
                error = (((target - basis @ (shrink[:, None] * fitted)) / left_out) ** 2).mean()
                if error < best:
                    best, self.basis, self.shrink = error, basis, shrink
        self.left_out = np.maximum(1 - (self.basis**2 @ self.shrink)[:, None], 0.05)

    def residual(self, values: np.ndarray, leave_out: bool = True) -> np.ndarray:
        """Values less their smooth; `leave_out` takes each row out of its own smooth."""
        residual = values - self.basis @ (self.shrink[:, None] * (self.basis.T @ values))
        return residual / self.left_out if leave_out else residual


def _kernel_basis(scores: np.ndarray, landmarks: np.ndarray, scale: float):
    """Orthonormal functions of the rows (n, rank), and their variances, of the kernel at the landmarks."""

    def kernel(one: np.ndarray) -> np.ndarray:
        product = np.ones((len(one), len(landmarks)))
        for x, z in zip(one.T, landmarks.T, strict=True):
            product *= 1 + scale * np.exp(-((x[:, None] - z) ** 2) / 2)
        return product

    spectrum, axes = eigh(kernel(landmarks))
    keep = spectrum > 1e-8 * spectrum[-1]
    spectrum, axes = spectrum[keep], axes[:, keep]
    if len(landmarks) == len(scores):
        return axes, spectrum
    features = kernel(scores) @ (axes / np.sqrt(spectrum))
    spectrum, axes = eigh(features.T @ features)
    keep = spectrum > 1e-8 * spectrum[-1]
    return features @ (axes[:, keep] / np.sqrt(spectrum[keep])), spectrum[keep]


def _whitened(values: np.ndarray) -> np.ndarray:
    """Uncorrelated combinations of columns with mean 0 and variance 1, those of most variance first."""
    values = values - values.mean(axis=0)
    variance, axes = (part[..., ::-1] for part in eigh(values.T @ values / len(values)))
    keep = variance > _LEAST_VARIANCE * max(variance[0], 1e-12)
    return values @ (axes[:, keep] / np.sqrt(variance[keep]))


def _products(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Products of functions of two features, less what functions of either explain, orthonormal."""
    n = len(one)
    products = (one[:, :, None] * other[:, None, :]).reshape(n, -1)
    alone = np.column_stack([np.ones(n), one, other])
    basis, triangle = np.linalg.qr(np.column_stack([alone, products]))
    size = np.abs(np.diag(triangle))
    kept = (size > 0.1 * np.sqrt(n)) & (np.arange(len(size)) >= alone.shape[1])
    return basis[:, kept] * np.sqrt(n)


def _scores(margins: list[Margin]) -> np.ndarray:
    """Coordinates of a feature for the kernel: its first functions."""
    parts = [m.functions[m.codes] if m.rank is None else m.functions[m.codes, :1] for m in margins]
    return np.hstack(parts)


def _block_functions(margins: list[Margin], degree: int, most: int) -> np.ndarray:
    """Functions of a block of columns, orthonormal over the rows, at most so many of each column."""
    parts = [functions[m.codes] for m in margins for functions, _ in [m.polynomials(degree, most)]]
    functions = np.hstack(parts)
    if len(margins) == 1 or not functions.shape[1]:
        return functions
    left, singular, _ = np.linalg.svd(functions - functions.mean(axis=0), full_matrices=False)
    keep = singular > _SMALLEST_NORM * max(singular[0], 1e-12)
    return (left[:, keep] * np.sqrt(len(left)))[:, :most]
