"""Limits of time and memory that several parts of the engine share."""

#: Maximum number of rows that a critic without minibatches is fitted to, and valued on again. With five
#: folds, 10,000 rows are all used.
MOST_ROWS = 8192
#: Maximum number of rows that choose a setting or when training stops: a quarter of them.
CHOOSING_ROWS = 2048
#: Maximum number of columns of a block that networks, trees and tests read.
MOST_COLUMNS = 64
#: Maximum number of columns of a block in a mixture, and so of those that a regression predicts. A component
#: of ten columns of both blocks has 210 covariances; 32 components of 8,192 rows have 256 rows each.
MOST_MIXED = 10
