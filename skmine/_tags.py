"""scikit-learn tags of estimators that accept columns of any kind."""

from sklearn.base import BaseEstimator

from skmine._callbacks import CallbackSupportMixin


def of_any_columns(tags):
    """Tags of an estimator that reads columns of any kind, of X and of one or more targets."""
    tags.target_tags.required = True
    tags.target_tags.multi_output = True
    tags.input_tags.sparse = True
    tags.input_tags.allow_nan = True
    tags.input_tags.categorical = True
    tags.input_tags.string = True
    return tags


class AnyColumns(CallbackSupportMixin, BaseEstimator):
    """Base of an estimator that accepts columns of any kind in X and in one or more targets."""

    def __sklearn_tags__(self):
        return of_any_columns(super().__sklearn_tags__())
