"""Mutual information of ranks with a column of classes, by predictions of the class of each row.

Every row is predicted from the other rows, and compared with the shares of the classes in all other rows.
Under independence, the ratio of the two has the mean 1 over all permutations of the rows. The mean log ratio
is therefore at most 0 by chance. As in ``levels``, each row is also predicted from all rows.
"""

from collections.abc import Iterator

import numpy as np
from scipy.special import gammaln, logsumexp

from skmine._copula.levels import ROUNDING, count_values, divide, relative, unit_of_classes, unit_of_groups

#: Prior weights of an interval: the overall shares, own sparse shares, own dense shares, and two halves.
_CHOICES = np.array([1 / 4, 1 / 8, 1 / 8, 1 / 2])[:, None, None]
#: Numbers of rows that the shares around an interval count as within it: from a few rows to one row of each
#: of the largest possible number of classes.
_STRENGTHS = np.geomspace(4, 256, 3)[:, None]
#: Number of halvings after which intervals have a row on average. They are not used, so that the smallest
#: intervals have four rows.
_FINEST = 2


class ClassCounts:
    """Numbers of rows of each class in nested intervals of ranks.

    Parameters
    ----------
    cells : ndarray of shape (n,)
        Interval of ranks of each row, below 2^depth.
    depth : int
        Number of halvings.
    classes : ndarray of shape (n,)
        Numbers from 0, only a few different ones.
    times, unit : ndarray of shape (n,) or None, default=None
        Number of rows of each entry, and how much one row counts. None means one.

    Attributes
    ----------
    pairs, counts, squares : list of ndarray of shape (n_pairs,)
        For intervals of each size, the largest first: pairs of a class and an interval that have rows, sorted
        by class; their numbers of rows; and the sums of their squared weights.
    weighted : bool
        Whether rows have weights.
    n : float
        Number of all rows.
    shares, others : ndarray of shape (n_classes,)
        Share of each class in all rows, and in all rows without one row of the class.
    of_class : ndarray of shape (n_classes,)
        How much one row of each class counts, see :func:`unit_of_classes`.
    """

    def __init__(self, cells: np.ndarray, depth: int, classes: np.ndarray, times=None, unit=None):
        self.depth, n_classes = depth, int(classes.max()) + 1
        combined = (classes.astype(np.int64) << depth) + cells
        pair, count = count_values(combined, times)
        sums = np.vstack([count, count]).astype(np.float64)
        self.of_class = np.ones(n_classes)
        self.weighted = times is not None and unit is not None
        if times is not None and unit is not None:
            sums[1] = np.bincount(np.searchsorted(pair, combined), times * unit, len(pair))
            self.of_class = unit_of_classes(classes, times, unit, n_classes)
        self.pairs, found = [pair], [sums]
        for _ in range(depth):
            pair = pair >> 1
            starts = np.flatnonzero(np.append(True, pair[1:] != pair[:-1]))
            pair, sums = pair[starts], np.add.reduceat(sums, starts, axis=1)
            self.pairs.insert(0, pair)
            found.insert(0, sums)
        self.counts, self.squares = map(list, zip(*found, strict=True))
        total, squares = (np.bincount(pair, values, n_classes) for values in sums)
        own = divide(squares, total)
        self.n = total.sum()
        self.shares = total / self.n
        self.others = np.maximum(total - own, 0) / np.maximum(self.n - own, own)

    def nested(self, frequent: np.ndarray) -> tuple[float, float]:
        """Mean log ratio of the class given the rank, in nats, for many classes.

        With many classes, most intervals have too few rows for shares of their own. Here the shares of an
        interval are a mean of those of its rows and those of the interval around it, down to intervals of one
        size. Sizes and weights of the mean are weighted by how well they predict.

        Parameters
        ----------
        frequent : ndarray of shape (2**depth,)
            Mask of the intervals that are a single frequent value. They are set apart from all others first,
            because halves need not do so.

        Returns
        -------
        left_out, fitted : float
            Log of the mean ratio of left-out rows, and the same plus the gain of rows predicted from all
            rows, in nats. The former is at most about 0 if classes do not depend on ranks.

        References
        ----------
        MacKay and Peto (1995), A hierarchical Dirichlet language model.
        """
        cell = self.pairs[-1] & ((1 << self.depth) - 1)
        alone = frequent[cell]
        first = self.depth if alone.any() else self.depth - 1
        sizes = range(first, min(_FINEST, first) - 1, -1)
        sums = np.zeros((2, len(sizes), len(_STRENGTHS)))
        for ratio, rows in self._narrow(np.flatnonzero(alone), cell, [0]):
            sums += (np.log(ratio) @ rows)[:, None]
        for size, (ratio, rows) in enumerate(self._narrow(np.flatnonzero(~alone), cell, sizes)):
            sums[:, size] += np.log(ratio) @ rows
        left_out, fitted = sums
        total = logsumexp(left_out)
        value = total - np.log(left_out.size)
        gap = (np.exp(left_out - total) * (fitted - left_out)).sum()
        return float(value / self.n), float((value + gap) / self.n)

    def _narrow(
        self, which: np.ndarray, cell: np.ndarray, halvings
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Ratios of the pairs for each size of intervals, and their numbers of rows.

        Parameters
        ----------
        which : ndarray of shape (n_chosen,)
            Indices of the smallest pairs that are used.
        cell : ndarray of shape (n_pairs,)
            Intervals of the smallest pairs.
        halvings : sequence of int
            Number of halvings from each size of intervals to the smallest ones.

        Yields
        ------
        ratio : ndarray of shape (2, n_strengths, n_pairs)
            Predicted from the other rows, and from all rows.
        rows : ndarray of shape (n_pairs,)
        """
        cell, kind = cell[which], self.pairs[-1][which] >> self.depth
        count, square = self.counts[-1][which], self.squares[-1][which]
        new_kind = np.diff(kind, prepend=-1) != 0
        # Ratios, and rows of the interval, for each pair of a class and an interval of the size before.
        ratio, around, number = np.ones((2, len(_STRENGTHS), 1)), np.array([self.n]), np.zeros_like(which)
        for level in halvings if len(which) else []:
            place = cell >> level
            starts = np.flatnonzero(new_kind | (np.diff(place, prepend=-1) != 0))
            place, of_kind, outer = place[starts], kind[starts], number[starts]
            in_class = np.add.reduceat(count, starts)
            rows = np.bincount(place, in_class)[place]
            own, strength = np.ones(1), _STRENGTHS
            if self.weighted:
                squares = np.add.reduceat(square, starts)
                own = squares / in_class
                expected = in_class * self.of_class[of_kind]
                of_all = (np.bincount(place, v) for v in (squares, in_class, expected))
                strength = _STRENGTHS * unit_of_groups(*of_all)[place]
            excess = relative(in_class - own, self.others[of_kind])
            ratio = np.take(ratio, outer, axis=2)
            mixed = ratio * strength
            mixed[0] += excess
            mixed[0] /= rows - own + strength
            mixed[1] += in_class / self.shares[of_kind]
            mixed[1] /= rows + strength
            # An interval with all rows of the one around it adds nothing, nor does one of a single row.
            adds = (rows < (1 - ROUNDING) * around[outer]) & (rows > (1 + ROUNDING) * own)
            ratio = np.where(adds, mixed, ratio)
            yield ratio, in_class
            around, number = rows, np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(cell))))


def class_trees(columns: list[ClassCounts]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean log ratios of the class given the rank, and their evidence, in nats.

    An interval of ranks has the class shares of all rows, or its own, or is cut in half. Each choice is
    weighted by its evidence. The mean over all trees of such choices is exact.

    Parameters
    ----------
    columns : list of ClassCounts
        Counts of the same depth. Several columns at once take less time.

    Returns
    -------
    left_out, fitted : ndarray of shape (n_columns,)
        Means over left-out rows, and over rows predicted from all rows, in nats. The former are about 0 if
        classes do not depend on ranks.
    evidence : ndarray of shape (n_columns,)
        Log evidence against independence, divided by the number of rows. If classes do not depend on ranks,
        it exceeds ``log(k) / n`` with a probability of at most about 1 / k.

    References
    ----------
    Willems, Shtarkov and Tjalkens (1995), The context-tree weighting method.
    """
    table = _Table(columns)
    evidence, gain = table.own_shares()
    below: tuple = ()
    for level in range(columns[0].depth, -1, -1):
        here = slice(2**level, 2 ** (level + 1))
        options, gains, one = evidence[:, :, here], gain[..., here], table.one[:, here]
        if below:
            options[3], gains[:, 3] = (halves[..., 0::2] + halves[..., 1::2] for halves in below)
        top = options.max(axis=0)
        weight = _CHOICES * np.exp((options - top) / one)
        total = weight.sum(axis=0)
        # The deepest intervals cannot be cut.
        below = top + one * np.log(total if below else total * 2), (weight * gains).sum(axis=1) / total
    n = np.array([column.n for column in columns])
    left_out, fitted = below[1][:, :, 0] / n
    return left_out, fitted, below[0][:, 0] / n


class _Table:
    """Numbers of rows of each class in each interval of ranks of several columns, without the empty ones.

    Parameters
    ----------
    columns : list of ClassCounts
        Counts of the same depth.

    Attributes
    ----------
    shape : tuple of two int
        Number of columns, and of intervals of a column. Intervals are numbered in the order of a heap with
        root 1.
    one : ndarray of shape (n_columns, n_intervals)
        How much one row of each interval counts.
    """

    def __init__(self, columns: list[ClassCounts]):
        depth = columns[0].depth
        self.shape = len(columns), 2 << depth
        sizes = [len(pair) for column in columns for pair in column.pairs]
        pair = np.concatenate([pair for column in columns for pair in column.pairs])
        level = np.repeat(np.tile(np.arange(depth + 1), len(columns)), sizes)
        column = np.repeat(np.repeat(np.arange(len(columns)), depth + 1), sizes)
        self.n_classes = np.array([len(c.shares) for c in columns])
        self.kind = (pair >> level) + (np.cumsum(self.n_classes) - self.n_classes)[column]
        self.interval = column * self.shape[1] + (1 << level) + (pair & ((1 << level) - 1))
        count = np.concatenate([v for c in columns for v in c.counts])
        squares = np.concatenate([v for c in columns for v in c.squares])
        self.shares, self.others, of_class = (
            np.concatenate(part)
            for part in zip(*((c.shares, c.others, c.of_class) for c in columns), strict=True)
        )
        rows, of_squares, expected = (
            np.bincount(self.interval, v, np.prod(self.shape))
            for v in (count, squares, count * of_class[self.kind])
        )
        one = unit_of_groups(of_squares, rows, expected)
        self.rows = rows / one
        self.left_rows = self.rows - divide(of_squares, rows) / one
        self.count = count / one[self.interval]
        self.own = squares / count / one[self.interval]
        self.one = one.reshape(self.shape)

    def own_shares(self) -> tuple[np.ndarray, np.ndarray]:
        """Log evidence and log ratios of overall, own sparse and own dense class shares.

        They have the shapes (4, n_columns, n_intervals) and (2, 4, n_columns, n_intervals): log ratios of
        left-out rows, and of rows predicted from all rows. The last of the 4 is for two halves, which are not
        possible yet.
        """
        used = np.flatnonzero(self.rows)
        rows, left_rows, one = self.rows[used], self.left_rows[used], self.one.ravel()[used]
        evidence, gains = np.zeros((4, len(self.rows))), np.zeros((2, 4, len(self.rows)))
        evidence[3] = -np.inf
        more = np.flatnonzero((self.count != 1) | (self.own != 1))
        count, own, share = self.count[more], self.own[more], self.shares[self.kind[more]]
        log_share = count * np.log(share)
        excess = relative(count - own, self.others[self.kind[more]])
        others = left_rows > ROUNDING
        dense = self.n_classes.astype(np.float64)
        for k, of_columns in enumerate((np.ones_like(dense), dense), start=1):
            strength = of_columns[used // self.shape[1]]
            of_cell = of_columns[self.interval // self.shape[1]]
            prior = of_cell[more] * share
            gain, left_out = np.log(of_cell), np.log(of_cell)  # for a single row
            gain[more] = gammaln(prior + count) - gammaln(prior) - log_share
            left_out[more] = count * np.log(excess + of_cell[more])
            fitted = np.log(1 / self.shares + np.repeat(of_columns, self.n_classes))[self.kind]
            fitted[more] = count * np.log(count / share + of_cell[more])
            gain, left_out, fitted = (
                np.bincount(self.interval, v, len(self.rows))[used] for v in (gain, left_out, fitted)
            )
            evidence[k, used] = one * (gain + gammaln(strength) - gammaln(strength + rows))
            left_out = left_out - rows * np.log(left_rows + strength)
            fitted = fitted - rows * np.log(rows + strength)
            # A row that is alone in its interval is not predicted.
            gains[:, k, used] = one * [left_out, np.where(others, fitted, left_out)]
        return evidence.reshape(4, *self.shape), gains.reshape(2, 4, *self.shape)
