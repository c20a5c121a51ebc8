"""Forms: families of log density ratios. To add one, add a file here and a line in the table below."""

from skmine._engine.forms.discriminant import Discriminant
from skmine._engine.forms.form import Fit, Form, Start
from skmine._engine.forms.gaussian import Gaussian
from skmine._engine.forms.grid import Grid
from skmine._engine.forms.mixture import GaussianMixture
from skmine._engine.forms.network import Network
from skmine._engine.forms.regression import BoostedTrees, Predictive, Regression
from skmine._engine.forms.student import StudentCopula
from skmine._engine.forms.table import Table
from skmine._engine.forms.variates import NonlinearVariates
from skmine._engine.models import is_model

#: Closed forms and flexible forms in the order of their cost. The network comes last.
STARTS = (Table, Discriminant, Gaussian, StudentCopula, NonlinearVariates)
FLEXIBLE = (GaussianMixture, Regression, BoostedTrees, Grid)

__all__ = ["FLEXIBLE", "STARTS", "Fit", "Form", "Network", "Start", "entrants", "is_model"]


def entrants(network: Network, compete: bool) -> list[Form]:
    """Forms in the order of their cost.

    Parameters
    ----------
    network : Network
        The last form. It is left out if it has no iterations and the forms compete. If its critic is a
        scikit-learn model, the predictions of this model take its place, and no other form competes except
        tables of two discrete blocks.
    compete : bool
        Whether the flexible forms compete. Otherwise, the network starts from the closed forms and has no
        competitors.

    Returns
    -------
    list of Form
    """
    if is_model(network.critic):
        return [Table(), Predictive(network.critic, network.generator)]
    starts: list[Form] = [form() for form in STARTS]
    if not compete:
        return [*starts, network]
    return [*starts, *(form() for form in FLEXIBLE), *([network] if network.training["max_iter"] else [])]
