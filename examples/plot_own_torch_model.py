"""
How do I use mutual information in my own torch model?
======================================================

:class:`skmine.nn.MutualInformation` is a term for your loss function. On this
page, an encoder learns to describe the upper half of a picture of a digit by
two numbers. It is trained without labels: the only aim is that the two numbers
carry as much information as possible about the lower half.
"""

# %%
# Two views of each digit
# -----------------------
# Both halves of a picture depend on the digit that it shows.

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skmine.nn import MutualInformation

X, y = load_digits(return_X_y=True)
upper, lower = torch.tensor(X / 16, dtype=torch.float32).chunk(2, dim=1)

# %%
# Maximise I(code; lower half)
# ----------------------------
# In each step, first call ``update``. It trains the critic, a network that
# measures the information. Then call the module and add its value to the loss,
# with a minus sign to maximise it.
#
# The code is the output of the encoder plus noise. Without the noise, the
# encoder could hide information in tiny differences.

torch.manual_seed(0)
generator = torch.Generator().manual_seed(0)
encoder = torch.nn.Sequential(
    torch.nn.Linear(32, 64),
    torch.nn.SiLU(),
    torch.nn.Linear(64, 2),
    torch.nn.Tanh(),
)
information = MutualInformation(2, 32, learning_rate=2e-3, generator=generator)
optimiser = torch.optim.Adam(encoder.parameters(), lr=1e-3)
values = []
for _ in range(1000):
    rows = torch.randint(len(upper), (256,), generator=generator)
    code = encoder(upper[rows]) + 0.1 * torch.randn(256, 2, generator=generator)
    information.update(code, lower[rows])
    value = information(code, lower[rows])
    optimiser.zero_grad()
    (-value).backward()
    optimiser.step()
    values.append(float(value.detach()))
first, last = np.mean(values[:100]), np.mean(values[-100:])
print(f"I(code; lower half): {first:.2f} nats at first, {last:.2f} at last")

# %%
# Does the code separate the digits?
# ----------------------------------
# To find out, a classifier is trained on the two numbers, their squares and
# their product. For comparison, the same is done with two of the pixels.

with torch.no_grad():
    code = encoder(upper).numpy()
classifier = make_pipeline(
    StandardScaler(), PolynomialFeatures(2), LogisticRegression(max_iter=2000)
)
for name, columns in (
    ("learnt code", code),
    ("two of its pixels", X[:, [12, 20]]),
):
    accuracy = cross_val_score(classifier, columns, y, cv=3).mean()
    print(f"accuracy from {name}: {accuracy:.2f}")

# %%
# Picture
# -------

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
left.plot(np.convolve(values, np.ones(50) / 50, "valid"), color="#0072B2")
left.set(
    xlabel="step",
    ylabel="I(code; lower half), nats",
    title="Information during training",
)
points = right.scatter(*code.T, c=y, cmap="tab10", s=5)
right.set(
    xlabel="first number",
    ylabel="second number",
    title="The code, coloured by the digit",
)
figure.colorbar(points, ax=right, ticks=range(10))
plt.show()

# %%
# **In short:** In each step, train the critic with ``update`` and subtract the
# value of the module from your loss; two numbers learnt in this way predict the
# digit with an accuracy of 0.51, compared with 0.30 for two pixels.
