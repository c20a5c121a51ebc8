"""PointwiseDisplay: where two columns depend on each other."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skmine._columns import Column, read_features, read_target
from skmine._sklearn import safe_indexing
from skmine._units import nats_a_unit
from skmine.plotting._drawing import check_fitted_as, feature_names_of, make_axes

#: Up to this many distinct numbers are drawn as levels; at most this many levels are shown.
_MAX_DISTINCT, _MAX_LEVELS = 12, 30
_TAIL, _LONG_TAIL = 0.02, 2.0
_COLOUR_QUANTILE, _JITTER = 0.98, 0.35


class PointwiseGrid(NamedTuple):
    """Pointwise mutual information on a grid of values of two columns.

    Attributes
    ----------
    x : ndarray of shape (n_x,)
        Values of the horizontal column.
    y : ndarray of shape (n_y,)
        Values of the vertical column.
    log_ratio : ndarray of shape (n_y, n_x)
        Values in nats.
    """

    x: np.ndarray
    y: np.ndarray
    log_ratio: np.ndarray


class PointwiseDisplay:
    """Map of where two columns depend on each other: their pointwise mutual information.

    The colour is ``log p(x, y) / (p(x) p(y))``. Red values occur together more often than by chance, blue
    values less often, and white values as often. If X and y have one column each, the plot is a grid with the
    rows as black points. Otherwise the rows are coloured. Make it with :meth:`from_estimator`.

    Parameters
    ----------
    x, y : array-like of shape (n_points,)
        Values of the rows: numbers, or categories as objects.
    log_ratio : array-like of shape (n_points,)
        Pointwise mutual information of the rows in nats.
    grid : PointwiseGrid or None, default=None
        Pointwise mutual information on a grid. None colours the rows instead.
    names : tuple of two str, default=("X", "y")
        Names of the two columns.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.
    mesh_ : matplotlib QuadMesh or None
        The grid, if there is one.
    points_ : matplotlib PathCollection
        The rows. Rows of a level are spread out a little.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skmine import MutualInfoEstimator
    >>> from skmine.plotting import PointwiseDisplay
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 1))
    >>> y = np.where(x[:, 0] + rng.normal(size=300) > 0, "yes", "no")
    >>> estimator = MutualInfoEstimator(cv=None, random_state=0).fit(x, y)
    >>> display = PointwiseDisplay.from_estimator(estimator, x, y)
    >>> print([label.get_text() for label in display.ax_.get_yticklabels()])
    ['no', 'yes']
    >>> plt.close(display.figure_)
    """

    def __init__(self, x, y, log_ratio, *, grid=None, names=("X", "y")):
        self.x, self.y = np.asarray(x), np.asarray(y)
        self.log_ratio = np.asarray(log_ratio, dtype=float)
        self.grid = grid
        self.names = names

    @classmethod
    def from_estimator(
        cls, estimator, X, y, *, columns=None, n_grid=60, max_points=1000, unit="nats", ax=None
    ):
        """Draw the pointwise mutual information of an estimator.

        Parameters
        ----------
        estimator : MutualInfoEstimator
            Fitted estimator.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Columns as in ``fit``.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Target columns as in ``fit``.
        columns : tuple of two pairs or None, default=None
            Columns on the two axes, as pairs of block and index, such as ``(("X", 0), ("X", 3))``. None means
            ``(("X", 0), ("y", 0))``.
        n_grid : int, default=60
            Maximum number of grid values of a continuous column. Long tails, outside the middle 96 % of the
            rows, are cut off.
        max_points : int, default=1000
            Maximum number of rows to draw, evenly spaced. Rows with missing values are not drawn.
        unit : {"nats", "bits"}, default="nats"
            Unit of the axis.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.

        Returns
        -------
        PointwiseDisplay

        Raises
        ------
        TypeError
            `estimator` is not a MutualInfoEstimator.
        NotFittedError
            `estimator` is not fitted.
        ValueError
            The columns do not match those of ``fit``, a column does not exist, no row is complete, or
            `unit` is unknown.
        ImportError
            matplotlib is not installed.
        """
        check_fitted_as(estimator, "MutualInfoEstimator")
        blocks = {"X": read_features(X), "y": read_target(y)}
        on_grid = columns is None and len(blocks["X"]) == len(blocks["y"]) == 1
        columns = columns or (("X", 0), ("y", 0))
        pair = [_column_of(blocks, where) for where in columns]
        names = {"X": list(feature_names_of(estimator)), "y": _names_of_target(y, len(blocks["y"]))}
        complete = np.flatnonzero(~(pair[0].missing | pair[1].missing))
        if not len(complete):
            raise ValueError(
                "X and y must have a row without missing values in the two columns; got none. Choose other "
                "columns."
            )
        thin = np.linspace(0, len(complete) - 1, min(max_points, len(complete))).round().astype(int)
        rows = complete[thin]
        grid = None
        if on_grid:
            grid = _score_grid(estimator, (X, y), [column.values for column in pair], complete, n_grid)
        display = cls(
            pair[0].values[rows],
            pair[1].values[rows],
            estimator.score_samples(safe_indexing(X, rows), safe_indexing(y, rows)),
            grid=grid,
            names=tuple(names[block][number] for block, number in columns),
        )
        return display.plot(ax, unit=unit)

    def plot(self, ax=None, *, unit="nats", cmap="RdBu_r"):
        """Draw the stored values, for example into other axes or in another unit.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.
        unit : {"nats", "bits"}, default="nats"
            Unit of the axis.
        cmap : str or matplotlib Colormap, default="RdBu_r"
            Diverging colour map, centred at 0.

        Returns
        -------
        PointwiseDisplay
            The display itself.

        Raises
        ------
        ValueError
            `unit` is unknown.
        ImportError
            matplotlib is not installed.
        """
        scale = nats_a_unit(unit)
        self.figure_, self.ax_ = make_axes(ax, (6.2, 4.6))
        horizontal, vertical = _Axis.of_values(self.x), _Axis.of_values(self.y)
        if self.grid is not None:  # a level may have no row among those drawn
            horizontal, vertical = horizontal.joined(self.grid.x), vertical.joined(self.grid.y)
        # Values that never occur have a ratio of minus infinity, so the rows set the range of the colours.
        most = max(float(np.quantile(np.abs(self.log_ratio), _COLOUR_QUANTILE)) / scale, 1e-3)
        colours = {"cmap": cmap, "vmin": -most, "vmax": most}
        places = horizontal.spread(self.x, seed=0), vertical.spread(self.y, seed=1)
        self.mesh_ = None
        if self.grid is None:
            order = np.argsort(np.abs(self.log_ratio), kind="stable")  # large values on top
            self.points_ = coloured = self.ax_.scatter(
                *(place[order] for place in places),
                c=self.log_ratio[order] / scale,
                s=22,
                edgecolors="0.4",
                linewidths=0.4,
                **colours,
            )
        else:
            edges = _edges(horizontal.place(self.grid.x)), _edges(vertical.place(self.grid.y))
            self.mesh_ = coloured = self.ax_.pcolormesh(*edges, self.grid.log_ratio / scale, **colours)
            self.points_ = self.ax_.scatter(*places, s=5, color="black", alpha=0.35, lw=0)
            self.ax_.set_xlim(edges[0][0], edges[0][-1])
            self.ax_.set_ylim(edges[1][0], edges[1][-1])
        self.figure_.colorbar(
            coloured, ax=self.ax_, extend="both", label=f"log p(x, y) / (p(x) p(y))  ({unit})"
        )
        self.ax_.set(xlabel=self.names[0], ylabel=self.names[1])
        if horizontal.levels is not None:
            long = sum(map(len, horizontal.labels)) > 40
            turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if long else {}
            self.ax_.set_xticks(range(len(horizontal.levels)), horizontal.labels, **turned)
        if vertical.levels is not None:
            self.ax_.set_yticks(range(len(vertical.levels)), vertical.labels)
        return self


@dataclass(frozen=True)
class _Axis:
    """Positions of values on an axis: the values themselves, or the index of their level."""

    levels: tuple | None

    @classmethod
    def of_values(cls, values: np.ndarray) -> "_Axis":
        levels, counts = np.unique(values, return_counts=True)
        if values.dtype != object and len(levels) > _MAX_DISTINCT:
            return cls(None)
        kept = np.sort(np.argsort(-counts, kind="stable")[:_MAX_LEVELS])
        return cls(tuple(levels[kept]))

    def joined(self, values: np.ndarray) -> "_Axis":
        """The axis extended to these values."""
        if self.levels is None:
            return self
        if values.dtype != object and len(np.unique(values)) > _MAX_DISTINCT:
            return _Axis(None)
        return _Axis(tuple(np.unique(values)))

    @property
    def labels(self) -> list[str]:
        return [f"{v:g}" if isinstance(v, float) else str(v) for v in self.levels or ()]

    def place(self, values: np.ndarray) -> np.ndarray:
        if self.levels is None:
            return values.astype(float)
        numbers = {level: number for number, level in enumerate(self.levels)}
        return np.array([numbers.get(value, np.nan) for value in values], dtype=float)

    def spread(self, values: np.ndarray, seed: int) -> np.ndarray:
        """Positions, with a little noise for levels so that their rows do not overlap."""
        places = self.place(values)
        if self.levels is None:
            return places
        return places + np.random.default_rng(seed).uniform(-_JITTER, _JITTER, len(places))

    def pick(self, values: np.ndarray, n_grid: int) -> np.ndarray:
        """Indices of rows whose values form a grid: one row per level, or evenly spaced values."""
        if self.levels is not None:
            places = self.place(values)
            return np.array([np.flatnonzero(places == j)[0] for j in range(len(self.levels))])
        distinct, rows = np.unique(values, return_index=True)
        low, high = distinct[0], distinct[-1]
        inner = np.quantile(values, [_TAIL, 1 - _TAIL])
        if high - low > _LONG_TAIL * (inner[1] - inner[0]) > 0:
            low, high = inner
        wanted = np.linspace(low, high, n_grid)
        above = np.searchsorted(distinct, wanted).clip(1, len(distinct) - 1)
        nearest = np.where(wanted - distinct[above - 1] < distinct[above] - wanted, above - 1, above)
        return rows[np.unique(nearest)]


def _score_grid(estimator, data, values, complete: np.ndarray, n_grid: int) -> PointwiseGrid:
    """Score all pairs of values picked from the rows, which keeps the types seen in fit."""
    picked = [complete[_Axis.of_values(v[complete]).pick(v[complete], n_grid)] for v in values]
    rows_x, rows_y = (rows.ravel() for rows in np.meshgrid(*picked))
    log_ratio = estimator.score_samples(safe_indexing(data[0], rows_x), safe_indexing(data[1], rows_y))
    shape = len(picked[1]), len(picked[0])
    return PointwiseGrid(values[0][picked[0]], values[1][picked[1]], log_ratio.reshape(shape))


def _edges(centres: np.ndarray) -> np.ndarray:
    """Edges of the cells around the given centres."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def _column_of(blocks: dict[str, list[Column]], where) -> Column:
    block, number = where
    if block not in blocks or number not in range(len(blocks[block])):
        raise ValueError(
            f"columns must be two pairs of 'X' or 'y' and the index of a column; got {where!r}. X has "
            f"{len(blocks['X'])} columns and y {len(blocks['y'])}. Pass for example (('X', 0), ('y', 0))."
        )
    return blocks[block][number]


def _names_of_target(y, n_targets: int) -> list[str]:
    if hasattr(y, "columns"):
        return [str(name) for name in y.columns]
    name = getattr(y, "name", None)
    if n_targets == 1:
        return [str(name) if name else "y"]
    return [f"y{j}" for j in range(n_targets)]
