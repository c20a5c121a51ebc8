"""What the network reads of each block: whitened coordinates, views, and differences across the blocks.

Columns that show dependence on some column of the other block are read at full size, all others faintly:
where a few columns of many matter, the network would else learn the noise of the rest first. Of those that
show none by themselves, products of two are tested. Where nothing depends, all are read alike.
"""

from collections.abc import Sequence

import torch
from scipy.stats import chi2
from torch import Tensor, nn

from .reference import MAX_ROWS, RIDGES, Projection, canonical_solutions, whitening

#: Level of the test of a column, Bonferroni's correction within; the size of columns that do not pass it.
_LEVEL, FAINT = 0.01, 0.03
#: Level of the test of products, of which there are at most so many.
_PRODUCT_LEVEL, _MOST_PRODUCTS = 0.001, 500
_DEGREE, _LEAST_EXPECTED = 4, 5
_MOST_COORDINATES = 64
_MOST_MOMENTS = 10**7
#: Differences of canonical coordinates: how many at most, and the least correlation of a pair.
MAX_DIFFERENCES, LEAST_CORRELATION = 4, 0.3


def _functions(x: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Uncorrelated polynomials of each column's rank, (n, d, 4), and how many of each are not zero, (d,)."""
    scale = (share * x**2).sum(0).sqrt().clamp_min(1e-6)
    rank = torch.erf(x / scale / 2**0.5)
    powers = torch.stack([rank**k for k in range(1, _DEGREE + 1)], 2).double()
    share = share.double().unsqueeze(2)
    powers = powers - (share * powers).sum(0)
    gram = torch.einsum("nda,ndb->dab", share * powers, powers)
    variance, axes = torch.linalg.eigh(gram)
    kept = variance > 1e-7
    scale = torch.where(kept, variance.clamp_min(1e-7).rsqrt(), 0.0)
    return torch.einsum("nda,dab->ndb", powers, axes * scale.unsqueeze(1)).float(), kept.sum(1)


def column_dependence(
    x: Tensor, y: Tensor, rows: Tensor, weight: Tensor | None = None, level: float = _LEVEL
) -> tuple[Tensor, Tensor]:
    """Which columns of one block depend on which of the other.

    Moments of polynomials of the ranks of two columns are a chi-square variable under independence; the
    level is over all pairs of columns. At most about 8,192 of the rows are read. One mask serves all
    members of a bank, though rows of one are held out by others: at this level noise is hardly ever let in.

    Parameters
    ----------
    x, y : Tensor of shape (n, d_x), (n, d_y)
        Centred columns.
    rows : LongTensor of shape (m,)
        Rows to test.
    weight : Tensor of shape (n,) or None
        Weights of the rows.
    level : float, default=0.01
        Level of the test.

    Returns
    -------
    moments : Tensor of shape (d_x, d_y)
        Sums of squared moments.
    dependent : Tensor of shape (d_x, d_y)
        Whether they pass the test; none where there are too many pairs to test.
    """
    n_pairs = x.shape[1] * y.shape[1]
    if n_pairs * _DEGREE**2 > _MOST_MOMENTS:
        shape = x.shape[1], y.shape[1]
        # Views: there may be too many pairs to hold.
        return x.new_zeros(()).expand(shape), torch.zeros((), dtype=torch.bool, device=x.device).expand(shape)
    rows = rows[:: max(1, len(rows) // MAX_ROWS)]
    share = (x.new_ones(len(rows)) if weight is None else weight[rows]).unsqueeze(1)
    share = share / share.sum()
    f_x, n_x = _functions(x[rows], share)
    f_y, n_y = _functions(y[rows], share)
    moments = ((share * f_x.flatten(1)).T @ f_y.flatten(1)) ** 2
    total = moments.view(len(n_x), _DEGREE, len(n_y), _DEGREE).sum((1, 3))
    n_effective = 1 / float((share**2).sum())
    critical = chi2.isf(level / n_pairs, torch.outer(n_x, n_y).clamp_min(1).numpy())
    # Cochran's rule: rare levels of both columns meet in too few rows for a chi-square.
    kurtosis = [(share.unsqueeze(2) * f**4).sum(0).amax(1) for f in (f_x, f_y)]
    enough = n_effective >= _LEAST_EXPECTED * torch.outer(*kurtosis)
    return total, enough & (n_effective * total > torch.as_tensor(critical))


def relevant_columns(
    x: Tensor, y: Tensor, rows: Tensor, weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Columns of each block that depend on a column of the other.

    Parameters
    ----------
    x, y, rows, weight
        As in :func:`column_dependence`.

    Returns
    -------
    Tensor of shape (d_x,), Tensor of shape (d_y,)
        Masks. Of those that do not by themselves, products of two are tested. All true where no column
        depends on another, or there are too many pairs to test.
    """
    _, dependent = column_dependence(x, y, rows, weight)
    found_x, found_y = dependent.any(1), dependent.any(0)
    by_x, by_y = _dependent_products(x, ~found_x, y, rows, weight)
    also_y, also_x = _dependent_products(y, ~found_y, x, rows, weight)
    found_x, found_y = found_x | by_x | also_x, found_y | by_y | also_y
    if not found_x.any():
        return torch.ones_like(found_x), torch.ones_like(found_y)
    return found_x, found_y


def _dependent_products(
    x: Tensor, read: Tensor, y: Tensor, rows: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Columns of x among those `read` of which a product of two depends on a column of y; those of y."""
    found_x, found_y = x.new_zeros(x.shape[1], dtype=torch.bool), y.new_zeros(y.shape[1], dtype=torch.bool)
    n_read = int(read.sum())
    if 0 < n_read * (n_read - 1) // 2 <= _MOST_PRODUCTS:
        first, second = torch.combinations(read.nonzero().flatten()).T
        rows = rows[:: max(1, len(rows) // MAX_ROWS)]
        x, y, weight = x[rows], y[rows], None if weight is None else weight[rows]
        products, rows = x[:, first] * x[:, second], torch.arange(len(rows))
        _, dependent = column_dependence(products, y, rows, weight, _PRODUCT_LEVEL)
        pairs, found_y = dependent.any(1), dependent.any(0)
        found_x[first[pairs]] = found_x[second[pairs]] = True
    return found_x, found_y


def fit_coordinates(
    x: Tensor,
    leading: Projection | None,
    relevant: Tensor,
    train_rows: Tensor,
) -> Projection:
    """Canonical coordinates first, then the relevant columns whitened, then the others, faintly.

    Parameters
    ----------
    x : Tensor of shape (n, d)
        The core columns.
    leading : Projection or None
        Coordinates that come first.
    relevant : Tensor of shape (d,)
        Mask of the columns that are read at full size.
    train_rows : LongTensor of shape (n_members, n_train)
        Row numbers of each member.

    Returns
    -------
    Projection
    """
    n_members, d = len(train_rows), x.shape[1]
    sample = x[train_rows[0]]
    mean = sample.mean(0)
    parts = [] if leading is None else [leading.weight]
    for mask, size in ((relevant, 1.0), (~relevant, FAINT)):
        if mask.any():
            axes, variance = whitening(sample[:, mask] - mean[mask])
            weight = x.new_zeros(d, min(_MOST_COORDINATES, len(variance)))
            weight[mask] = (size * axes * (variance + RIDGES[0]).rsqrt()).flip(1)[:, :_MOST_COORDINATES]
            parts.append(weight.expand(n_members, -1, -1))
    return Projection(mean.repeat(n_members, 1) if leading is None else leading.mean, torch.cat(parts, 2))


class NetworkColumns(nn.Module):
    """Columns of one block as the network reads them.

    Parameters
    ----------
    coordinates : Projection or None
        Of the core columns.
    first : int
        Columns from this one on are read as they are, each times its size.
    size : Tensor of shape (n_members, d - first)
        1, or less for columns that show no dependence.
    differences : Projection or None, default=None
        Further coordinates, last.
    """

    size: Tensor

    def __init__(
        self,
        coordinates: Projection | None,
        first: int,
        size: Tensor,
        differences: Projection | None = None,
    ):
        super().__init__()
        self.coordinates, self.first, self.differences = coordinates, first, differences
        self.register_buffer("size", size)

    @property
    def width(self) -> int:
        """Columns that it returns."""
        projections = (p for p in (self.coordinates, self.differences) if p is not None)
        return self.size.shape[-1] + sum(projection.width for projection in projections)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d) -> (n_members, ..., width)."""
        size = self.size.view(len(self.size), *(1,) * (x.dim() - 2), -1)
        parts = [x[..., self.first :] * size]
        if self.coordinates is not None:
            parts.insert(0, self.coordinates(x))
        if self.differences is not None:
            parts.append(self.differences(x))
        return torch.cat(parts, -1)


def fit_differences(x: Tensor, y: Tensor, train_rows: Tensor, weight: Tensor | None = None):
    """Canonical coordinates of x and of y, scaled so that their differences have variance one.

    Where x nearly determines y, or a function of it, the log ratio is a narrow ridge along which a pair of
    canonical coordinates agrees; their scaled difference is the coordinate across that ridge.

    Parameters
    ----------
    x, y : Tensor of shape (n, d_x), (n, d_y)
        All encoded columns: functions of the data count as much as the data.
    train_rows : LongTensor of shape (n_members, n_train)
        Row numbers of each member.
    weight : Tensor of shape (n,) or None
        Weights of the rows.

    Returns
    -------
    tuple of two Projection, or (None, None)
        Of x and of y; None where no canonical correlation, less what chance explains, is above 0.3.
    """
    weight = x.new_ones(len(x)) if weight is None else weight
    (solution,) = canonical_solutions(x, y, train_rows, weight, RIDGES[:1], (1.0,))
    r = solution.correlations
    width = min(MAX_DIFFERENCES, int((r.mean(0) > LEAST_CORRELATION).sum()))
    if width == 0:
        return None, None
    scale = (2 * (1 - r[:, None, :width])).clamp_min(1e-5).rsqrt()
    return tuple(
        Projection(projection.mean, projection.leading(width).weight * scale)
        for projection in (solution.projection_x, solution.projection_y)
    )


class ReferencedCritic(nn.Module):
    """Reference plus network; the network reads the reference's coordinates and further columns.

    Parameters
    ----------
    reference : nn.Module
        A reference with ``project_x``, ``project_y``, ``width_x``, ``width_y``, and ``forward`` on what they
        return.
    network : nn.Module or None
        Critic of the reference's coordinates and of what `shown_x` and `shown_y` return; None for none.
    shown_x, shown_y : NetworkColumns or None, default=None
        Further columns of x and of y; None for none.
    readings : sequence, default=()
        Of which columns of x and of y a closed form may be made; see :class:`Reading`.
    """

    def __init__(
        self,
        reference,
        network: nn.Module | None = None,
        shown_x: NetworkColumns | None = None,
        shown_y: NetworkColumns | None = None,
        readings: Sequence = (),
    ):
        super().__init__()
        self.reference, self.network = reference, network
        self.shown_x, self.shown_y = shown_x, shown_y
        self.readings = readings

    def read_x(self, x: Tensor) -> Tensor:
        """What is read of x, of which training needs one copy: (n_members, ..., d_x) -> (..., width)."""
        u = self.reference.project_x(x)
        return u if self.shown_x is None else torch.cat([u, self.shown_x(x)], -1)

    def read_y(self, y: Tensor) -> Tensor:
        """What is read of y."""
        v = self.reference.project_y(y)
        return v if self.shown_y is None else torch.cat([v, self.shown_y(y)], -1)

    def score(self, seen_x: Tensor, seen_y: Tensor) -> Tensor:
        """Critic values of what was read."""
        u, v = seen_x[..., : self.reference.width_x], seen_y[..., : self.reference.width_y]
        log_ratio = self.reference(u, v)
        return log_ratio if self.network is None else log_ratio + self.network(seen_x, seen_y)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Critic values, ``(n_members, ..., d_x), (n_members, ..., d_y) -> (n_members, ...)``."""
        return self.score(self.read_x(x), self.read_y(y))
