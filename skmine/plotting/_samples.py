"""SamplesDisplay: the rows of a sampler beside those it learnt from."""

import numpy as np
from sklearn.utils import check_array, check_random_state

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
    """Data beside samples, in two columns; colour and shape tell the category of the code.

    A mode of the data without samples was dropped. With categories (`n_codes`), samples show the one that
    they were made from, and rows of the data the one that they are read as. Make it with
    :meth:`from_estimator`.

    Parameters
    ----------
    data, samples : array-like of shape (n, 2) and (m, 2)
        The rows, in the two columns that are drawn.
    data_codes, samples_codes : array-like of shape (n,) and (m,), or None, default=None
        Number of each row's category.
    names : sequence of two str or None, default=None
        Names of the two columns.

    Attributes
    ----------
    ax_ : ndarray of two matplotlib Axes
        Data and samples.
    figure_ : matplotlib Figure
        The figure of `ax_`.
    points_ : list of two lists of matplotlib PathCollection
        The points of data and samples, a collection for each category.

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
        """Draw data beside samples of a network.

        Parameters
        ----------
        estimator : MINEGAN
            Fitted.
        X : array-like of shape (n, n_features)
            Data, as in its ``fit``.
        n_samples : int, default=500
            Samples drawn.
        columns : tuple of two ints or str, default=(0, 1)
            The columns drawn, by number or name.
        random_state : int, RandomState or None, default=None
            Seed of the samples.
        ax : array-like of two matplotlib Axes, or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        SamplesDisplay

        Raises
        ------
        TypeError
            It is no MINEGAN.
        NotFittedError
            It is not fitted.
        ValueError
            X is not as in ``fit``, or has not the two columns.
        ImportError
            matplotlib is not installed.
        """
        check_fitted_as(estimator, "MINEGAN")
        names = feature_names_of(estimator)
        chosen = [_number_of(column, names) for column in columns]
        random = check_random_state(random_state)
        data_codes, samples_codes, codes = None, None, None
        if estimator.n_codes:
            data_codes = estimator.predict(X)
            samples_codes = random.randint(estimator.n_codes, size=n_samples)
            normal = random.normal(size=(n_samples, estimator.n_components))
            codes = np.column_stack([normal, np.eye(estimator.n_codes)[samples_codes]])
        samples = estimator.sample(n_samples, code=codes, random_state=random.randint(2**31))
        data = check_array(X, dtype=np.float64)
        display = cls(
            data[:, chosen],
            samples[:, chosen],
            data_codes=data_codes,
            samples_codes=samples_codes,
            names=names[chosen],
        )
        return display.plot(ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : array-like of two matplotlib Axes, or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        SamplesDisplay
            Itself.

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
    """Number of a column given by number or name."""
    if isinstance(column, str):
        found = np.flatnonzero(names == column)
        if not len(found):
            raise ValueError(f"columns must be columns of X; got {column!r}. Pass one of {list(names)}.")
        return int(found[0])
    if not -len(names) <= column < len(names):
        raise ValueError(
            f"columns must be columns of X, of which there are {len(names)}; got {column}. Pass their "
            "numbers or names."
        )
    return int(column)
