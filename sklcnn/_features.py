"""Embeddings of images as features for any estimator."""

import os
from numbers import Integral

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklcnn._feature_cache import (
    FeatureCache,
    address_of_features,
    embed_missing,
    hash_images,
)
from sklcnn._pretrained import check_weights_parameters, weights_finder
from sklcnn._rows import evenly_spaced, with_index
from sklcnn._saved_state import restore_network, with_plain_paths
from sklcnn._sklearn import (
    N_JOBS,
    CallbackSupportMixin,
    Interval,
    StrOptions,
    fit_with_callbacks,
)
from sklcnn._validation import (
    check_image_shape,
    check_images,
    check_sizes,
    resolve_image_shape,
)
from sklcnn._warnings import warn_user
from sklcnn.images import AugmentedImages
from sklcnn.network import (
    build_network,
    channel_statistics,
    check_function,
    gradients,
    plain,
    release_memory,
    set_statistics,
    torch_threads,
)
from sklcnn.network._modules import ImageNetwork
from sklcnn.network._spec import CONVNET_DEFAULTS

N_OUTPUTS = 2
"""Number of outputs of the network, whose last layer is not used."""

IMAGES_MEASURED = 256
"""Number of images that show whether weights suit the range of their pixels."""

PARTS = 16
"""Number of parts of a pass between which embeddings of other processes are looked up;
also the largest number of batches in a part."""


