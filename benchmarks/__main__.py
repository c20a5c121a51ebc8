"""Run benchmarks: ``python -m benchmarks NAME [options]``; without a name, all of them."""

import argparse

import torch

from benchmarks import known_joints

BENCHMARKS = {"known_joints": known_joints}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    commands = parser.add_subparsers(dest="name")
    for name, module in BENCHMARKS.items():
        module.add_arguments(commands.add_parser(name, help=module.__doc__))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for name in [arguments.name] if arguments.name else BENCHMARKS:
        BENCHMARKS[name].run(parser.parse_args([name]) if not arguments.name else arguments)


if __name__ == "__main__":
    main()
