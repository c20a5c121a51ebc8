"""Information bottleneck: a noisy code that predicts y and carries little other information about x."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .critics import BankLinear, _mlp, _run
from .isolation import differentiable, isolated
from .rates import VariationalRate
from .steps import Adam, average_weights, draw_batches, draw_normal

_CHECK_EVERY = 50
_AVERAGING = 5e-3  # weight of the newest step in the average of the weights
_MIN_LOG_SCALE = -8.0
_START_LOG_SCALE = -2.0  # little noise at first, otherwise the classifier learns slowly
_FIRST_GAIN = 0.6  # initial weights of x: smooth functions generalise better


class GaussianEncoder(nn.Module):
    """Encoder that maps rows to the mean and scale of a normal code.

    The code is ``z = mean(x) + scale(x) * e`` with normal e, so that p(z | x) has a density.

    Parameters
    ----------
    d_x, n_components : int
        Number of columns of x and of the code.
    hidden_layer_sizes : sequence of int
        Number of units in each hidden layer.
    noise : {"gaussian", "additive", "propagated"}, default="gaussian"
        Further noise, at the input of the network:

        - ``"gaussian"``: none.
        - ``"additive"``: added to x.
        - ``"propagated"``: concatenated with x, `n_components` columns.
    noise_scale : float, default=0.3
        Standard deviation of the noise at the input.
    scale : float, default=1.0
        Root mean square of x. The network divides x by it.
    generator : torch.Generator or None, default=None
        Source of the initial weights.
    dtype : torch.dtype or None, default=None
        Data type of the weights. None uses torch's default.

    References
    ----------
    Alemi et al. (2017), Deep variational information bottleneck; Belghazi et al. (2018), section 5.3.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import GaussianEncoder
    >>> encoder = GaussianEncoder(4, 2, (16,))
    >>> mean, log_scale = encoder(torch.zeros(100, 4), torch.zeros(100, encoder.d_noise))
    >>> mean.shape
    torch.Size([100, 2])
    """

    scale: Tensor

    #: Values of `noise`.
    NOISES = ("gaussian", "additive", "propagated")

    def __init__(
        self,
        d_x: int,
        n_components: int,
        hidden_layer_sizes: Sequence[int],
        *,
        noise: str = "gaussian",
        noise_scale: float = 0.3,
        scale: float = 1.0,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        self.n_components, self.noise, self.noise_scale = n_components, noise, noise_scale
        d_noise = n_components if noise == "propagated" else 0
        widths = [d_x + d_noise, *hidden_layer_sizes, 2 * n_components]
        #: Columns of noise at the input of the network.
        self.d_noise = d_x if noise == "additive" else d_noise
        self.register_buffer("scale", torch.tensor(scale, dtype=dtype))
        self.layers = _mlp(widths, None, generator, dtype=dtype)
        with torch.no_grad():
            # The initial effect of x must not depend on the number of columns of noise.
            self.layers[0].weight *= _FIRST_GAIN * math.sqrt(widths[0] / d_x)  # type: ignore[assignment, operator]
            self.layers[-1].bias[:, n_components:] = _START_LOG_SCALE  # type: ignore[operator]

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log scale of the code.

        Parameters
        ----------
        x : Tensor of shape (..., d_x)
            Rows.
        noise : Tensor of shape (..., d_noise)
            Standard normal draws.

        Returns
        -------
        mean, log_scale : Tensor of shape (..., n_components)
        """
        mean, raw = _run(self.layers, self.inputs(x, noise)).chunk(2, -1)
        return mean, raw.clamp(_MIN_LOG_SCALE, -_MIN_LOG_SCALE)

    def inputs(self, x: Tensor, noise: Tensor) -> Tensor:
        """Input of the network: scaled x, with noise as `noise` says.

        Parameters
        ----------
        x, noise : Tensor
            As in :meth:`forward`.

        Returns
        -------
        Tensor of shape (..., n_inputs)
        """
        noise = self.noise_scale * noise
        if self.noise == "additive":
            x = x + noise
        x = x / self.scale
        return torch.cat([x, noise], -1) if self.noise == "propagated" else x


