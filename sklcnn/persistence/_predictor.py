"""Prediction of image files by a model from a file: `load_predictor`."""

import hashlib

import numpy as np

from sklcnn.persistence._description import read_onnx_facts
from sklcnn.persistence._files import as_path, explain, load, read_file
from sklcnn.persistence._graph import flat_steps, take_apart
from sklcnn.persistence._onnx import COLOR_MODES, import_onnx, make_session
from sklcnn.preprocessing import ReadImages


class Predictor:
    """Model from a file, which predicts image files.

    Made by `load_predictor`.

    Parameters
    ----------
    reader : ReadImages
        The step that reads files.
    predict_images : callable
        Takes what `reader` gives, returns probabilities.
    classes : ndarray of shape (n_classes,)
        Class labels.
    version : str
        Digest of the file of the model, which tells one model from another.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    max_pixels : int
        Limit of pixels of a file, as in `ReadImages`.

    See Also
    --------
    load_predictor : Make it.

    Examples
    --------
    >>> from sklcnn.persistence import load_predictor
    >>> predictor = load_predictor("model.skops")  # doctest: +SKIP
    >>> predictor.predict(["new.jpg"])  # doctest: +SKIP
    """

    def __init__(self, reader, predict_images, classes, version):
        self.reader = reader
        self.predict_images = predict_images
        self.classes_ = classes
        self.version = version

    @property
    def max_pixels(self):
        """Limit of pixels of a file."""
        return self.reader.max_pixels

    @max_pixels.setter
    def max_pixels(self, number):
        self.reader.max_pixels = number

    def predict_proba(self, sources):
        """Predict the probabilities of the classes.

        Parameters
        ----------
        sources : list of str, path-like, bytes, binary file, PIL image or array
            Image files, their contents, or images.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Columns follow `classes_`.

        Raises
        ------
        ValueError
            If a file can't be read. The message names it.
        """
        return self.predict_images(self.reader.transform(sources))

    def predict(self, sources):
        """Predict class labels.

        Parameters
        ----------
        sources : list of str, path-like, bytes, binary file, PIL image or array
            Image files, their contents, or images.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            The likeliest class of each.
        """
        return self.classes_[self.predict_proba(sources).argmax(axis=1)]


def load_predictor(path, *, trusted=(), n_threads=1):
    """Load a model that predicts image files, from a file of `dump` or `to_onnx`.

    Files are read as the pipeline reads them that was saved. Where it does not begin
    with `ReadImages`, they are brought to the size and the channels of the training
    images.

    Parameters
    ----------
    path : str, bytes or path-like
        The file. One that ends in ``.onnx`` is run by onnxruntime (extra ``onnx``).
    trusted : list of type, callable or str, default=()
        As in `load`.
    n_threads : int, default=1
        Number of CPU threads of onnxruntime.

    Returns
    -------
    predictor : Predictor
        With `predict` and `predict_proba` for image files, and `classes_`.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it can't be used, or holds a model that does not predict from images.
    ImportError
        If it is an ONNX file, and onnxruntime is not installed.

    See Also
    --------
    load : Load an estimator from a file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklcnn import CNNClassifier
    >>> from sklcnn.persistence import dump, load_predictor
    >>> X = (load_digits().images[:50] * 15).astype(np.uint8)
    >>> model = CNNClassifier(max_epochs=2, random_state=0)
    >>> path = Path(tempfile.mkdtemp()) / "model.skops"
    >>> dump(model.fit(X, load_digits().target[:50]), path)
    >>> load_predictor(path).predict_proba([X[0], X[1]]).shape
    (2, 10)
    """
    path = as_path(path, name="load_predictor")
    data = read_file(path, name="load_predictor")
    version = hashlib.sha256(data).hexdigest()[:12]
    if path.suffix.lower() == ".onnx":
        return Predictor(*_from_onnx(path, data, n_threads), version)
    estimator = load(path, trusted=trusted)
    if not hasattr(estimator, "predict_proba"):
        raise ValueError(
            "load_predictor expects a model that predicts probabilities. The file "
            f"{str(path)!r} holds a {type(estimator).__name__}."
        )
    return Predictor(*_from_estimator(estimator), version)


def _from_onnx(path, data, n_threads):
    """Make reader, function and classes of an ONNX file."""
    import_onnx(name="load_predictor")
    try:
        facts = read_onnx_facts(data)
        session = make_session(data, n_threads)
    except Exception as error:
        raise ValueError(
            f"load_predictor can't use the file {str(path)!r}: {explain(error)}. "
            "Export the model again by `sklcnn.persistence.to_onnx`."
        ) from error
    dtype = np.dtype(facts["dtype"])

    def predict_images(images):
        images = np.asarray(images[:], dtype=dtype)
        images = images.reshape(len(images), *facts["image_shape"])
        return session.run(["probabilities"], {"images": images})[0]

    reader = _make_reader(facts["image_shape"], dtype, facts["reading"] or {})
    return reader, predict_images, np.array(facts["classes"])


def _from_estimator(estimator):
    """Make reader, function and classes of an estimator."""
    (_, first), *_ = flat_steps("", estimator)
    if isinstance(first, ReadImages):
        return _WithoutReading(first), estimator.predict_proba, estimator.classes_
    parts = take_apart(estimator, name="load_predictor")
    shape = parts.image_shape()
    if None in shape:
        raise ValueError(
            "load_predictor can't tell the size to read images in: the pipeline was "
            "fitted to images of several sizes. Put ReadImages in front of it."
        )
    dtype = np.dtype(parts.pixel_dtype() or "uint8")

    def predict_images(images):
        images = np.asarray(images[:])
        if dtype.kind in "iub":  # as the classifier was trained on, whatever is read
            images = images.astype(dtype, copy=False)
        if parts.is_flat():
            images = images.reshape(len(images), -1)
        return estimator.predict_proba(images)

    return _make_reader(shape, dtype, {}), predict_images, estimator.classes_


class _WithoutReading:
    """Reader of an estimator that reads by itself: gives sources as they are.

    Parameters
    ----------
    step : ReadImages
        The first step of the estimator.
    """

    def __init__(self, step):
        self.step = step

    @property
    def max_pixels(self):
        return self.step.max_pixels

    @max_pixels.setter
    def max_pixels(self, number):
        self.step.max_pixels = number

    def transform(self, sources):
        """Give sources as they are."""
        return sources


def _make_reader(image_shape, dtype, reading):
    """Make a reader of images of a shape and a dtype."""
    mode = COLOR_MODES.get(image_shape[2], "all")
    size = tuple(image_shape[:2])
    name = "float32" if dtype.kind == "f" else "uint8"
    blank = np.zeros(image_shape, "uint16" if dtype.name == "uint16" else name)
    return ReadImages(size, color_mode=mode, **reading).fit([blank])
