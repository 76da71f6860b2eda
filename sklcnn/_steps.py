"""Output containers and feature names of the steps of pipelines."""

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklcnn._rows import with_index
from sklcnn._sklearn import (
    CallbackSupportMixin,
    check_feature_names_in,
    get_container_adapter,
)


class ImageStepMixin(CallbackSupportMixin, TransformerMixin):
    """Mixin of steps whose images stay images, in whatever a Pipeline puts out.

    A step whose output has columns (flat images, or features) counts them in
    `_n_features_out`, and passes it through `in_container`.
    """

    _n_features_out = None

    def __init_subclass__(cls, **options):
        # scikit-learn would make a data frame of everything, images included
        super().__init_subclass__(auto_wrap_output_keys=None, **options)

    def set_output(self, *, transform=None):
        """Choose the container of flat images and of features: images stay images.

        Images that were made of rows of a data frame keep its index, so that the
        estimator after them can put it on its output.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            The container. None leaves it as it is.

        Returns
        -------
        self : object
            The step.
        """
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    def get_feature_names_out(self, input_features=None):
        """Name the columns that come out.

        Images have none. They are named after what they are made of, such as the column
        of their paths, so that names can be asked for through a whole pipeline.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of what goes in. By default those seen in `fit`, if there were any.

        Returns
        -------
        feature_names_out : ndarray of str objects
            The step's name with a number for each flat pixel or feature that it
            computes; of images `input_features`, or "images" where they have no name.
        """
        check_is_fitted(self)
        if input_features is not None or hasattr(self, "n_features_in_"):
            input_features = check_feature_names_in(self, input_features)
        if self._n_features_out is not None:
            prefix = type(self).__name__.lower()
            names = [f"{prefix}{number}" for number in range(self._n_features_out)]
            return np.array(names, dtype=object)
        if input_features is None:
            return np.array(["images"], dtype=object)
        return input_features


def in_container(output, X, step):
    """Put flat images or features into the container that `set_output` asks for.

    Parameters
    ----------
    output : ndarray of shape (n_samples, n_features)
        What the step has computed.
    X : object
        What it was given.
    step : ImageStepMixin
        The step.

    Returns
    -------
    output : ndarray or data frame of shape (n_samples, n_features)
        A frame of pandas has the index of `X`, where it is known.
    """
    adapter = get_container_adapter("transform", step)
    if adapter is None:
        return output
    output = with_index(output, X, step)
    return adapter.create_container(output, X, columns=step.get_feature_names_out)
