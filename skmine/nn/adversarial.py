"""Generative adversarial networks whose samples tell of the code that they were made from."""

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
_BETAS = (0.5, 0.999)  # of Adam: the opponent moves, so the past counts less
_SLOPE = 0.2
_READ_ROWS, _READ_CODES = 256, 1024
_CATCH_UP_STEPS, _VALUED_ROWS = 1000, 2**13


class Perceptron(nn.Module):
    """Multilayer perceptron whose first layer bends where its input is.

    Each unit of the first layer has its kink at one of the rows given, those of the others near 0: a
    network that starts with all kinks at the origin is linear along every ray, and takes thousands of steps
    to tell clusters on a ray apart.

    Parameters
    ----------
    rows : Tensor of shape (n_rows, d_in)
        Rows as the network will see.
    hidden_layer_sizes : sequence of int
        Hidden layers.
    d_out : int
        Columns of the output.
    generator : torch.Generator or None, default=None
        Source of the initial weights.
    dtype : torch.dtype or None, default=None
        Of the weights; None is torch's default.
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
    """Generator of an adversarial network: from noise and a code to rows of x.

    Parameters
    ----------
    d_x : int
        Columns of x.
    d_noise : int
        Normal columns that nothing asks back.
    n_components, n_codes : int
        Normal columns of the code, and values of its categorical part.
    hidden_layer_sizes : sequence of int
        Hidden layers.
    generator : torch.Generator or None, default=None
        Source of the initial weights.
    dtype : torch.dtype or None, default=None
        Of the weights; None is torch's default.
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
        """Columns of the code: the normal ones, then one a category."""
        return self.n_components + self.n_codes

    def draw_codes(self, n: int, generator: torch.Generator | None, like: Tensor) -> Tensor:
        """Codes from their prior: normal columns, then a category one-hot.

        Parameters
        ----------
        n : int
            Rows.
        generator : torch.Generator or None
            Source of the draws, on the CPU.
        like : Tensor
            Of the device and the type wanted.

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
        """Rows of x with fresh noise, shape (n, d_code) -> (n, d_x)."""
        noise = draw_normal((len(code), self.d_noise), generator, code)
        return self.network(torch.cat([noise, code], 1))


class CodeReader(nn.Module):
    """The code that rows were made from, by a critic that knows ``log p(x, code) / (p(x) p(code))``.

    The posterior of the code is its prior times the exponential of the score: codes drawn from the prior,
    weighted by the softmax of their scores.

    Parameters
    ----------
    critic : nn.Module
        ``(n, 1, d_x), (1, n_codes, d_code) -> (n, n_codes)``.
    clip : float
        Largest absolute score.
    codes : Tensor of shape (n_codes, d_code)
        Draws from the prior.
    """

    codes: Tensor

    def __init__(self, critic: nn.Module, clip: float, codes: Tensor):
        super().__init__()
        self.critic, self.clip = critic, clip
        self.register_buffer("codes", codes)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Posterior mean of the code of each row, shape (n, d_x) -> (n, d_code)."""
        means = []
        for rows in x.split(_READ_ROWS):
            n, m = len(rows), len(self.codes)
            scores = self.critic(rows.unsqueeze(1).expand(n, m, -1), self.codes.unsqueeze(0).expand(n, m, -1))
            means.append(soft_clip(scores, self.clip).softmax(1) @ self.codes)
        return torch.cat(means)


@dataclass(frozen=True)
class GANResult:
    """What training an adversarial network ends with.

    Attributes
    ----------
    sampler : Sampler
        With the moving average of the weights.
    reader : CodeReader
        Reads the code of the sampler's rows.
    mi : float
        I(sample; code) in nats, by the critic on fresh rows of the sampler.
    n_iter : int
        Minibatches taken.
    history : list of dict
        ``iteration``, ``discriminator`` and ``sampler`` (losses) and ``mi`` (nats; NaN where its weight is
        0): means over the minibatches since the check before.
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
    """A sampler, its discriminator and the information between samples and codes, and their steps."""

    def __init__(self, sampler, discriminator, information, *, penalty, learning_rate, generator):
        self.sampler, self.discriminator, self.information = sampler, discriminator, information
        self.penalty, self.learning_rate, self.generator = penalty, learning_rate, generator
        self.optimisers = [Adam(network, learning_rate, *_BETAS) for network in (sampler, discriminator)]

    def step(self, real: Tensor, beta: float, share: float) -> Tensor:
        """One step of each; losses of discriminator and sampler, and the information in nats."""
        for optimiser in self.optimisers:
            optimiser.learning_rate = self.learning_rate * share
            optimiser.zero_grad()
        code = self.sampler.draw_codes(len(real), self.generator, real)
        fake = self.sampler(code, self.generator)
        told = self._step_discriminator(real, fake.detach())
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
        return torch.stack([told, loss, mi]).detach().cpu()

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
    """Train a sampler against a discriminator, while its samples tell of their codes.

    The weight of the information falls to 0 over the first half, in which the sampler finds the modes; over
    the second half, in which it settles on them, the learning rate falls to 0.

    Parameters
    ----------
    sampler : Sampler
        Trained in place.
    discriminator : nn.Module
        ``(n, d_x) -> (n, 1)``, log odds that rows are data.
    information : MutualInformation
        Between samples and codes. Its critic is trained on while it has weight, and on the finished
        sampler's rows at the end.
    x : Tensor of shape (n, d_x)
        Data.
    beta : float
        Weight of the information at the start; 0 is the plain adversarial network.
    penalty : float
        Weight of half the squared slope of the discriminator at the data.
    learning_rate : float
        Of Adam, at the start.
    batch_size, max_iter : int
        Rows of a minibatch, and number of minibatches.
    generator : torch.Generator
        Source of rows, codes and noise, on the CPU.
    on_check : callable or None, default=None
        Called with each entry of the history; training ends where it returns True.

    Returns
    -------
    GANResult

    References
    ----------
    Goodfellow et al. (2014), the non-saturating loss. Mescheder et al. (2018), Which training methods for
    GANs do actually converge?, for the penalty. Belghazi et al. (2018), section 5.1, eq. 15.
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
                told, loss, mi = (sums / n_since).tolist()
                history.append({"iteration": iteration, "discriminator": told, "sampler": loss, "mi": mi})
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
    """Train the critic on what the finished sampler makes."""
    for _ in range(n_steps):
        information.update(*_draw(sampler, batch_size, generator))
