"""Generative adversarial networks that maximise the information between their samples and a code."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, one_hot, softplus

from .critics import BankLinear, soft_clip
from .isolation import differentiable, isolated
from .objective import MutualInformation, clipped_backward
from .steps import Adam, average_weights, draw_batches, draw_normal

_CHECK_EVERY = 50
_AVERAGING = 2e-3  # weight of the newest step in the average of the sampler's weights
_BETAS = (0.5, 0.999)  # for Adam; the opponent changes, so the past counts less
_SLOPE = 0.2
_READ_ROWS, _READ_CODES = 256, 1024
_CATCH_UP_STEPS, _VALUED_ROWS = 1000, 2**13


class Perceptron(nn.Module):
    """Multilayer perceptron whose first layer is initialised at given rows.

    Each unit of the first layer starts with its kink at one of the rows. The kinks of the other hidden layers
    start near 0. If all kinks started at the origin, the network would be linear along every ray, and would
    need thousands of steps to separate clusters on the same ray.

    Parameters
    ----------
    rows : Tensor of shape (n_rows, d_in)
        Typical inputs of the network.
    hidden_layer_sizes : sequence of int
        Number of units in each hidden layer.
    d_out : int
        Columns of the output.
    generator : torch.Generator or None, default=None
        Source of the initial weights.
    dtype : torch.dtype or None, default=None
        Data type of the weights. None uses torch's default.
    """

    def __init__(
        self,
        rows: Tensor,
        hidden_layer_sizes: Sequence[int],
        d_out: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        widths = [rows.shape[1], *hidden_layer_sizes]
        gain = 2**0.5  # He et al. (2015): rectifiers halve the square
        hidden = [BankLinear(*pair, generator=generator, gain=gain, dtype=dtype) for pair in pairwise(widths)]
        last = BankLinear(widths[-1], d_out, generator=generator, dtype=dtype)
        self.layers = nn.ModuleList([*hidden, last])
        chosen = torch.randint(len(rows), (widths[1],), generator=generator)
        with torch.no_grad():
            for layer in hidden:
                layer.bias.uniform_(-0.5, 0.5, generator=generator)
            hidden[0].bias.copy_(-(rows[chosen].cpu() * hidden[0].weight.T).sum(1))

    def forward(self, x: Tensor) -> Tensor:
        """Shape (..., d_in) -> (..., d_out)."""
        for layer in self.layers[:-1]:
            x = leaky_relu(layer(x), _SLOPE)
        return self.layers[-1](x)


class Sampler(nn.Module):
    """Generator of an adversarial network: maps noise and a code to rows of x.

    Parameters
    ----------
    d_x : int
        Number of columns of x.
    d_noise : int
        Number of normal columns of noise. They are not part of the code, so nothing recovers them.
    n_components, n_codes : int
        Number of normal columns of the code, and number of values of its categorical part. With
        ``n_codes=0`` the code has no categorical part.
    hidden_layer_sizes : sequence of int
        Number of units in each hidden layer.
    generator : torch.Generator or None, default=None
        Source of the initial weights.
    dtype : torch.dtype or None, default=None
        Data type of the weights. None uses torch's default.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import Sampler
    >>> generator = torch.Generator().manual_seed(0)
    >>> sampler = Sampler(3, d_noise=2, n_components=1, n_codes=4, hidden_layer_sizes=(16,))
    >>> code = sampler.draw_codes(100, generator, torch.zeros(()))
    >>> code.shape, sampler(code, generator).shape
    (torch.Size([100, 5]), torch.Size([100, 3]))
    """

    def __init__(
        self,
        d_x: int,
        d_noise: int,
        n_components: int,
        n_codes: int,
        hidden_layer_sizes: Sequence[int],
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        self.d_noise, self.n_components, self.n_codes = d_noise, n_components, n_codes
        code = self.draw_codes(hidden_layer_sizes[0], generator, torch.zeros((), dtype=dtype))
        rows = torch.cat([draw_normal((len(code), d_noise), generator, code), code], 1)
        self.network = Perceptron(rows, hidden_layer_sizes, d_x, generator, dtype)

    @property
    def d_code(self) -> int:
        """Number of columns of the code: the normal ones, then one for each category."""
        return self.n_components + self.n_codes

    def draw_codes(self, n: int, generator: torch.Generator | None, like: Tensor) -> Tensor:
        """Draw codes from their prior: normal columns, then a one-hot category.

        Parameters
        ----------
        n : int
            Number of codes.
        generator : torch.Generator or None
            Source of the draws, on the CPU.
        like : Tensor
            The codes get its device and dtype.

        Returns
        -------
        Tensor of shape (n, d_code)
        """
        code = draw_normal((n, self.n_components), generator, like)
        if not self.n_codes:
            return code
        label = torch.randint(self.n_codes, (n,), generator=generator)
        return torch.cat([code, one_hot(label, self.n_codes).to(code)], 1)

    def forward(self, code: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Generate rows of x from codes, with fresh noise: shape (n, d_code) -> (n, d_x)."""
        noise = draw_normal((len(code), self.d_noise), generator, code)
        return self.network(torch.cat([noise, code], 1))


