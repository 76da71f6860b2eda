"""What a file may hold, and where it holds anything else.

A file names types and functions, and loading imports them by these names. So the names
are looked up in a list that no file can extend. A type is in it if its state can't
make it run code: scipy's distributions, which compile a string of their state, are not.
"""

import functools
import importlib
import inspect
import json

from sklearn import metrics, model_selection
from sklearn.base import TransformerMixin

from sklcnn import augmentation, preprocessing
from sklcnn.persistence._content import contents, read_schema

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

OWN_TYPES = (
    "sklcnn._classifier.CNNClassifier",
    "sklcnn._features.CNNFeatures",
    "sklcnn._test_time.TestTimeAugmentation",
)
"""Estimators of this package, which stand above this module."""

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


PLACES_OF_TYPES = {"ObjectNode", "TypeNode"}
DICTIONARIES = {"sklearn.utils._bunch.Bunch"}
KEYS = {
    "builtins.bool",
    "builtins.float",
    "builtins.int",
    "builtins.str",
    "numpy.float32",
    "numpy.float64",
    "numpy.int32",
    "numpy.int64",
    "numpy.str_",
    "numpy.uint8",
}
"""Types of keys of dictionaries, which are called with the text of the key."""

NETWORK_NAMES = ("network", "kind")
"""What names a network among the parameters and in the saved state of a classifier."""


def trusted_types():
    """List the names of types and functions that `load` trusts besides skops's own.

    For :func:`skops.io.load`, and for what is built on it, such as
    ``mlflow.sklearn.save_model``: ``trusted=trusted_types()``. `load` itself needs no
    list, and checks more: the digest of the file, the sizes of what it holds, and that
    functions stand only where functions belong.

    Returns
    -------
    names : list of str
        Steps and classifiers of this package, parts of scikit-learn's searches and
        ensembles, metrics, and public functions of scikit-image that take images.

    See Also
    --------
    load : Load an estimator from a file.

    Examples
    --------
    >>> from sklcnn.persistence import trusted_types
    >>> "sklcnn.augmentation._whole_pixels.RandomFlip" in trusted_types()
    True
    """
    return sorted(_types() | _functions() | image_functions())


@functools.cache
def _types():
    """List types that files may hold besides those skops trusts."""
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
    return frozenset([*SKLEARN_TYPES, *OWN_TYPES, *map(_path, [*steps, *splitters])])


@functools.cache
def _functions():
    """List metrics."""
    scorers = map(metrics.get_scorer, metrics.get_scorer_names())
    functions = {scorer._score_func for scorer in scorers}
    functions.update(
        function
        for function in _public_functions(metrics)
        if function.__name__.endswith(METRIC_ENDINGS)
    )
    return frozenset(map(_path, functions))


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


def names_of(trusted, *, name):
    """Make names of the types and functions that a user trusts.

    Parameters
    ----------
    trusted : list of type, callable or str
        The types and functions, or their names with their modules.
    name : str
        Who asks, for messages.

    Returns
    -------
    names : frozenset of str

    Raises
    ------
    TypeError
        If one is neither, such as an estimator in place of its class.
    """
    if isinstance(trusted, str) or not hasattr(trusted, "__iter__"):
        raise TypeError(
            f"{name} expects trusted to be a list of classes, functions or their "
            f"names. Got {trusted!r}."
        )
    names = []
    for thing in trusted:
        if not isinstance(thing, str) and not hasattr(thing, "__name__"):
            raise TypeError(
                f"{name} expects trusted to hold classes, functions or their names, "
                f"such as 'module.Name'. Got {thing!r} among them."
            )
        names.append(thing if isinstance(thing, str) else _path(thing))
    return frozenset(names)


def find_untrusted(data, own=frozenset()):
    """Find what must not be loaded.

    Parameters
    ----------
    data : bytes
        What skops wrote.
    own : set of str
        Names that the user trusts.

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
    nodes = contents(schema)
    functions = _functions()
    if any(node["__module__"].startswith("skimage.") for node, _ in nodes):
        functions = functions | image_functions()
    misplaced = {}
    for node, place in nodes:
        if not _is_in_place(node, functions, own):
            misplaced.setdefault(_name(node), place)
    for node, place in _networks(nodes):
        if not _is_text(node) and _name(node) not in own:
            misplaced.setdefault(_name(node), place)
    trusted = _types() | functions | own
    unknown = set()
    if all(node["__loader__"] in LOADERS for node, _ in nodes):
        unknown = set(get_untrusted_types(data=data)) - trusted
    places = {
        _name(node): place for node, place in reversed(nodes) if _name(node) in unknown
    }
    untrusted = dict.fromkeys(sorted(unknown), "the file") | places | misplaced
    untrusted = {
        name: place.lstrip(".") or "the file" for name, place in untrusted.items()
    }
    return sorted(trusted), untrusted


def _is_in_place(node, functions, own):
    """Tell whether a node's kind is known, and what it names may stand there.

    skops trusts a name wherever it stands. But what is built for a node is called with
    the node's content, and a function is to be called by nothing in a file.
    """
    loader, name = node["__loader__"], _name(node)
    if loader not in LOADERS:
        return False
    if loader == "DictNode" and not _has_plain_keys(node):
        return False
    if name in own:
        return loader in PLACES_OF_TYPES | {"FunctionNode"}
    if name in functions:
        return loader == "FunctionNode"
    if name in _types():
        return loader in PLACES_OF_TYPES or (
            loader == "DictNode" and name in DICTIONARIES
        )
    return loader != "NdArrayNode" or name not in ("numpy.void", "numpy.object_")


def _has_plain_keys(node):
    """Tell whether the types of a dictionary's keys are text and numbers."""
    types = node["key_types"]
    return types["__loader__"] == "ListNode" and all(
        kind["__loader__"] == "TypeNode" and _name(kind) in KEYS
        for kind in types["content"]
    )


def _networks(nodes):
    """List what names a network, of the classifiers of this package."""
    found = []
    for owner, place in nodes:
        is_ours = owner["__module__"].startswith("sklcnn._")
        if owner["__loader__"] != "ObjectNode" or not is_ours:
            continue
        waiting = [(owner.get("content"), place)]
        while waiting:
            node, place = waiting.pop()
            if not isinstance(node, dict) or node.get("__loader__") == "ObjectNode":
                continue
            content = node.get("content")
            if isinstance(content, list):
                waiting.extend((item, place) for item in content)
            elif isinstance(content, dict):
                inside = [
                    (key, item, f"{place}.{key}") for key, item in content.items()
                ]
                waiting.extend((item, where) for _, item, where in inside)
                found.extend((i, where) for k, i, where in inside if k in NETWORK_NAMES)
    return found


def _is_text(node):
    """Tell whether a node holds a string, and nothing that could be called."""
    return node["__loader__"] == "JsonNode" and isinstance(
        json.loads(node["content"]), str
    )


def _name(node):
    return f"{node['__module__']}.{node['__class__']}"


def _is_step(thing):
    """Whether a public name is that of a step, and not of what steps are made of."""
    is_transformer = inspect.isclass(thing) and issubclass(thing, TransformerMixin)
    return is_transformer and not inspect.isabstract(thing)


def _public_functions(module):
    things = (getattr(module, name) for name in module.__all__)
    return filter(inspect.isfunction, things)


def _path(thing):
    return f"{thing.__module__}.{thing.__name__}"
