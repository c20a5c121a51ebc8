"""MutualInfoMatrixDisplay: all pairs of columns as a heat map."""

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from skmine._scores import mutual_info_matrix
from skmine._units import as_correlation, check_scale
from skmine.plotting._drawing import make_axes, read_names

_MAX_WRITTEN, _MAX_NAMED, _MAX_OPTIMAL = 12, 60, 200
#: Largest size of a name in points, and share of its row that it takes.
_POINTS, _SHARE = 10.0, 0.75


class MutualInfoMatrixDisplay:
    """Heat map of the mutual information of all pairs of columns, with dependent columns side by side.

    The diagonal holds entropies and is grey. Missing pairs (NaN) are hatched. Make it with
    :meth:`from_data` or :meth:`from_matrix`.

    Parameters
    ----------
    matrix : array-like of shape (n_features, n_features)
        Mutual information in nats, or correlations; NaN for unknown pairs. It must be symmetric, but one of
        the two values of a pair can be NaN.
    labels : array-like of shape (n_features,) or None, default=None
        Names of the columns. None uses those of a DataFrame, or x0, x1, ...
    scale : {"information", "correlation"}, default="information"
        Scale of the matrix.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.
    im_ : matplotlib AxesImage
        Heat map. The diagonal and missing pairs are masked.
    order_ : ndarray of shape (n_features,)
        Indices of the columns from top to bottom.
    text_ : ndarray of matplotlib Text of shape (n_features, n_features), or None
        Texts of the cells in the order drawn, if values are written.

    References
    ----------
    Linfoot (1957), An informational measure of correlation, for the distance between two columns.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from skmine.plotting import MutualInfoMatrixDisplay
    >>> iris = load_iris()
    >>> display = MutualInfoMatrixDisplay.from_data(iris.data, labels=iris.feature_names)
    >>> display.im_.get_array().shape
    (4, 4)
    >>> plt.close(display.figure_)
    """

    def __init__(self, matrix, labels=None, *, scale="information"):
        check_scale(scale, "nats")
        if labels is None:
            labels = getattr(matrix, "columns", None)
        self.matrix = np.asarray(matrix, dtype=float)
        if self.matrix.ndim != 2 or self.matrix.shape[0] != self.matrix.shape[1]:
            raise ValueError(
                f"matrix must be square; got shape {self.matrix.shape}. Pass one row and one column per "
                "feature."
            )
        _check_symmetric(self.matrix)
        self.labels = read_names(labels, len(self.matrix), "labels")
        self.scale = scale

    @classmethod
    def from_data(
        cls,
        X,
        *,
        labels=None,
        cluster=True,
        values="auto",
        cmap="cividis",
        scale="correlation",
        unit="nats",
        ax=None,
        **parameters,
    ):
        """Draw the mutual information of all pairs of columns of X.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Columns of any kind.
        labels : array-like of shape (n_features,) or None, default=None
            Names of the columns. None uses those of a DataFrame, or x0, x1, ...
        cluster : bool, default=True
            Whether to put dependent columns side by side. Set False to keep the order of the columns.
        values : bool or "auto", default="auto"
            Whether to write the values in the cells. ``"auto"`` writes them for up to 12 columns.
        cmap : str or matplotlib Colormap, default="cividis"
            Colour map.
        scale : {"correlation", "information"}, default="correlation"
            Correlations from 0 to 1, or mutual information; see :func:`skmine.mutual_info_matrix`.
        unit : {"nats", "bits"}, default="nats"
            Unit of mutual information.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.
        **parameters
            Other parameters of :func:`skmine.mutual_info_matrix`.

        Returns
        -------
        MutualInfoMatrixDisplay

        Raises
        ------
        ValueError
            `labels` has the wrong length, `unit` or `scale` is unknown, or X is empty, infinite or complex.
        IndexError
            `discrete_features` does not match the columns of X.
        TypeError
            A column holds dates, or objects that are neither strings nor numbers.
        ImportError
            matplotlib is not installed.
        """
        if labels is None:
            labels = getattr(X, "columns", None)
        check_scale(scale, unit)
        display = cls(mutual_info_matrix(X, scale=scale, **parameters), labels, scale=scale)
        return display.plot(ax, cluster=cluster, values=values, cmap=cmap, unit=unit)

    @classmethod
    def from_matrix(
        cls,
        matrix,
        labels=None,
        *,
        cluster=True,
        values="auto",
        cmap="cividis",
        scale="information",
        unit="nats",
        ax=None,
    ):
        """Draw a matrix, such as the result of :func:`skmine.mutual_info_matrix`.

        Parameters
        ----------
        matrix : array-like of shape (n_features, n_features)
            Mutual information in nats, or correlations; NaN for unknown pairs. It must be symmetric, but one
            of the two values of a pair can be NaN.
        labels : array-like of shape (n_features,) or None, default=None
            Names of the columns. None uses those of a DataFrame, or x0, x1, ...
        cluster : bool, default=True
            Whether to put dependent columns side by side. Set False to keep the order of the columns.
        values : bool or "auto", default="auto"
            Whether to write the values in the cells. ``"auto"`` writes them for up to 12 columns.
        cmap : str or matplotlib Colormap, default="cividis"
            Colour map.
        scale : {"information", "correlation"}, default="information"
            Scale of the matrix.
        unit : {"nats", "bits"}, default="nats"
            Unit of mutual information.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.

        Returns
        -------
        MutualInfoMatrixDisplay

        Raises
        ------
        ValueError
            `matrix` is not square or not symmetric, `labels` has the wrong length, or `unit` or `scale` is
            unknown.
        ImportError
            matplotlib is not installed.
        """
        return cls(matrix, labels, scale=scale).plot(ax, cluster=cluster, values=values, cmap=cmap, unit=unit)

    def plot(self, ax=None, *, cluster=True, values="auto", cmap="cividis", unit="nats"):
        """Draw the stored values, for example into other axes or in another unit.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.
        cluster : bool, default=True
            Whether to put dependent columns side by side. Set False to keep the order of the columns.
        values : bool or "auto", default="auto"
            Whether to write the values in the cells. ``"auto"`` writes them for up to 12 columns.
        cmap : str or matplotlib Colormap, default="cividis"
            Colour map.
        unit : {"nats", "bits"}, default="nats"
            Unit of mutual information.

        Returns
        -------
        MutualInfoMatrixDisplay
            The display itself.

        Raises
        ------
        ValueError
            `unit` is unknown, or is set although the values are correlations.
        ImportError
            matplotlib is not installed.
        """
        nats = check_scale(self.scale, unit)
        n_features = len(self.matrix)
        self.order_ = self._cluster() if cluster else np.arange(n_features)
        drawn = self.matrix[np.ix_(self.order_, self.order_)] / nats
        side = min(3.0 + 0.5 * min(n_features, _MAX_WRITTEN) + 0.1 * n_features, 14.0)
        self.figure_, self.ax_ = make_axes(ax, (side + 0.8, side))
        diagonal = np.eye(n_features, dtype=bool)
        pairs = np.ma.array(drawn, mask=diagonal | ~np.isfinite(drawn))
        high = float(pairs.max()) if pairs.count() else 1.0
        high = 1.0 if self.scale == "correlation" or high <= 0 else high
        self.ax_.set_facecolor("0.85")
        self.im_ = self.ax_.imshow(pairs, cmap=cmap, vmin=0.0, vmax=high)
        self._hatch(np.isnan(drawn))
        written = n_features <= _MAX_WRITTEN if values == "auto" else values
        self.text_ = self._write(drawn) if written else None
        bar = self.figure_.colorbar(self.im_, ax=self.ax_, shrink=0.8)
        is_information = self.scale == "information"
        bar.set_label(f"mutual information ({unit})" if is_information else "correlation of any form")
        self._name()
        return self

    def _name(self) -> None:
        """Write the names of the columns, small enough not to overlap."""
        n_features = len(self.matrix)
        names = self.labels[self.order_] if n_features <= _MAX_NAMED else []
        turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        places = np.arange(len(names))
        self.ax_.set_yticks(places, names)
        self.ax_.set_xticks(places, names, **(turned if n_features <= _MAX_WRITTEN else {"rotation": 90}))
        for _ in range(2):  # smaller names leave more room for the cells
            self.figure_.draw_without_rendering()
            row = self.ax_.get_window_extent().height / self.figure_.dpi * 72 / max(n_features, 1)
            self.ax_.tick_params(labelsize=min(_POINTS, _SHARE * row))

    def _cluster(self) -> np.ndarray:
        """Order that puts dependent columns side by side."""
        correlation = self.scale == "correlation"
        return _cluster(self.matrix if correlation else as_correlation(self.matrix, np.inf))

    def _hatch(self, missing: np.ndarray) -> None:
        from matplotlib.patches import Rectangle

        for row, column in np.argwhere(missing):
            self.ax_.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, fc="white", ec="0.6", hatch="////", lw=0)
            )

    def _write(self, drawn: np.ndarray) -> np.ndarray:
        """Values in the cells, white on dark colours."""
        text = np.empty(drawn.shape, dtype=object)
        for (row, column), value in np.ndenumerate(drawn):
            if np.isnan(value):
                label, ink = "", "black"
            elif np.isfinite(value):
                *rgb, _ = self.im_.cmap(self.im_.norm(value))
                luminance = float(np.dot(rgb, (0.299, 0.587, 0.114)))
                label = f"{value:.2f}"
                ink = "black" if row == column or luminance > 0.45 else "white"
            else:
                label, ink = "∞", "black"
            text[row, column] = self.ax_.text(
                column, row, label, ha="center", va="center", color=ink, fontsize="small"
            )
        return text


