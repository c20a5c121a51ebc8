"""The engine of the estimator: a sample, forms of critics, a judge, and a contest.

=============  =====================================================================
``sample`` everything that is computed from the rows once
``forms`` families of log density ratios, one file each
``judge`` the value of a critic on held-out rows
``contest`` which forms are tried, in which order, and which one is kept
=============  =====================================================================
"""
