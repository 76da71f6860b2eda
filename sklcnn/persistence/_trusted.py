"""What a file may hold, and where it holds anything else.

A file names types and functions, and loading imports them by these names. So the names
are looked up in a list that no file can extend. A type is in it if its state can't
make it run code: scipy's distributions, which compile a string of their state, are not.
"""

import functools
import importlib
import inspect
import io
import json
import zipfile

from sklearn import metrics, model_selection
from sklearn.base import TransformerMixin

from sklcnn import augmentation, preprocessing
from sklcnn._classifier import CNNClassifier

SKLEARN_TYPES = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.callback._progressbar.ProgressBar",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._MultimetricScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV",
    "sklearn.model_selection._split._CVIterableWrapper",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
)
"""Parts of searches and ensembles, and what metadata they ask for.

Estimators are trusted by skops itself.
"""

METRIC_ENDINGS = ("_error", "_loss", "_score")

IMAGE_MODULES = (
    "color",
    "exposure",
    "feature",
    "filters",
    "filters.rank",
    "measure",
    "morphology",
    "restoration",
    "segmentation",
    "transform",
    "util",
)
"""Modules of scikit-image that compute, and neither read nor write files."""

NOT_ON_IMAGES = {
    "apply_parallel",
    "calibrate_denoiser",
    "cycle_spin",
    "denoise_invariant",
    "lookfor",
    "plot_matched_features",
    "plot_matches",
    "ransac",
    "regionprops",
    "regionprops_table",
    "try_all_threshold",
    "warp_coords",
}
"""Functions in these modules that call functions they are given, draw or print."""

LOADERS = {
    "BytesNode",
    "DTypeNode",
    "DictNode",
    "FunctionNode",
    "JsonNode",
    "ListNode",
    "LossNode",
    "MaskedArrayNode",
    "NdArrayNode",
    "ObjectNode",
    "RandomStateNode",
    "SetNode",
    "SliceNode",
    "TupleNode",
    "TypeNode",
}
"""Kinds of content that are put together; other kinds call what a file names."""

OLDEST_PROTOCOL = 2
"""Contents that call themselves older are read by skops with older, weaker checks."""


@functools.cache
def trusted_types():
    """List the types and metrics that files may hold besides those skops trusts."""
    steps = [
        getattr(room, name)
        for room in (preprocessing, augmentation)
        for name in room.__all__
        if _is_step(getattr(room, name))
    ]
    splitters = [  # not through `__all__`, whose experimental names can't be imported
        thing
        for thing in vars(model_selection).values()
        if inspect.isclass(thing) and hasattr(thing, "get_n_splits")
    ]
    scorers = map(metrics.get_scorer, metrics.get_scorer_names())
    functions = {scorer._score_func for scorer in scorers}
    functions.update(
        function
        for function in _public_functions(metrics)
        if function.__name__.endswith(METRIC_ENDINGS)
    )
    things = [CNNClassifier, *steps, *splitters, *functions]
    return frozenset([*SKLEARN_TYPES, *map(_path, things)])


@functools.cache
def image_functions():
    """List the functions of scikit-image that files may hold, for `ImageFunction`."""
    modules = [importlib.import_module(f"skimage.{name}") for name in IMAGE_MODULES]
    return frozenset(
        _path(function)
        for module in modules
        for function in _public_functions(module)
        if function.__name__ not in NOT_ON_IMAGES
    )


def find_untrusted(data):
    """Find what must not be loaded.

    Parameters
    ----------
    data : bytes
        What skops wrote.

    Returns
    -------
    trusted : list of str
        The names to trust, those of images only where there are any.
    untrusted : dict of {str: str}
        The name of every other type or function, and where it stands.
    """
    from skops.io import get_untrusted_types

    schema = read_schema(data)
    if not schema["protocol"] >= OLDEST_PROTOCOL:
        raise ValueError(f"it has the outdated protocol {schema['protocol']}")
    contents = list(_contents(schema))
    unknown = set(get_untrusted_types(data=data)) - trusted_types()
    trusted = set(trusted_types())
    if any(name.startswith("skimage.") for name in unknown):
        trusted |= image_functions()
        unknown -= trusted
    places = {}
    for node, place in contents:
        name = f"{node['__module__']}.{node['__class__']}"
        if name in unknown or node["__loader__"] not in LOADERS:
            places.setdefault(name, place.lstrip(".") or "the file")
    return sorted(trusted), dict.fromkeys(sorted(unknown), "the file") | places


def read_schema(data):
    """Read the description of its content from what skops wrote."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return json.loads(archive.read("schema.json"))


def _contents(value, place=""):
    """Yield every content that a schema describes, and its place in the estimator."""
    if isinstance(value, dict):
        if "__loader__" in value:
            yield value, place
        for key, child in value.items():
            yield from _contents(child, place if key == "content" else f"{place}.{key}")
    elif isinstance(value, list):
        for i, child in enumerate(value):
            yield from _contents(child, f"{place}[{i}]")


def _is_step(thing):
    """Whether a public name is that of a step, and not of what steps are made of."""
    is_transformer = inspect.isclass(thing) and issubclass(thing, TransformerMixin)
    return is_transformer and not inspect.isabstract(thing)


def _public_functions(module):
    things = (getattr(module, name) for name in module.__all__)
    return filter(inspect.isfunction, things)


def _path(thing):
    return f"{thing.__module__}.{thing.__name__}"
