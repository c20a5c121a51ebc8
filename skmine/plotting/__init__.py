"""Plots of results, as scikit-learn displays. They need matplotlib.

Make a display with one of its class methods, such as ``from_estimator``. The display stores the values in
nats, so ``plot`` can draw them again, into other axes or in bits. The colours are safe for colour-blind
readers, and shapes or hatching repeat their meaning.
"""

from skmine.plotting._features import FeatureScoresDisplay
from skmine.plotting._matrix import MutualInfoMatrixDisplay
from skmine.plotting._path import SelectionPathDisplay
from skmine.plotting._plane import InformationPlaneDisplay
from skmine.plotting._pointwise import PointwiseDisplay
from skmine.plotting._samples import SamplesDisplay
from skmine.plotting._selection import SelectionDisplay
from skmine.plotting._stability import StabilityDisplay
from skmine.plotting._training import TrainingDisplay

__all__ = [
    "FeatureScoresDisplay",
    "InformationPlaneDisplay",
    "MutualInfoMatrixDisplay",
    "PointwiseDisplay",
    "SamplesDisplay",
    "SelectionDisplay",
    "SelectionPathDisplay",
    "StabilityDisplay",
    "TrainingDisplay",
]
