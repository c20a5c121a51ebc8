"""A trained torch module at rest: what a fitted estimator keeps and pickles."""

import copy

import torch

from skmine._version import __version__, warn_of_other_version


class FrozenModule:
    """NumPy arrays and a skeleton without weights; comes back in float64 on the CPU.

    A pickle holds no torch storage, and joblib can map the arrays. Loading one that another version of
    skmine wrote warns.

    Parameters
    ----------
    module : torch.nn.Module
        Trained, on any device.
    """

    def __init__(self, module: torch.nn.Module):
        self.version = __version__
        self.arrays = {k: v.detach().cpu().numpy() for k, v in module.state_dict().items()}
        self.skeleton = copy.deepcopy(module).to("meta")
        self._module: torch.nn.Module | None = None

    def __getstate__(self):
        return self.__dict__ | {"_module": None}

    def __setstate__(self, state):
        warn_of_other_version(state["version"])
        self.__dict__.update(state)

    @property
    def module(self) -> torch.nn.Module:
        """The module in float64 on the CPU, in evaluation mode."""
        if self._module is None:
            module = copy.deepcopy(self.skeleton).to_empty(device="cpu").double()
            # Copies: the arrays may be memory maps that cannot be written.
            module.load_state_dict({k: torch.tensor(v) for k, v in self.arrays.items()})
            self._module = module.eval()
        return self._module
