"""Pictures of fitted objects, in the form of scikit-learn's displays; they need matplotlib.

A display is made by a class method from what it shows and keeps the numbers, in nats; `plot` draws them
again, into other axes or in bits, and sets `ax_` and `figure_`. Colours are those of Okabe and Ito, and
what colour tells is told by shape too.
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
