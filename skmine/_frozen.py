"""A trained torch module in the form that a fitted estimator stores and pickles."""

from typing import Any, Generic, TypeVar

import torch

from skmine._version import __version__, warn_of_other_version

Module = TypeVar("Module", bound=torch.nn.Module)

#: First words of the records of a module, of a tensor, and of one that was already recorded.
_MODULE, _TENSOR, _EMPTY, _SEEN = "skmine.module", "skmine.tensor", "skmine.empty tensor", "skmine.seen"


class FrozenModule(Generic[Module]):
    """A torch module as NumPy arrays and plain containers, restored in float64 on the CPU.

    A pickle contains no torch objects, joblib can memory-map the arrays, and skops can read it. Loading an
    object from another version of skmine raises a warning.

    Parameters
    ----------
    module : torch.nn.Module
        Trained, on any device.
    """

    def __init__(self, module: Module):
        self.version = __version__
        self.arrays = {k: v.detach().cpu().numpy().copy() for k, v in module.state_dict().items()}
        self.record = _Packer(module)(module.eval())
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
            module = _Unpacker()(self.record)
            # Copies: the arrays may be memory maps that cannot be written.
            module.load_state_dict({k: torch.tensor(v) for k, v in self.arrays.items()}, assign=True)
            self._module = module.double().eval()
        return self._module


class _Packer:
    """Makes one record of each module and tensor.

    For tensors that are stored elsewhere, it is only the shape.
    """

    def __init__(self, module: torch.nn.Module):
        self.stored = set(map(id, module.state_dict(keep_vars=True).values()))
        self.numbers: dict[int, int] = {}

    def __call__(self, value: Any) -> Any:
        if isinstance(value, (torch.nn.Module, torch.Tensor)):
            if id(value) in self.numbers:
                return [_SEEN, self.numbers[id(value)]]
            self.numbers[id(value)] = len(self.numbers)
        if isinstance(value, torch.nn.Module):
            state = {k: self(v) for k, v in vars(value).items() if "_hooks" not in k or v}
            return [_MODULE, type(value), state]
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, dict):
            return {k: self(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return _as_type_of(value, [self(v) for v in value])
        return value

    def _tensor(self, tensor: torch.Tensor) -> list:
        kind = [isinstance(tensor, torch.nn.Parameter), tensor.requires_grad]
        if tensor.is_meta or id(tensor) in self.stored:
            return [_EMPTY, str(tensor.dtype).removeprefix("torch."), list(tensor.shape), *kind]
        return [_TENSOR, tensor.detach().cpu().numpy().copy(), *kind]


class _Unpacker:
    """Makes modules and tensors from their records."""

    def __init__(self) -> None:
        self.made: list[Any] = []

    def __call__(self, value: Any) -> Any:
        mark = value[0] if isinstance(value, list) and value and isinstance(value[0], str) else ""
        if mark == _SEEN:
            return self.made[value[1]]
        if mark == _MODULE:
            _, kind, state = value
            module = kind.__new__(kind)
            torch.nn.Module.__init__(module)
            self.made.append(module)
            module.__dict__.update(self(state))
            return module
        if mark in (_TENSOR, _EMPTY):
            _, *values, is_parameter, requires_grad = value
            tensor = torch.tensor(values[0]) if mark == _TENSOR else _empty(*values)
            tensor = torch.nn.Parameter(tensor, requires_grad) if is_parameter else tensor
            self.made.append(tensor)
            return tensor
        if isinstance(value, dict):
            return {k: self(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return _as_type_of(value, [self(v) for v in value])
        return value


def _empty(dtype: str, shape: list[int]) -> torch.Tensor:
    return torch.empty(shape, dtype=getattr(torch, dtype), device="meta")


def _as_type_of(value: Any, parts: list) -> Any:
    """Parts as a list, a tuple or a named tuple."""
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
