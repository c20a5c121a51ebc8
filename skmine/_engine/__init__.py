"""The engine of the estimator: a sample, forms of critics, a judge, and a contest.

================================================  ================================================
``sample``, ``dependence``                        everything that is computed from the rows once
``forms``                                         families of log density ratios, one file each
``judge``, ``scoring``, ``scores``                the value of a critic on held-out rows
``misfit``, ``unbiased``                          tests of what a critic leaves unexplained
``contest``                                       which forms are tried, and which one is kept
``critics``                                       how critics are combined
``canonical``, ``em``                             canonical correlations, mixtures
``regressors``, ``kernel``, ``evidence``,         regressions that predict one block from the other
``models``, ``classes``
``crossfit``, ``predictions``                     out-of-fold predictions, and those of a bank
``limits``                                        limits of time and memory
================================================  ================================================
"""
