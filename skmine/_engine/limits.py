"""Limits of time and memory that several parts of the engine share."""

#: Maximum number of training rows to which a critic without minibatches is fitted, and from which its
#: training value is computed. With five folds, all of 10,000 rows are used.
MOST_ROWS = 8192
#: Maximum number of rows that choose a setting, or that decide when training stops: a quarter of `MOST_ROWS`.
CHOOSING_ROWS = 2048
#: Maximum number of columns of a block that networks, trees and tests read.
MOST_COLUMNS = 64
#: Maximum number of columns of a block in a mixture, and therefore of columns that a regression predicts.
#: With ten columns in each block, a component has 210 covariances. If 8,192 rows have 32 components, each
#: component has 256 rows.
MOST_MIXED = 10
