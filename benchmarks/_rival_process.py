"""Run one rival on a folder of data with its own Python: ``python _rival_process.py METHOD FOLDER``.

Each file of the folder is an .npz with x and y. For each, one line of JSON is printed: file, mi (nats),
seconds.
"""

import contextlib
import json
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np


def of_bmi(name: str, **parameters):
    import bmi  # only in the rival's environment

    return lambda x, y: getattr(bmi.estimators, name)(**parameters).estimate(x, y)


def of_torch_mist(name: str):
    import torch
    from torch_mist import estimate_mi

    torch.set_num_threads(1)

    def estimate(x, y):
        torch.manual_seed(0)
        return estimate_mi((x, y), estimator=name, hidden_dims=[128], verbose=False)[0]

    return estimate


def of_latentmi():
    import torch
    from latentmi import lmi

    torch.set_num_threads(1)

    def estimate(x, y):
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002 - latentmi draws its folds from the global generator
        return np.nanmean(lmi.estimate(x, y)[0])

    return estimate


METHODS = {
    "bmi KSG(10)": lambda: of_bmi("KSGEnsembleFirstEstimator", neighborhoods=(10,)),
    "bmi CCA": lambda: of_bmi("CCAMutualInformationEstimator"),
    "bmi MINE": lambda: of_bmi("MINEEstimator", verbose=False),
    "bmi InfoNCE": lambda: of_bmi("InfoNCEEstimator", verbose=False),
    "torch-mist MINE": lambda: of_torch_mist("mine"),
    "torch-mist SMILE": lambda: of_torch_mist("smile"),
    "torch-mist DoE": lambda: of_torch_mist("doe"),
    "latentmi": of_latentmi,
}


def main(method: str, folder: str) -> None:
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(sys.stderr):
        estimate = METHODS[method]()
    for path in sorted(Path(folder).glob("*.npz")):
        with np.load(path) as data:
            x, y = data["x"], data["y"]
        started = time.perf_counter()
        try:
            with open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet):
                value = float(estimate(x, y))
        except Exception as error:  # record the failure of a rival, and continue with the next task
            sys.stderr.write(f"{method}, {path.name}: {error}\n")
            value = float("nan")
        seconds = time.perf_counter() - started
        sys.stdout.write(json.dumps({"file": path.stem, "mi": value, "seconds": seconds}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
