"""Predictions averaged over random transforms of the images."""

from numbers import Integral

import numpy as np
import torch
from sklearn import get_config
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    clone,
)
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from sklcnn._classifier import CNNClassifier
from sklcnn._pipelines import flat_steps, unwrap
from sklcnn._pixels import pixel_scale, working_range
from sklcnn._sklearn import BaseSearchCV, Interval, fit_context
from sklcnn._validation import check_images
from sklcnn.augmentation import BaseAugmentation
from sklcnn.images._augmented import Draws

ROWS_AT_ONCE = 1024
"""Number of images that are transformed at a time."""


class TestTimeAugmentation(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Average predictions over random transforms of the images.

    Training is that of the estimator. Probabilities are the mean of those of the images
    themselves and of `n_draws` draws of the estimator's own random steps. It costs
    1 + `n_draws` predictions. Only transforms that keep the label of an image serve: a
    mirrored digit is no digit.

    Parameters
    ----------
    estimator : Pipeline or FrozenEstimator
        Pipeline with random steps before a `CNNClassifier`, or
        ``FrozenEstimator(fitted)`` of a fitted one, which is not trained again. A
        search over such a pipeline serves too.
    n_draws : int, default=8
        Number of random draws, beside the images themselves.
    random_state : int, default=0
        Seed of the draws. All images get the same transforms, so that a prediction
        depends on its own image alone.

    Attributes
    ----------
    estimator_ : object
        The fitted estimator.
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    n_features_in_ : int
        Number of features of flat images; absent otherwise.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features of flat images that were fitted as a data frame.

    See Also
    --------
    CNNClassifier : The classifier whose predictions are averaged.
    sklcnn.augmentation.RandomFlip : Mirror images at random.
    sklearn.frozen.FrozenEstimator : Keep a fitted estimator as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklcnn import CNNClassifier, TestTimeAugmentation
    >>> from sklcnn.augmentation import RandomTranslation
    >>> X = np.zeros((40, 8, 8), dtype=np.uint8)
    >>> X[:20, 2:6] = X[20:, :, 2:6] = 255
    >>> y = np.repeat(["lying", "standing"], 20)
    >>> model = make_pipeline(RandomTranslation(), CNNClassifier(random_state=0))
    >>> TestTimeAugmentation(model, n_draws=4).fit(X, y).predict(X[[0, 39]])
    array(['lying', 'standing'], dtype='<U8')
    """

    __test__ = False  # no test, for pytest

    _parameter_constraints: dict = {
        "estimator": "no_validation",
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(self, estimator, n_draws=8, *, random_state=0):
        self.estimator = estimator
        self.n_draws = n_draws
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, **fit_params):
        """Fit the estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Whatever the estimator takes.
        y : array-like of shape (n_samples,)
            Class labels.
        **fit_params : dict
            Passed to the estimator's `fit`, such as
            ``cnnclassifier__sample_weight``. With metadata routing enabled, what the
            estimator asks for, such as ``groups``.

        Returns
        -------
        self : TestTimeAugmentation
            The fitted estimator.

        Raises
        ------
        TypeError
            If the estimator has no random step right before a `CNNClassifier`.
        """
        _take_apart(self.estimator)
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params).estimator.fit
        self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        return self

    def get_metadata_routing(self):
        """Tell what metadata the estimator asks for, such as sample weights or groups.

        Returns
        -------
        routing : MetadataRouter
            Of scikit-learn.
        """
        methods = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self)
        return router.add(estimator=self.estimator, method_mapping=methods)

    @property
    def classes_(self):
        """Class labels, sorted."""
        return self.estimator_.classes_

    @property
    def n_features_in_(self):
        """Number of features of flat images."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the features of flat images that were fitted as a data frame."""
        return self.estimator_.feature_names_in_

    def predict_proba(self, X):
        """Predict the mean probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Whatever the estimator takes.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In [0, 1]; columns follow `classes_`.
        """
        check_is_fitted(self)
        plain, random, classifier = _take_apart(self.estimator_)
        for step in [*plain, *random]:  # which check names and shapes of features
            X = step.transform(X)
        X = check_images(X, estimator=classifier, reset=False)
        total = np.zeros((X.shape[0], len(classifier.classes_)))
        for start in range(0, X.shape[0], ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            images = np.asarray(X[rows])
            total[rows] = classifier.predict_proba(images)
            for drawn in self._draw(images, random, classifier):
                total[rows] += classifier.predict_proba(drawn)
        return total / (1 + self.n_draws)

    def _draw(self, images, random, classifier):
        """Transform images, once for each draw."""
        shape = classifier.image_shape_
        scale = pixel_scale(images.dtype)
        real = np.float64 if images.dtype == np.float64 else np.float32
        batch = torch.from_numpy(images.reshape(-1, *shape).astype(real) * real(scale))
        pixel_range = working_range(*classifier._network.pixel_range)
        rows = np.zeros(len(images), dtype=np.intp)  # the same transform for all
        for number in range(self.n_draws):
            counters = (self.random_state, number)
            draws = Draws(random, np.zeros(1, np.int64), counters, pixel_range, scale)
            yield draws(batch, rows).numpy().reshape(images.shape)

    def predict(self, X):
        """Predict the class labels of images.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Whatever the estimator takes.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Class labels, in the dtype of those in `fit`.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_log_proba(self, X):
        """Predict the logarithms of the mean probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Whatever the estimator takes.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            At most 0; columns follow `classes_`.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        return tags


def _take_apart(estimator):
    """Split a pipeline into plain steps, random steps and the classifier."""
    inner = unwrap(estimator)
    if isinstance(inner, BaseSearchCV):  # which is not fitted
        inner = unwrap(inner.estimator)
    *steps, last = [step for _, step in flat_steps(inner)] or [None]
    random = [step for step in steps if isinstance(step, BaseAugmentation)]
    plain = steps[: len(steps) - len(random)]
    is_in_order = not any(isinstance(step, BaseAugmentation) for step in plain)
    if not (random and is_in_order and isinstance(last, CNNClassifier)):
        raise TypeError(
            "TestTimeAugmentation expects a Pipeline with random steps of "
            "sklcnn.augmentation right before a CNNClassifier. Got "
            f"{estimator!r} instead. Put the transforms that keep the labels of your "
            "images, such as RandomFlip(), right before the classifier."
        )
    return plain, random, last