class CodeReader(nn.Module):
    """Recovers the code that a row was generated from.

    Parameters
    ----------
    critic : nn.Module
        Estimates ``log p(x, code) / (p(x) p(code))``. It maps ``(n, 1, d_x), (1, n_codes, d_code)`` to
        ``(n, n_codes)``.
    clip : float
        Largest absolute score.
    codes : Tensor of shape (n_codes, d_code)
        Draws from the prior of the code.

    Notes
    -----
    The posterior of the code is its prior times the exponential of the score. It is represented by codes
    drawn from the prior, weighted by the softmax of their scores.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import CodeReader, ConcatCritic
    >>> reader = CodeReader(ConcatCritic(3, 2), clip=12.0, codes=torch.randn(50, 2))
    >>> reader(torch.zeros(100, 3)).shape
    torch.Size([100, 2])
    """

    codes: Tensor

    def __init__(self, critic: nn.Module, clip: float, codes: Tensor):
        super().__init__()
        self.critic, self.clip = critic, clip
        self.register_buffer("codes", codes)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Posterior mean of the code of each row: shape (n, d_x) -> (n, d_code)."""
        means = []
        for rows in x.split(_READ_ROWS):
            n, m = len(rows), len(self.codes)
            scores = self.critic(rows.unsqueeze(1).expand(n, m, -1), self.codes.unsqueeze(0).expand(n, m, -1))
            means.append(soft_clip(scores, self.clip).softmax(1) @ self.codes)
        return torch.cat(means)


@dataclass(frozen=True)
class GANResult:
    """Result of :func:`train_gan`.

    Attributes
    ----------
    sampler : Sampler
        The trained sampler, with the moving average of its weights.
    reader : CodeReader
        Recovers the code of rows that the sampler generated.
    mi : float
        Estimate of I(sample; code) in nats, on fresh rows of the sampler.
    n_iter : int
        Number of minibatches.
    history : list of dict
        One entry for each check. ``discriminator`` and ``sampler`` are losses and ``mi`` is in nats (NaN if
        its weight is 0). They are means over the minibatches since the previous check, at ``iteration``.
    interrupted : bool
        Whether Ctrl-C ended training.
    """

    sampler: Sampler
    reader: CodeReader
    mi: float
    n_iter: int
    history: list[dict]
    interrupted: bool


class _Adversaries:
    """The sampler, its discriminator and the critic between samples and codes, trained in alternation."""

    def __init__(self, sampler, discriminator, information, *, penalty, learning_rate, generator):
        self.sampler, self.discriminator, self.information = sampler, discriminator, information
        self.penalty, self.learning_rate, self.generator = penalty, learning_rate, generator
        self.optimisers = [Adam(network, learning_rate, *_BETAS) for network in (sampler, discriminator)]

    def step(self, real: Tensor, beta: float, share: float) -> Tensor:
        """One step of each. Returns the losses of discriminator and sampler, and the information in nats."""
        for optimiser in self.optimisers:
            optimiser.learning_rate = self.learning_rate * share
            optimiser.zero_grad()
        code = self.sampler.draw_codes(len(real), self.generator, real)
        fake = self.sampler(code, self.generator)
        loss_on_both = self._step_discriminator(real, fake.detach())
        self.discriminator.requires_grad_(False)
        loss, mi = softplus(-self.discriminator(fake)).mean(), fake.new_full((), torch.nan)
        if beta > 0:
            self.information.update(fake, code)
            mi = self.information(fake, code)
            clipped_backward(loss, -beta * mi, self.sampler.parameters())
        else:
            loss.backward()
        self.discriminator.requires_grad_(True)
        self.optimisers[0].step()
        return torch.stack([loss_on_both, loss, mi]).detach().cpu()

    def _step_discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        real = real.detach().requires_grad_(True)
        score = self.discriminator(real)
        loss = softplus(-score).mean() + softplus(self.discriminator(fake)).mean()
        (slope,) = torch.autograd.grad(score.sum(), real, create_graph=True)
        (loss + self.penalty / 2 * (slope**2).sum(1).mean()).backward()
        self.optimisers[1].step()
        return loss


@isolated()
def train_gan(
    sampler: Sampler,
    discriminator: nn.Module,
    information: MutualInformation,
    x: Tensor,
    *,
    beta: float,
    penalty: float,
    learning_rate: float,
    batch_size: int,
    max_iter: int,
    generator: torch.Generator,
    on_check: Callable[[dict], object] | None = None,
) -> GANResult:
    """Train a sampler against a discriminator, and maximise the information between samples and codes.

    In the first half of training, the sampler finds the modes of the data, and the weight of the information
    falls to 0. In the second half, it fits the modes more closely, and the learning rate falls to 0.

    Parameters
    ----------
    sampler : Sampler
        Trained in place.
    discriminator : nn.Module
        Maps ``(n, d_x)`` to ``(n, 1)``: the log odds that a row is real. Trained in place.
    information : MutualInformation
        Between samples and codes. Its critic is trained as long as the information has a positive weight, and
        once more at the end, on rows of the finished sampler.
    x : Tensor of shape (n, d_x)
        The data.
    beta : float
        Weight of the information at the start. 0 trains a plain adversarial network.
    penalty : float
        Weight of the gradient penalty: half the squared gradient of the discriminator at the data.
    learning_rate : float
        Initial learning rate of Adam.
    batch_size, max_iter : int
        Number of rows in a minibatch, and number of minibatches.
    generator : torch.Generator
        Source of the order of rows, of codes and of noise, on the CPU.
    on_check : callable or None, default=None
        Called with each entry of the history. If it returns True, training ends.

    Returns
    -------
    GANResult

    References
    ----------
    Goodfellow et al. (2014), Generative adversarial nets, for the non-saturating loss. Mescheder et al.
    (2018), Which training methods for GANs do actually converge?, for the penalty. Belghazi et al. (2018),
    section 5.1, eq. 15, for the information.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import MutualInformation, Sampler, train_gan
    >>> generator = torch.Generator().manual_seed(0)
    >>> sampler = Sampler(2, 2, 1, 0, (16,), generator)
    >>> discriminator = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.SiLU(), torch.nn.Linear(16, 1))
    >>> result = train_gan(
    ...     sampler,
    ...     discriminator,
    ...     MutualInformation(2, 1, generator=generator),
    ...     torch.randn(200, 2, generator=generator),
    ...     beta=1.0,
    ...     penalty=2e-3,
    ...     learning_rate=2e-3,
    ...     batch_size=50,
    ...     max_iter=10,
    ...     generator=generator,
    ... )
    >>> result.n_iter
    10
    """
    x = differentiable(x)
    players = _Adversaries(
        sampler, discriminator, information, penalty=penalty, learning_rate=learning_rate, generator=generator
    )
    averaged, sums, iteration, interrupted = (
        copy.deepcopy(sampler),
        torch.zeros(3, dtype=torch.float64),
        0,
        False,
    )
    history: list[dict] = []
    batches = draw_batches(len(x), batch_size, generator)
    try:
        for iteration in range(1, max_iter + 1):
            share = 2 * (1 - iteration / max_iter)
            real = x[next(batches).to(x.device)]
            sums += players.step(real, beta * max(0.0, share - 1), min(1.0, share))
            average_weights(averaged, sampler, max(_AVERAGING, 1 / iteration))
            if iteration % _CHECK_EVERY == 0 or iteration == max_iter:
                n_since = iteration - (history[-1]["iteration"] if history else 0)
                on_both, loss, mi = (sums / n_since).tolist()
                history.append({"iteration": iteration, "discriminator": on_both, "sampler": loss, "mi": mi})
                sums = torch.zeros(3, dtype=torch.float64)
                if on_check is not None and on_check(history[-1]):
                    break
        _catch_up(information, averaged, batch_size, min(max_iter, _CATCH_UP_STEPS), generator)
    except KeyboardInterrupt:
        interrupted = True
    reader = CodeReader(information.critic, information.clip, averaged.draw_codes(_READ_CODES, generator, x))
    mi = float(information(*_draw(averaged, _VALUED_ROWS, generator)))
    return GANResult(averaged, reader, mi, iteration, history, interrupted)


@torch.no_grad()
def _draw(sampler: Sampler, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    code = sampler.draw_codes(n, generator, next(sampler.parameters()))
    return sampler(code, generator), code


def _catch_up(information, sampler: Sampler, batch_size: int, n_steps: int, generator) -> None:
    """Train the critic on rows of the finished sampler."""
    for _ in range(n_steps):
        information.update(*_draw(sampler, batch_size, generator))
