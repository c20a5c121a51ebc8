"""Keep training independent of the modes and global generators of torch, and leave both unchanged."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_DEVICE_TYPES = ("cpu", "cuda")


@contextlib.contextmanager
def isolated() -> Iterator[None]:
    """Run with gradients, full precision and the CPU as default device. Also usable as a decorator.

    Only modes of the current thread are set, and only those that the caller has changed. torch has no such
    mode for the default dtype, so code in this context must name the dtype of each tensor that it creates.
    """
    with contextlib.ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        if not torch.is_grad_enabled():
            stack.enter_context(torch.enable_grad())
        for device_type in _DEVICE_TYPES:
            if torch.is_autocast_enabled(device_type):
                stack.enter_context(torch.autocast(device_type, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


def differentiable(x: Tensor) -> Tensor:
    """Detach a tensor from its history. One made in inference mode is copied, so that gradients work."""
    return x.detach().clone() if x.is_inference() else x.detach()


class OwnDraws(TorchDispatchMode):
    """Make random operations of the current thread draw from separate, seeded generators.

    Without it, the initial weights and dropout of a user's modules would draw from the global generators of
    torch, which other threads use as well. Fused attention with dropout on CUDA always uses the global one.

    Parameters
    ----------
    seed : int
        Seed of the generators. Each device has one.
    """

    def __init__(self, seed: int):
        super().__init__()
        self.seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Otherwise the first draw imports the compiler of torch. That takes seconds and adds warning filters.
        return False

    def __reduce__(self):
        return OwnDraws, (self.seed,)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Run an operation. A random one gets a generator."""
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **kwargs)
        if any(isinstance(value, torch.Generator) for value in (*args, *kwargs.values())):
            return func(*args, **kwargs)
        if any(argument.name == "generator" for argument in func._schema.arguments):
            return func(*args, **{**kwargs, "generator": self._generator(args, kwargs)})
        name = func._schema.name.removeprefix("aten::")
        if name == "native_dropout":
            return self._dropout(*args)
        if name in _LIKE:
            return self._like(name, args, kwargs)
        overload = _WITH_GENERATOR.get(func._overloadname, "")
        if overload in func.overloadpacket.overloads():
            func = getattr(func.overloadpacket, overload)
            kwargs = {**kwargs, "generator": self._generator(args, kwargs)}
        return func(*args, **kwargs)

    def _generator(self, args, kwargs) -> torch.Generator:
        tensors = [value for value in args if isinstance(value, Tensor)]
        device = torch.device(tensors[0].device if tensors else kwargs.get("device") or "cpu")
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self.seed)
        return self._generators[device]

    def _dropout(self, x: Tensor, p: float, is_training: bool | None) -> tuple[Tensor, Tensor]:
        """``native_dropout``, which takes no generator."""
        if is_training is False or p == 0:
            return x.clone(), torch.ones_like(x, dtype=torch.bool)
        kept = torch.empty_like(x).bernoulli_(1 - p, generator=self._generator((x,), {}))
        return x * kept * (0.0 if p == 1 else 1 / (1 - p)), kept.bool()

    def _like(self, name: str, args, kwargs) -> Tensor:
        """``rand_like`` and similar, which take no generator in older versions of torch."""
        x, *limits = args
        options = {key: value for key, value in kwargs.items() if key not in ("low", "high", "generator")}
        empty = torch.empty_like(x, **options)
        return getattr(empty, _LIKE[name])(*limits, generator=self._generator((empty,), {}))


#: Operations without a generator -> the method that fills a tensor and takes one.
_LIKE = {"rand_like": "uniform_", "randn_like": "normal_", "randint_like": "random_"}
#: Overload of an operation -> the one that takes a generator.
_WITH_GENERATOR = {"default": "generator", "low": "low_generator"}
