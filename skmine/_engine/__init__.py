"""The engine of the estimator: a sample, forms of critics, a judge, and a contest.

=============  =====================================================================
``sample``     what is known of the rows, found once
``forms``      families of log density ratios, a file each
``judge``      what a critic is worth on rows that it has not seen
``contest``    which forms are tried, in which order, and when one is preferred
=============  =====================================================================
"""