class CNNFeatures(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    BaseEstimator,
):
    """Embeddings of images by a pretrained network.

    The network is not trained. An embedding is what enters its last layer: features for
    any classifier, regressor or clustering.

    Parameters
    ----------
    network : str or callable
        The network. A name is that of a network of torchvision, such as "resnet18", or
        of timm, such as "timm/resnet18": see :func:`sklcnn.available_networks`.
        "convnet" is the built-in network of :class:`CNNClassifier`, with its default
        parameters, and a callable is one as there.
    weights : str, path-like, FrozenEstimator or None, default=None
        Weights of the network. "DEFAULT", or another name that `available_networks`
        lists, takes those of torchvision or timm, which are downloaded once to their
        usual cache. A path is that of a file of weights (`.safetensors`, `.pt` or
        `.pth`, read without running code) or of a classifier that `dump` saved
        (`.skops`). `FrozenEstimator(fitted)` of :mod:`sklearn.frozen` takes those of a
        fitted classifier. None draws weights, with a warning: random features serve as
        a baseline.
    image_size : int, pair of ints, "network" or None, default=None
        Height and width in pixels that images are resized to within the network, on
        its device; "network" is the size that the weights of a named network were
        trained on. Nothing is cut off. None leaves images as they are.
    image_shape : tuple of int, default=None
        Shape of flat images, `(height, width)` or `(height, width, n_channels)`.
        Without it, a square number of features is a square gray image and any other
        number is one row of pixels.
    standardize : {"auto", "weights", "images"}, default="auto"
        Mean and standard deviation of each channel by which pixels are standardized:
        those that `weights` were trained with, or those of the images in `fit`. "auto"
        is the former where there are weights and pixels fill at least a quarter of the
        range of 0 to 1.
    batch_size : int or "auto", default="auto"
        Largest number of images per pass through the network. "auto" depends on the
        size of an image and on the device: on a CPU it is 4 to 512.
    precision : {"auto", "float32", "bfloat16", "float64"}, default="auto"
        Number format of the network. "auto" is float32. Embeddings are float32 but for
        "float64".
    device : str, default="auto"
        "cpu", "cuda", "cuda:<index>", another device that torch knows, such as "mps" or
        "xpu", or "auto", which is CUDA where it is available, else the CPU.
    n_jobs : int, default=None
        Number of CPU threads of the network; None is 1 and -1 all cores. Files are read
        at the same time, by as many threads as `ReadImages` says.
    cache_dir : path-like, default=None
        Folder in which embeddings are kept, so that each image is embedded once: see
        Notes.
    random_state : int, RandomState instance or None, default=None
        Determines the weights where `weights` is None.

    Attributes
    ----------
    image_shape_ : tuple of three ints
        Height, width and number of channels of the images.
    resolved_params_ : dict
        What the parameters that are "auto" came to.
    n_features_in_ : int
        Number of features of flat images; absent otherwise.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features of flat images that were fitted as a data frame.

    See Also
    --------
    CNNClassifier : Train such a network; its `transform` gives embeddings, too.
    available_networks : List networks by name.
    sklcnn.preprocessing.ReadImages : Read files in the step before.

    Notes
    -----
    An embedding depends on its image alone, and not on the images beside it. Random
    steps of `sklcnn.augmentation` before it have no effect, and a warning says so: a
    transformer gives one row an image. ``CNNClassifier(network=..., freeze=True)``
    trains the last layer on images that are redrawn in every epoch.

    With `cache_dir`, embeddings lie under a hash of all that they depend on: the
    network, its weights, how images are resized and standardized, number format, kind
    of device, versions, and the image. So all folds and candidates of a search, in any
    number of processes, share a folder, and a second run reads what the first one has
    computed. In detail:

    - Arrays are told by a hash of each image, files by path, size and dates and how
      they are read. Lazy images of other kinds, as those of zarr or those that
      functions of one's own change, are read to be hashed.
    - Where pixels are standardized by the images in `fit`, as without `weights`, each
      fold has a network of its own.
    - Processes that begin at the same time take over what the others have embedded; an
      image that two of them are at is embedded twice.
    - Entries have checksums. What is damaged or half-written is computed again.
    - Nothing is removed: delete the folder to clear it. One image takes 4 bytes a
      feature and 20 more.
    - A folder that can't be written to is an error, a full disk a warning. Whoever
      writes to the folder decides what the embeddings are. Nothing in it is executed.
    - Without `weights`, `random_state` must be given: otherwise every fit draws
      another network.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklcnn import CNNClassifier, CNNFeatures
    >>> X, y = load_digits(return_X_y=True)
    >>> small = y < 8  # teaches a network what helps to tell 8 from 9
    >>> source = CNNClassifier(random_state=0).fit(X[small][:200], y[small][:200])
    >>> features = CNNFeatures("convnet", weights=FrozenEstimator(source))
    >>> model = make_pipeline(features, LogisticRegression(max_iter=1000))
    >>> X, y = X[~small], y[~small]
    >>> model.fit(X[:20], y[:20]).score(X[20:], y[20:]) > 0.8
    True
    """

    _parameter_constraints: dict = {
        "network": [str, callable],
        "weights": [str, os.PathLike, BaseEstimator, None],
        "image_size": [
            Interval(Integral, 1, None, closed="left"),
            "array-like",
            StrOptions({"network"}),
            None,
        ],
        "image_shape": ["array-like", None],
        "standardize": [StrOptions({"auto", "weights", "images"})],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "precision": [StrOptions({"auto", "float32", "bfloat16", "float64"})],
        "device": [str],
        "n_jobs": N_JOBS,
        "cache_dir": [str, os.PathLike, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        network,
        *,
        weights=None,
        image_size=None,
        image_shape=None,
        standardize="auto",
        batch_size="auto",
        precision="auto",
        device="auto",
        n_jobs=None,
        cache_dir=None,
        random_state=None,
    ):
        self.network = network
        self.weights = weights
        self.image_size = image_size
        self.image_shape = image_shape
        self.standardize = standardize
        self.batch_size = batch_size
        self.precision = precision
        self.device = device
        self.n_jobs = n_jobs
        self.cache_dir = cache_dir
        self.random_state = random_state

    @fit_with_callbacks
    def fit(self, X, y=None):
        """Build the network for images like `X`, and take its weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width), \
                (n_samples, height, width, n_channels) or (n_samples, n_features)
            Images of any numeric dtype. uint8 and uint16 count as 0 to 1, bool as 0
            and 1, everything else is taken as it is. With weights, 256 of them at most
            are read, to see the range of their pixels.
        y : None
            Ignored.

        Returns
        -------
        self : CNNFeatures
            The fitted transformer.

        Raises
        ------
        ValueError
            If images or parameters are not valid, the network can't take images of
            this size, or weights are those of another network.
        ImportError
            If the package of the network is not installed.
        OSError
            If weights are not there and can't be downloaded.
        """
        name = type(self).__name__
        self._check_parameters()
        if isinstance(X, AugmentedImages):
            warn_user(
                f"{name} takes augmented images as they are: each is embedded once, "
                "and the random steps before have no effect. Leave these out, or use "
                "CNNClassifier(network=..., freeze=True), which redraws images in "
                "every epoch."
            )
        images = check_images(plain(X), estimator=self)
        shape = resolve_image_shape(images.shape, self.image_shape, name=name)
        with (
            torch_threads(self.n_jobs) as limit,
            limit,
            gradients(True) as mode,  # which find the last layer of the network
            mode,
        ):
            network = self._build(shape)
            self._set_statistics(network, images)
            blank = np.zeros((1, *shape), dtype=np.float32)
            features = self._run(network, blank, batch_size=1, pixel_range=None)
        self._network, self._n_features_out = network, features.shape[1]
        self.resolved_params_ = self._resolve()
        release_memory(network.device)
        return self

    def transform(self, X):
        """Compute embeddings.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the size and range of those in `fit`.

        Returns
        -------
        embeddings : ndarray of shape (n_samples, n_features_out)
            One row an image.

        Raises
        ------
        ValueError
            If images are not valid, or files can't be read.
        OSError
            If `cache_dir` can't be written to.
        """
        check_is_fitted(self)
        images = check_images(plain(X), estimator=self, reset=False)
        check_image_shape(images.shape, self.image_shape_, name=type(self).__name__)
        unreadable = getattr(images, "bad_rows", ())
        if len(unreadable):  # which is an error, now rather than after all others
            images.read(unreadable[:1])
        address = self._address(images)
        if address is None:
            features = self._run(self._network, images, batch_size=self._batch_size)
        else:
            features = self._embed_with_cache(images, address)
        return with_index(features, X, self)

    def _check_parameters(self):
        """Check parameters of which no constraint tells all."""
        name = type(self).__name__
        check_function(self.network, name=name)
        check_sizes(self.image_shape, (2, 3), "image_shape", name=name)
        check_weights_parameters(self)
        if self.cache_dir is not None and not os.fspath(self.cache_dir):
            raise ValueError(
                f"{name} expects cache_dir to be a folder. Got an empty name: use '.' "
                "for the current folder, or None to keep nothing."
            )
        if self.weights is not None:
            return
        warn_user(
            f"{name} got weights=None: embeddings are those of a network with random "
            "weights. Set weights='DEFAULT', say, for those of a trained one."
        )
        if self.cache_dir is not None and self.random_state is None:
            warn_user(
                "cache_dir is not used without weights and random_state, as each fit "
                "draws another network. Set random_state to an int."
            )

    def _build(self, image_shape):
        """Build the network, with its weights."""
        name = type(self).__name__
        return build_network(
            CONVNET_DEFAULTS | self.get_params(deep=False),
            image_shape,
            N_OUTPUTS,
            seed=int(check_random_state(self.random_state).randint(2**31 - 1)),
            name=name,
            find=weights_finder(self.weights, name=name),
        )

    def _set_statistics(self, network, images):
        """Choose the statistics by which pixels are standardized."""
        name = type(self).__name__
        counted = np.ones(images.shape[0])
        counted[getattr(images, "bad_rows", [])] = 0
        if not counted.any():
            raise ValueError(f"{name} got no image that can be read.")
        if network.origin is not None and self.standardize != "images":
            rows = np.flatnonzero(counted)
            counted[np.setdiff1d(rows, evenly_spaced(rows, IMAGES_MEASURED))] = 0
        measured = channel_statistics(images, counted, network.spec.image_shape)
        parameters = self.get_params(deep=False)
        set_statistics(network, measured, parameters, dtype=images.dtype, name=name)

    def _run(self, network, images, *, batch_size, **options):
        """Compute embeddings of images that were checked."""
        options |= {"n_jobs": self.n_jobs, "name": type(self).__name__}
        return network.embeddings(images, batch_size=batch_size, **options)

    def _address(self, images):
        """Find where embeddings of such images are kept; None where they are not."""
        is_drawn_anew = self.weights is None and self.random_state is None
        if self.cache_dir is None or is_drawn_anew:
            return None
        try:
            return address_of_features(self._network, images)
        except TypeError as error:
            warn_user(
                f"cache_dir is not used, as {error}: the network must be told from "
                "others in any process."
            )
            return None

    def _embed_with_cache(self, images, address):
        """Look embeddings up, and compute those that are not there."""
        network, name = self._network, type(self).__name__
        shape = images.shape[0], self._n_features_out
        features = np.empty(shape, _dtype_of(network))
        cache = FeatureCache(self.cache_dir, address, shape[1], features.dtype)
        size = self._batch_size
        options = {"n_jobs": self.n_jobs, "batch_size": size, "name": name}
        embed_missing(
            lambda part: network.iterate(part, ImageNetwork.embed, **options),
            images,
            hash_images(images, self.image_shape_),
            cache,
            features,
            size * int(np.clip(shape[0] // (PARTS * size), 1, PARTS)),
        )
        return features

    def _resolve(self):
        """Give what parameters that are "auto" came to."""
        network = self._network
        values = {
            "standardize": network.standardized_by,
            "batch_size": self._batch_size,
            "precision": "bfloat16" if network.bfloat16[1] else _dtype_of(network),
            "device": network.device,
        }
        return {name: v for name, v in values.items() if getattr(self, name) == "auto"}

    @property
    def _batch_size(self):
        """Number of images per pass."""
        if self.batch_size == "auto":
            return self._network.prediction_batch_size()
        return self.batch_size

    def __sklearn_is_fitted__(self):
        return "_network" in vars(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def image_shape_(self):
        """Height, width and number of channels of the images, a tuple."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute 'image_shape_'"
            )
        return self._network.spec.image_shape

    def __getstate__(self):
        state = with_plain_paths(super().__getstate__())
        if self.__sklearn_is_fitted__():
            del state["_network"]
            state["_fitted"] = self._network.state(self._sealed())
        return state

    def __setstate__(self, state):
        state = dict(state)
        fitted = state.pop("_fitted", None)
        super().__setstate__(state)
        if fitted is None and "_n_features_out" not in state:
            return
        self._network = restore_network(fitted, self._sealed, type(self).__name__)

    def _sealed(self):
        """Give what the digest of the saved state covers beside the network."""
        return {"_n_features_out": self._n_features_out}


def _dtype_of(network):
    return str(network.dtype).removeprefix("torch.")
