"""A trained torch module at rest: what a fitted estimator keeps and pickles."""

import copy
from typing import Generic, TypeVar

import torch

from skmine._version import __version__, warn_of_other_version

Module = TypeVar("Module", bound=torch.nn.Module)


class FrozenModule(Generic[Module]):
    """NumPy arrays and a skeleton without weights; comes back in float64 on the CPU.

    A pickle holds no torch storage, and joblib can map the arrays. Loading one that another version of
    skmine wrote warns.

    Parameters
    ----------
    module : torch.nn.Module
        Trained, on any device.
    """

    def __init__(self, module: Module):
        self.version = __version__
        self.arrays = {k: v.detach().cpu().numpy() for k, v in module.state_dict().items()}
        self.skeleton = copy.deepcopy(module).to("meta")
        self._module: Module | None = None

    def __getstate__(self):
        return self.__dict__ | {"_module": None}

    def __setstate__(self, state):
        warn_of_other_version(state["version"])
        self.__dict__.update(state)

    @property
    def module(self) -> Module:
        """The module in float64 on the CPU, in evaluation mode."""
        if self._module is None:
            module = copy.deepcopy(self.skeleton)
            # Copies: the arrays may be memory maps that cannot be written.
            module.load_state_dict({k: torch.tensor(v) for k, v in self.arrays.items()}, assign=True)
            self._module = module.double().eval()
        return self._module
