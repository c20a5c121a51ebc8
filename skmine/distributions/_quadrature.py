"""Gauss-Legendre quadrature on panels, and inversion of increasing functions."""

import numpy as np
from scipy.stats import chi

# Panel edges in standard deviations from a normal mean: the mass outside is below 1e-22.
NORMAL_BREAKS = np.array([-10, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 10], dtype=np.float64)

_NODES_IN_PANEL = (8, 12, 24, 48, 96)


def panel_nodes(edges, n_nodes=12):
    """Nodes and weights of the Gauss-Legendre rule applied between consecutive edges.

    Parameters
    ----------
    edges : array-like of shape (n_edges,)
        Ends of the panels, in any order. Repeated edges are dropped.
    n_nodes : int, default=12
        Number of nodes in each panel.

    Returns
    -------
    nodes, weights : ndarray of shape ((n_edges - 1) * n_nodes,)
    """
    edges = np.unique(np.asarray(edges, dtype=np.float64))
    unit_nodes, unit_weights = np.polynomial.legendre.leggauss(n_nodes)
    half_widths = np.diff(edges)[:, np.newaxis] / 2
    centres = (edges[:-1] + edges[1:])[:, np.newaxis] / 2
    return (centres + half_widths * unit_nodes).ravel(), (half_widths * unit_weights).ravel()


def chi_nodes(dof):
    """Nodes and weights for the length of a standard normal vector in `dof` dimensions.

    Returns
    -------
    nodes, weights : ndarray of shape (260,)
        The probability outside their range is 2e-14.
    """
    lower = chi(dof).ppf([1e-14, 1e-8, 1e-4, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
    upper = chi(dof).isf([1e-4, 1e-8, 1e-14])
    nodes, weights = panel_nodes([0.0, *lower, *upper], n_nodes=20)
    return nodes, weights * chi(dof).pdf(nodes)


def mutual_information_on_grid(joint, tolerance=1e-5):
    """I(X; Y) in nats by quadrature, for a distribution with densities and one column on each side.

    The number of nodes is raised until two values in a row differ by less than `tolerance`. None if that does
    not happen.
    """
    values = []
    for n_nodes in _NODES_IN_PANEL:
        values.append(_integrate_on_grid(joint, n_nodes))
        if len(values) > 1 and abs(values[-1] - values[-2]) < tolerance:
            return values[-1]
    return None


def _integrate_on_grid(joint, n_nodes):
    breaks_x, breaks_y = joint._axis_breaks()
    x, weights_x = panel_nodes(breaks_x, n_nodes)
    y, weights_y = panel_nodes(breaks_y, n_nodes)
    marginals = joint.log_prob_y(y)
    total = 0.0
    for rows in np.array_split(np.arange(x.size), max(1, x.size * y.size // 200_000)):
        columns = np.repeat(x[rows], y.size), np.tile(y, rows.size)
        log_joint = joint.log_prob(*columns).reshape(rows.size, y.size)
        log_product = joint.log_prob_x(x[rows])[:, np.newaxis] + marginals
        density = np.exp(log_joint)
        # A density that underflows to zero contributes nothing: 0 log 0 = 0.
        terms = np.where(density > 0, density * (log_joint - log_product), 0.0)
        total += weights_x[rows] @ terms @ weights_y
    return total


def invert_increasing(function, targets, lower, upper, n_steps=60):
    """Solve function(x) = target by bisection between `lower` and `upper`, element by element."""
    for _ in range(n_steps):
        middle = (lower + upper) / 2
        below = function(middle) < targets
        lower, upper = np.where(below, middle, lower), np.where(below, upper, middle)
    return (lower + upper) / 2