class Bottleneck(nn.Module):
    """An encoder and a linear classifier of its code.

    Parameters
    ----------
    encoder : nn.Module
        A :class:`GaussianEncoder`, or a module with the same methods.
    n_classes : int
        Number of classes of y.
    generator : torch.Generator or None, default=None
        Source of the initial weights.
    dtype : torch.dtype or None, default=None
        Data type of the weights. None uses torch's default.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import Bottleneck, GaussianEncoder
    >>> model = Bottleneck(GaussianEncoder(4, 2, (16,)), n_classes=3)
    >>> probability, code = model.predict(torch.zeros(100, 4), n_draws=8)
    >>> probability.shape, code.shape
    (torch.Size([100, 3]), torch.Size([100, 2]))
    """

    def __init__(
        self,
        encoder: GaussianEncoder,
        n_classes: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        self.encoder = encoder
        self.decoder = BankLinear(encoder.n_components, n_classes, None, generator, dtype=dtype)

    def forward(self, x: Tensor, generator: torch.Generator | None = None):
        """Draw one code for each row and classify it.

        Parameters
        ----------
        x : Tensor of shape (n, d_x)
            Rows.
        generator : torch.Generator or None, default=None
            Source of the noise, on the CPU.

        Returns
        -------
        logits : Tensor of shape (n, n_classes)
        z, mean, log_scale : Tensor of shape (n, n_components)
        """
        noise = draw_normal((len(x), self.encoder.d_noise), generator, x)
        mean, log_scale = self.encoder(x, noise)
        z = mean + log_scale.exp() * draw_normal(mean.shape, generator, x)
        return self.decoder(z), z, mean, log_scale

    @torch.no_grad()
    def predict(self, x: Tensor, n_draws: int, generator: torch.Generator | None = None):
        """Mean class probabilities and mean code over draws of the noise. All rows share the same draws.

        Parameters
        ----------
        x : Tensor of shape (n, d_x)
            Rows.
        n_draws : int
            Number of draws.
        generator : torch.Generator or None, default=None
            Source of the noise, on the CPU.

        Returns
        -------
        probability : Tensor of shape (n, n_classes)
        code : Tensor of shape (n, n_components)
        """
        encoder = self.encoder
        input_noise = draw_normal((n_draws, encoder.d_noise), generator, x)
        code_noise = draw_normal((n_draws, encoder.n_components), generator, x)
        probability, code = 0.0, 0.0
        for i, (seen, added) in enumerate(zip(input_noise, code_noise, strict=True)):
            if i == 0 or encoder.d_noise:
                mean, log_scale = encoder(x, seen.expand(len(x), -1))
            probability = probability + self.decoder(mean + log_scale.exp() * added).softmax(-1)
            code = code + mean
        return probability / n_draws, code / n_draws


@dataclass(frozen=True)
class BottleneckResult:
    """Result of :func:`train_bottleneck`.

    Attributes
    ----------
    model : Bottleneck
        The trained model, with the moving average of its weights.
    n_iter : int
        Number of minibatches.
    history : list of dict
        One entry for each check. ``cross_entropy`` and ``mi_xz``, in nats, are means over the minibatches
        since the previous check, at ``iteration``.
    interrupted : bool
        Whether Ctrl-C ended training.
    """

    model: Bottleneck
    n_iter: int
    history: list[dict]
    interrupted: bool


@isolated()
def train_bottleneck(
    model: Bottleneck,
    rate: VariationalRate,
    x: Tensor,
    y: Tensor,
    *,
    beta: float,
    learning_rate: float,
    batch_size: int,
    max_iter: int,
    generator: torch.Generator,
    weight: Tensor | None = None,
    on_check: Callable[[dict], object] | None = None,
) -> BottleneckResult:
    """Train a bottleneck: minimise the cross-entropy plus `beta` times an upper bound of I(X; Z).

    The optimiser is Adam. In the second half of training, the learning rate falls to 0.

    Parameters
    ----------
    model : Bottleneck
        Trained in place.
    rate : VariationalRate
        The upper bound of I(X; Z): :class:`VariationalRate` or :class:`MINERate`.
    x : Tensor of shape (n, d_x)
        Rows.
    y : LongTensor of shape (n,)
        Class numbers.
    beta : float
        Weight of the upper bound. A larger weight makes the code forget more of x.
    learning_rate : float
        Initial learning rate of Adam.
    batch_size, max_iter : int
        Number of rows in a minibatch, and number of minibatches.
    generator : torch.Generator
        Source of the order of the rows and of the noise, on the CPU.
    weight : Tensor of shape (n,) or None, default=None
        Sample weights, on the CPU in double precision. Rows are drawn in proportion to them.
    on_check : callable or None, default=None
        Called with each entry of the history. If it returns True, training ends.

    Returns
    -------
    BottleneckResult

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import Bottleneck, GaussianEncoder, VariationalRate, train_bottleneck
    >>> generator = torch.Generator().manual_seed(0)
    >>> x = torch.randn(200, 4, generator=generator)
    >>> y = (x[:, 0] > 0).long()
    >>> model = Bottleneck(GaussianEncoder(4, 2, (16,), generator=generator), 2, generator)
    >>> result = train_bottleneck(
    ...     model,
    ...     VariationalRate(),
    ...     x,
    ...     y,
    ...     beta=0.01,
    ...     learning_rate=1e-2,
    ...     batch_size=50,
    ...     max_iter=100,
    ...     generator=generator,
    ... )
    >>> [entry["iteration"] for entry in result.history]
    [50, 100]
    """
    x = differentiable(x)
    optimiser = Adam(model, learning_rate)
    averaged, sums, iteration, interrupted = (
        copy.deepcopy(model),
        torch.zeros(2, dtype=torch.float64),
        0,
        False,
    )
    history: list[dict] = []
    batches = draw_batches(len(x), batch_size, generator, weight)
    try:
        for iteration in range(1, max_iter + 1):
            optimiser.learning_rate = learning_rate * min(1.0, 2 * (1 - (iteration - 1) / max_iter))
            rows = next(batches).to(x.device)
            logits, z, mean, log_scale = model(x[rows], generator)
            rate.update(z)
            loss, information = cross_entropy(logits, y[rows]), rate(z, mean, log_scale)
            optimiser.zero_grad()
            (loss + beta * information).backward()
            optimiser.step()
            average_weights(averaged, model, max(_AVERAGING, 1 / iteration))
            sums += torch.stack([loss, information]).detach().cpu()
            if iteration % _CHECK_EVERY == 0 or iteration == max_iter:
                n_since = iteration - (history[-1]["iteration"] if history else 0)
                values = (sums / n_since).tolist()
                history.append({"iteration": iteration, "cross_entropy": values[0], "mi_xz": values[1]})
                sums = torch.zeros(2, dtype=torch.float64)
                if on_check is not None and on_check(history[-1]):
                    break
    except KeyboardInterrupt:
        interrupted = True
    return BottleneckResult(averaged, iteration, history, interrupted)


@torch.no_grad()
def value_bottleneck(
    model: Bottleneck, rate: VariationalRate, x: Tensor, y: Tensor, generator: torch.Generator
) -> tuple[float, float]:
    """Cross-entropy and upper bound of I(X; Z) in nats, with one draw of the noise.

    Parameters
    ----------
    model, rate, x, y, generator
        As in :func:`train_bottleneck`.

    Returns
    -------
    cross_entropy, mi_xz : float
    """
    logits, *code = model(x, generator)
    return float(cross_entropy(logits, y)), float(rate(*code))
