"""Command line: ``python -m sklcnn predict`` and ``python -m sklcnn describe``."""

import argparse
import contextlib
import csv
import json
import sys
import warnings

import numpy as np
from tqdm import tqdm

from sklcnn import __version__
from sklcnn.persistence import describe, load_predictor

BATCH_SIZE = 64
DESCRIPTION = "Predict image files by a saved model, or tell what a saved model holds."
EPILOG = """\
exit status:
  0  done
  1  some files could not be read; they are named on stderr, and have no row
  2  the model or the arguments can't be used

examples:
  python -m sklcnn predict model.skops new/*.jpg --csv predictions.csv
  python -m sklcnn describe model.skops
"""


def main(arguments=None):
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        The arguments; None are those of the process.

    Returns
    -------
    status : int
        Exit status.
    """
    options = _make_parser().parse_args(arguments)
    try:
        return options.run(options)
    except (ImportError, OSError, TypeError, ValueError) as error:
        print(f"sklcnn: {error}", file=sys.stderr)
        return 2


def _make_parser():
    parser = argparse.ArgumentParser(
        prog="python -m sklcnn",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="")
    predict = commands.add_parser(
        "predict",
        help="predict the labels of image files",
        description="Write a table of file, label, its probability and those of all "
        "classes.",
    )
    predict.add_argument("model", help="file of `dump` (*.skops) or `to_onnx` (*.onnx)")
    predict.add_argument("files", nargs="+", metavar="image", help="image files")
    predict.add_argument(
        "--csv", metavar="FILE", help="write the table to a file rather than to stdout"
    )
    predict.add_argument(
        "--trusted",
        action="append",
        default=[],
        metavar="NAME",
        help="class or function of your own that the model may hold, such as "
        "steps.RandomDots; may be repeated",
    )
    predict.set_defaults(run=_predict)
    describing = commands.add_parser(
        "describe",
        help="tell what a saved model holds, without loading it",
        description="Tell parameters, classes, versions and metadata of a saved model. "
        "Nothing of it is run.",
    )
    describing.add_argument("model", help="file of `dump` or `to_onnx`")
    describing.add_argument(
        "--json", action="store_true", help="print one object of JSON"
    )
    describing.set_defaults(run=_describe)
    return parser


def _predict(options):
    predictor = load_predictor(options.model, trusted=options.trusted)
    with contextlib.ExitStack() as stack:
        target = sys.stdout
        if options.csv:
            target = stack.enter_context(
                open(options.csv, "w", newline="", encoding="utf-8")
            )
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(["file", "label", "probability", *predictor.classes_])
        bar = tqdm(total=len(options.files), unit="image", disable=None)
        stack.enter_context(bar)
        n_unread = 0
        for start in range(0, len(options.files), BATCH_SIZE):
            files = options.files[start : start + BATCH_SIZE]
            n_unread += _write_batch(predictor, files, writer, bar)
    return 1 if n_unread else 0


def _write_batch(predictor, files, writer, bar):
    """Write the rows of files, and give the number of those that can't be read."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        rows = _predict_batch(predictor, files)
    messages = [str(warning.message) for warning in caught]
    messages += [f"{file}: {row}" for file, row in rows if isinstance(row, str)]
    for text in dict.fromkeys(messages):
        bar.write(f"sklcnn: {text}", file=sys.stderr)
    read = [(file, row) for file, row in rows if not isinstance(row, str)]
    for file, row in read:
        best, numbers = row.argmax(), [f"{number:.6g}" for number in row]
        writer.writerow([file, predictor.classes_[best], numbers[best], *numbers])
    bar.update(len(files))
    return len(rows) - len(read)


def _predict_batch(predictor, files):
    """Predict files, one by one if some can't be read: give why in place of numbers."""
    try:
        return list(zip(files, predictor.predict_proba(files), strict=True))
    except (OSError, ValueError) as error:
        if len(files) == 1:
            return [(files[0], " ".join(str(error).split()))]
    return [pair for file in files for pair in _predict_batch(predictor, [file])]


def _describe(options):
    description = describe(options.model)
    if options.json:
        print(json.dumps(description, indent=2, default=str))
        return 0
    for name, value in description.items():
        _print_value(name, value, "")
    return 0


def _print_value(name, value, indent):
    """Print a name and its value, dictionaries and lists of them as lines below it."""
    if isinstance(value, dict) and value:
        print(f"{indent}{name}:")
        for key, item in value.items():
            _print_value(key, item, f"{indent}  ")
        return
    text = repr(np.asarray(value).tolist()) if isinstance(value, tuple) else repr(value)
    print(f"{indent}{name}: {text}")


if __name__ == "__main__":
    sys.exit(main())
