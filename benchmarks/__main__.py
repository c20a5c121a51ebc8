"""Run a benchmark: ``python -m benchmarks NAME [options]``; all of them without a name."""

import argparse

from benchmarks import (
    ablation,
    bottleneck,
    bottleneck_tables,
    columns,
    conditional,
    conditional_test,
    consistency,
    coverage,
    device,
    discrete,
    drop_in,
    equitability,
    false_discoveries,
    fuzz,
    gaussians,
    high_information,
    interactions,
    known_joints,
    mode_coverage,
    real_data,
    real_tables,
    redundancy,
    rivals,
    scale,
    seconds,
    self_consistency,
    small_samples,
    stability,
    unstructured,
)

BENCHMARKS = {
    "known_joints": known_joints,
    "rivals": rivals,
    "gaussians": gaussians,
    "equitability": equitability,
    "consistency": consistency,
    "coverage": coverage,
    "small_samples": small_samples,
    "high_information": high_information,
    "self_consistency": self_consistency,
    "discrete": discrete,
    "ablation": ablation,
    "conditional": conditional,
    "conditional_test": conditional_test,
    "drop_in": drop_in,
    "columns": columns,
    "scale": scale,
    "seconds": seconds,
    "device": device,
    "interactions": interactions,
    "redundancy": redundancy,
    "false_discoveries": false_discoveries,
    "unstructured": unstructured,
    "real_data": real_data,
    "real_tables": real_tables,
    "stability": stability,
    "bottleneck": bottleneck,
    "bottleneck_tables": bottleneck_tables,
    "mode_coverage": mode_coverage,
    "fuzz": fuzz,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="name")
    for name, module in BENCHMARKS.items():
        command = commands.add_parser(name, description=module.__doc__, help=module.__doc__)
        command.add_argument("--jobs", type=int, default=1, help="processes, one thread each")
        module.add_arguments(command)
    arguments = parser.parse_args()
    names = [arguments.name] if arguments.name else BENCHMARKS
    for name in names:
        BENCHMARKS[name].run(arguments if arguments.name else parser.parse_args([name]))


if __name__ == "__main__":
    main()
