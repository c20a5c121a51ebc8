"""Check the docstring of every public object by numpydoc: python docs/check_docstrings.py."""

import inspect
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass

from numpydoc.validate import validate

import skmine.distributions
import skmine.nn
import skmine.plotting

MODULES = (skmine, skmine.nn, skmine.distributions, skmine.plotting)
#: Checks that are left out, and why.
LEFT_OUT = {
    "ES01": "a summary may say it all",
    "SA01": "as may the text",
    "EX01": "the class has the example, its methods need none",
    "SS05": "a summary may name what is returned",
    "SS06": "and take two lines",
    "SS02": "and begin with a formula",
    "PR04": "several parameters may be said to be as elsewhere",
    "PR07": "so may one",
    "RT03": "as may the type",
    "GL03": "blank lines are ruff's",
}
#: Also left out in `nn` and `distributions`, where the base class describes a method, and a tuple of results
#: is described by its attributes.
OF_PARTS = {"GL08", "PR01", "RT01", "RT02"}


def public_objects() -> Iterator[str]:
    """Full names of classes and functions in each __all__, and of methods that skmine defines."""
    for module in MODULES:
        for name in module.__all__:
            thing = getattr(module, name)
            if not callable(thing):
                continue
            yield f"{module.__name__}.{name}"
            if inspect.isclass(thing):
                for method, value in vars(thing).items():
                    if not method.startswith("_") and getattr(value, "__name__", "") == method:
                        yield f"{module.__name__}.{name}.{method}"


def left_out(name: str) -> set[str]:
    """Codes of the checks that are left out for an object."""
    codes = set(LEFT_OUT)
    if name.split(".")[1] in ("nn", "distributions"):
        codes |= OF_PARTS
    elif is_dataclass(getattr(skmine, name.split(".")[-1], None)):
        codes.add("PR01")  # a dataclass documents its fields as attributes
    return codes


def main() -> None:
    faults = [
        f"{name}: {code} {text}"
        for name in public_objects()
        for code, text in validate(name)["errors"]
        if code not in left_out(name)
    ]
    sys.exit("\n".join(faults) or 0)


if __name__ == "__main__":
    main()
