"""A simulated second device. Tensors of both devices are on the CPU, and operations that mix them fail."""

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

DEVICE = torch.device("cuda", 0)
_CPU = torch.device("cpu")


def _is_device(value) -> bool:
    return isinstance(value, (str, torch.device)) and str(value) != "auto"


class PretendDevice(TorchFunctionMode):
    """Distinguish tensors that were moved to ``cuda`` from tensors on the CPU.

    As in torch, scalars on the CPU may be combined with tensors of a device, and indices may be on the CPU.

    Attributes
    ----------
    n_calls : int
        Number of functions called with tensors of the device.
    """

    def __init__(self):
        super().__init__()
        self.storages: dict[int, object] = {}  # kept, so that no other storage gets the same address
        self.n_calls = 0

    def is_there(self, tensor) -> bool:
        with torch._C.DisableTorchFunction():
            return tensor.untyped_storage()._cdata in self.storages

    def put(self, tensor) -> None:
        with torch._C.DisableTorchFunction():
            storage = tensor.untyped_storage()
            self.storages[storage._cdata] = storage

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function == torch.Tensor.device.__get__:
            return DEVICE if self.is_there(args[0]) else _CPU
        # A deep copy also gets a memo of earlier copies, which are no operands.
        operands = args[:1] if function is torch.Tensor.__deepcopy__ else (args, kwargs)
        tensors = [leaf for leaf in tree_leaves(operands) if isinstance(leaf, torch.Tensor)]
        there = [self.is_there(tensor) for tensor in tensors]
        target, args, kwargs = self._target(function, args, kwargs)
        if target is None and any(there):
            self._check(function, tensors, there)
        result = function(*args, **kwargs)
        goes = target.type == "cuda" if target is not None else any(there)
        if target is not None and tensors and goes != any(there):
            result = tree_map_only(torch.Tensor, torch.clone, result)  # a copy elsewhere
        if goes:
            self.n_calls += 1
            for leaf in tree_leaves(result):
                if isinstance(leaf, torch.Tensor):
                    self.put(leaf)
            if function == torch.Tensor.data.__set__:
                self.put(args[0])
        return result

    def _target(self, function, args, kwargs):
        """Device that a call requests, and the arguments of the call without the device."""
        if function is torch.Tensor.cpu:
            return _CPU, args, kwargs
        if function in (torch.tensor, torch.as_tensor) and "device" not in kwargs:
            return None, args, kwargs
        found = kwargs.pop("device", None)
        if function is torch.Tensor.to:
            for value in args[1:]:
                if _is_device(value):
                    found = value
                elif isinstance(value, torch.Tensor):
                    found = DEVICE if self.is_there(value) else _CPU
            others = [value.dtype if isinstance(value, torch.Tensor) else value for value in args[1:]]
            dtypes = [value for value in others if isinstance(value, torch.dtype)]
            args = (args[0], *dtypes) if dtypes or kwargs else (args[0], args[0].dtype)
        return (None if found is None else torch.device(found)), args, kwargs

    def _check(self, function, tensors, there) -> None:
        name = getattr(function, "__name__", str(function))
        if name in ("numpy", "__array__"):
            raise TypeError(f"{name}: a tensor of the device has no NumPy array")
        if name in ("__getitem__", "__setitem__") and there[0]:
            return  # numbered on the CPU
        if name in ("copy_", "__set__", "__get__", "_has_compatible_shallow_copy_type"):
            return
        if any(not here and tensor.dim() for tensor, here in zip(tensors, there, strict=True)):
            raise RuntimeError(f"{name}: tensors of two devices")
