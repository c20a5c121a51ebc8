"""Mutual information of scalar pairs on the copula: exact sums over cells, Newton's method, no network.

`margins` puts one column on its ranks or levels; `loglinear` fits the log ratio of many pairs at once;
`trees` and `levels` estimate what it leaves over, and `information` chooses among them; `moments` screens all
pairs of many columns. `counts` reads columns whose rows are never together. `independence` tests one pair, or
a table of residual moments, without fitting anything.
"""

from skmine._copula.counts import Grid, Summary, merge
from skmine._copula.independence import (
    BlockFunctions,
    BlockLaw,
    block_law,
    independence_pvalues,
    law_of_sums,
    moment_sums,
    weighted_chi2_sf,
)
from skmine._copula.information import pair_information, plug_in_information
from skmine._copula.intervals import pair_intervals
from skmine._copula.loglinear import PairScores, score_pairs
from skmine._copula.margins import Margin
from skmine._copula.moments import block_information, column_blocks, product_sums, screen_pairs

__all__ = [
    "BlockFunctions",
    "BlockLaw",
    "Grid",
    "Margin",
    "PairScores",
    "Summary",
    "block_information",
    "block_law",
    "column_blocks",
    "independence_pvalues",
    "law_of_sums",
    "merge",
    "moment_sums",
    "pair_information",
    "pair_intervals",
    "plug_in_information",
    "product_sums",
    "score_pairs",
    "screen_pairs",
    "weighted_chi2_sf",
]