def _check_symmetric(matrix: np.ndarray) -> None:
    """Raise an error if the two values of a pair differ. One of them may be missing."""
    given = ~np.isnan(matrix) & ~np.isnan(matrix.T)
    # Values that were stored in single precision are still equal.
    different = given & ~np.isclose(matrix, matrix.T, rtol=1e-5, atol=1e-6)
    if different.any():
        row, column = (int(j) for j in np.argwhere(different)[0])
        raise ValueError(
            f"matrix must be symmetric, because the information of a pair has no direction; got "
            f"{matrix[row, column]:.4g} at ({row}, {column}) and {matrix[column, row]:.4g} at ({column}, "
            f"{row}). Put the rows in the order of the columns, or pass the mean (matrix + matrix.T) / 2."
        )


def _cluster(correlation: np.ndarray) -> np.ndarray:
    """Order that puts dependent columns side by side. Columns without a known pair come last."""
    pairs = np.where(np.eye(len(correlation), dtype=bool), np.nan, correlation)
    pairs = np.where(np.isnan(pairs), pairs.T, pairs)
    known = np.flatnonzero(~np.isnan(pairs).all(axis=1))
    if len(known) < 3:
        return np.concatenate([known, np.setdiff1d(np.arange(len(pairs)), known)])
    distance = 1 - pairs[np.ix_(known, known)]
    distance = (distance + distance.T) / 2
    off_diagonal = ~np.eye(len(known), dtype=bool)
    # A missing pair gets the average distance, so that it does not influence the order.
    distance[np.isnan(distance)] = distance[off_diagonal & ~np.isnan(distance)].mean()
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=len(known) <= _MAX_OPTIMAL)
    ordered = known[leaves_list(tree)]
    return np.concatenate([ordered, np.setdiff1d(np.arange(len(pairs)), known)])
