"""
Does a generative network draw all kinds of rows?
=================================================

An adversarial network is apt to leave out some of the modes of its data. One that also maximises the
mutual information between its rows and the code that they are made from has to spread over them.
"""

# %%
# Sixteen clusters
# ----------------
# The same networks, data and steps twice: with weight 0 and with weight 1 of the information.

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skmine import MINEGAN

rng = np.random.default_rng(0)
centres = 2.0 * np.array([(a, b) for a in range(4) for b in range(4)])
X = centres[rng.integers(16, size=10_000)] + 0.1 * rng.normal(size=(10_000, 2))

samples = {}
for name, beta in (("plain", 0.0), ("with information", 1.0)):
    gan = MINEGAN(beta, max_iter=3000, random_state=0).fit(X)
    rows = samples[name] = gan.sample(4000, random_state=0)
    distance = np.linalg.norm(rows[:, None] - centres, axis=2)
    near = distance.min(1) < 0.3
    counts = np.bincount(distance.argmin(1)[near], minlength=16)
    print(
        f"{name:17} {(counts > 25).sum():2} of 16 clusters with a tenth of their share or more, "
        f"{near.mean():.0%} of the rows in a cluster, I(row; code) {gan.mi_:.1f} nats"
    )

# %%
# Picture
# -------

figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained", sharex=True, sharey=True)
for axis, (name, rows) in zip(axes, [("data", X[:4000]), *samples.items()], strict=True):
    axis.scatter(*rows.T, s=2, alpha=0.4, color="#0072B2", rasterized=True)
    axis.set(title=name, xticks=[], yticks=[], aspect="equal")

if "__file__" in globals():
    output = Path(__file__).resolve().parent / "output"
    output.mkdir(exist_ok=True)
    figure.savefig(output / "mode_collapse.png", dpi=120)
    print(f"picture: {output / 'mode_collapse.png'}")
