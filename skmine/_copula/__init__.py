"""Mutual information of scalar pairs on the copula: exact sums over cells, Newton's method, no network.

`margins` puts one column on its ranks or levels; `loglinear` fits the log ratio of many pairs at once;
`trees` and `levels` estimate what it leaves over, and `information` chooses among them;
`moments` screens all pairs of many columns. `independence` tests one pair, or a table of residual moments,
without fitting anything.
"""

from skmine._copula.independence import block_independence, independence_pvalues, weighted_chi2_sf
from skmine._copula.information import pair_information, plug_in_information
from skmine._copula.loglinear import PairScores, score_pairs
from skmine._copula.margins import Margin
from skmine._copula.moments import block_information, column_blocks

__all__ = [
    "Margin",
    "PairScores",
    "block_independence",
    "block_information",
    "column_blocks",
    "independence_pvalues",
    "pair_information",
    "plug_in_information",
    "score_pairs",
    "weighted_chi2_sf",
]
