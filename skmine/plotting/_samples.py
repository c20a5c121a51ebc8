"""SamplesDisplay: generated samples next to the data."""

import numpy as np
from sklearn.utils import check_array

from skmine._frame_columns import check_numeric
from skmine._sklearn import make_random_state
from skmine.plotting._drawing import (
    BLUE,
    CYCLE,
    MARKERS,
    check_fitted_as,
    feature_names_of,
    import_pyplot,
    read_names,
)


class SamplesDisplay:
    """Scatter plots of the data and of generated samples, side by side.

    A cluster of the data without samples is a mode that the network dropped. With a categorical code
    (`n_codes`), colour and shape show the category: the one from which a sample was generated, or the one
    that is predicted for a row of the data. Make the display with :meth:`from_estimator`.

    Parameters
    ----------
    data, samples : array-like of shape (n, 2) and (m, 2)
        Rows of the data and samples, in the two columns to draw.
    data_codes, samples_codes : array-like of shape (n,) and (m,), or None, default=None
        Category of each row.
    names : sequence of two str or None, default=None
        Names of the two columns.

    Attributes
    ----------
    ax_ : ndarray of two matplotlib Axes
        Axes of the data and of the samples.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.
    points_ : list of two lists of matplotlib PathCollection
        Points of the data and of the samples, one collection per category.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skmine import MINEGAN
    >>> from skmine.plotting import SamplesDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.choice([-2.0, 2.0], size=(300, 2)) + 0.1 * rng.normal(size=(300, 2))
    >>> gan = MINEGAN(n_codes=4, max_iter=50, hidden_layer_sizes=(32, 32), random_state=0).fit(X)
    >>> display = SamplesDisplay.from_estimator(gan, X, n_samples=200, random_state=0)
    >>> print([ax.get_title() for ax in display.ax_])
    ['data (300 rows)', 'samples (200 rows)']
    >>> plt.close(display.figure_)
    """

    def __init__(self, data, samples, *, data_codes=None, samples_codes=None, names=None):
        self.data, self.samples = np.asarray(data, dtype=float), np.asarray(samples, dtype=float)
        self.data_codes = None if data_codes is None else np.asarray(data_codes)
        self.samples_codes = None if samples_codes is None else np.asarray(samples_codes)
        self.names = read_names(names, 2, "names")

    @classmethod
    def from_estimator(cls, estimator, X, *, n_samples=500, columns=(0, 1), random_state=None, ax=None):
        """Draw the data next to samples of a network.

        Parameters
        ----------
        estimator : MINEGAN
            Fitted estimator.
        X : array-like of shape (n, n_features)
            Data, as in ``fit``.
        n_samples : int, default=500
            Number of samples to generate.
        columns : tuple of two ints or str, default=(0, 1)
            The two columns to draw, by index or name.
        random_state : int, RandomState or None, default=None
            Seed of the samples.
        ax : array-like of two matplotlib Axes, or None, default=None
            Axes to draw in. None creates a new figure.

        Returns
        -------
        SamplesDisplay

        Raises
        ------
        TypeError
            `estimator` is not a MINEGAN.
        NotFittedError
            `estimator` is not fitted.
        ValueError
            The columns of X do not match those of ``fit``, or a column does not exist.
        ImportError
            matplotlib is not installed.
        """
        check_fitted_as(estimator, "MINEGAN")
        names = feature_names_of(estimator)
        chosen = [_number_of(column, names) for column in columns]
        if len(chosen) != 2:
            raise ValueError(
                f"columns must be two columns of X; got {len(chosen)}. Pass two indices or names."
            )
        random = make_random_state(random_state)
        data_codes, samples_codes, codes = None, None, None
        sampler = estimator._sampler.module
        if sampler.n_codes:
            data_codes = estimator.predict(X)
            samples_codes = random.randint(sampler.n_codes, size=n_samples)
            normal = random.normal(size=(n_samples, sampler.n_components))
            codes = np.column_stack([normal, np.eye(sampler.n_codes)[samples_codes]])
        samples = estimator.sample(n_samples, code=codes, random_state=random.randint(2**31))
        data = check_array(check_numeric(X), dtype=np.float64)
        display = cls(
            data[:, chosen],
            samples[:, chosen],
            data_codes=data_codes,
            samples_codes=samples_codes,
            names=names[chosen],
        )
        return display.plot(ax)

    def plot(self, ax=None):
        """Draw the stored values, for example into other axes or in another unit.

        Parameters
        ----------
        ax : array-like of two matplotlib Axes, or None, default=None
            Axes to draw in. None creates a new figure.

        Returns
        -------
        SamplesDisplay
            The display itself.

        Raises
        ------
        ValueError
            `ax` is not two axes.
        ImportError
            matplotlib is not installed.
        """
        if ax is None:
            self.figure_, self.ax_ = import_pyplot().subplots(
                1, 2, figsize=(8.6, 4.2), sharex=True, sharey=True, layout="constrained"
            )
        else:
            self.ax_ = np.ravel(ax)
            if len(self.ax_) != 2:
                raise ValueError(f"ax must be two axes, for data and samples; got {len(self.ax_)}. Pass two.")
            self.figure_ = self.ax_[0].figure
        self.points_ = [
            _scatter(axes, rows, codes)
            for axes, rows, codes in zip(
                self.ax_, (self.data, self.samples), (self.data_codes, self.samples_codes), strict=True
            )
        ]
        for axes, name, rows in zip(self.ax_, ("data", "samples"), (self.data, self.samples), strict=True):
            axes.set(title=f"{name} ({len(rows)} rows)", xlabel=self.names[0])
            axes.grid(alpha=0.3)
        self.ax_[0].set_ylabel(self.names[1])
        handles, labels = self.ax_[1].get_legend_handles_labels()
        if handles and ax is None:
            self.figure_.legend(
                handles, labels, title="code", loc="outside right upper", markerscale=1.5, fontsize="small"
            )
        elif handles:
            self.ax_[1].legend(title="code", markerscale=1.5, fontsize="small")
        return self


def _scatter(ax, rows: np.ndarray, codes: np.ndarray | None) -> list:
    if codes is None:
        return [ax.scatter(*rows.T, s=10, alpha=0.6, color=BLUE, lw=0)]
    points = []
    for code in np.unique(codes):
        colour, marker = CYCLE[code % len(CYCLE)], MARKERS[code % len(MARKERS)]
        members = rows[codes == code]
        points.append(
            ax.scatter(*members.T, s=18, alpha=0.7, color=colour, marker=marker, lw=0, label=str(code))
        )
    return points


def _number_of(column, names: np.ndarray) -> int:
    """Index of a column given by index or name."""
    if isinstance(column, str):
        found = np.flatnonzero(names == column)
        if not len(found):
            raise ValueError(f"columns must be columns of X; got {column!r}. Pass one of {list(names)}.")
        return int(found[0])
    if not -len(names) <= column < len(names):
        raise ValueError(
            f"columns must be two of the {len(names)} columns of X; got {column}. Pass indices or names."
        )
    return int(column)
