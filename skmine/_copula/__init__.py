"""Mutual information of pairs of columns, from their ranks or levels. No networks are used.

================  ===========================================================================
``margins``       one column as ranks or levels
``orthonormal``   orthonormal functions of the cells of a margin
``ranks``         ranks at full resolution, and their normal scores
``loglinear``     smooth log ratios of many pairs at once, by Newton's method
``tables``        tables of these pairs, and functions of their cells
``misfit``        checks whether the smooth log ratios fit
``trees``         estimates for pairs of ordered columns that the smooth functions do not fit
``planes``        the cells of these trees
``levels``        estimates for labels, and for numbers that repeat
``classes``       estimates for few classes given the ranks of a column
``information``   chooses among these estimates; start reading here
``intervals``     intervals of the estimates
``moments``       screens all pairs of many columns
``counts``        columns whose rows are read in parts
``independence``  tests of independence, without fitting
``blocks``        tests of independence of several columns
================  ===========================================================================
"""

from skmine._copula.blocks import BlockFunctions, block_law, choose_functions, law_of_sums, moment_sums
from skmine._copula.counts import Grid, Summary, merge
from skmine._copula.independence import (
    BlockLaw,
    independence_laws,
    independence_pvalues,
    pvalues_of,
    weighted_chi2_isf,
    weighted_chi2_sf,
)
from skmine._copula.information import (
    combine_pvalues,
    estimate_pairs,
    pair_information,
    plug_in_information,
)
from skmine._copula.intervals import pair_intervals
from skmine._copula.levels import count_values
from skmine._copula.loglinear import PairScores, score_pairs
from skmine._copula.margins import Margin
from skmine._copula.moments import (
    block_information,
    cells_at,
    column_blocks,
    open_information,
    product_sums,
    screen_pairs,
)
from skmine._copula.orthonormal import excess_scale

__all__ = [
    "BlockFunctions",
    "BlockLaw",
    "Grid",
    "Margin",
    "PairScores",
    "Summary",
    "block_information",
    "block_law",
    "cells_at",
    "choose_functions",
    "column_blocks",
    "combine_pvalues",
    "count_values",
    "estimate_pairs",
    "excess_scale",
    "independence_laws",
    "independence_pvalues",
    "law_of_sums",
    "merge",
    "moment_sums",
    "open_information",
    "pair_information",
    "pair_intervals",
    "plug_in_information",
    "product_sums",
    "pvalues_of",
    "score_pairs",
    "screen_pairs",
    "weighted_chi2_isf",
    "weighted_chi2_sf",
]
