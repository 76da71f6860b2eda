"""Any function of scikit-image as a step: `ImageFunction`."""

import inspect

import numpy as np

from sklcnn._arrays import refuse_masked
from sklcnn._sklearn import N_JOBS
from sklcnn.preprocessing._base import BasePreprocessing


class ImageFunction(BasePreprocessing):
    """Apply a function to each image.

    The function's keywords are parameters of the step: given to the constructor, listed
    by `get_params`, set by `set_params`, and searched by `GridSearchCV`, which may also
    set keywords that were not given before. They stay where `function` is set to
    another one, which has to take them as well: search functions with keywords of their
    own as whole steps, for example ``{"imagefunction": [ImageFunction(gaussian,
    sigma=1), ImageFunction(sobel)]}``.

    Parameters
    ----------
    function : callable or None, default=None
        What is done to each image. It takes one of shape (height, width) or (height,
        width, n_channels), first, a copy that it may write to, and returns an image,
        or a vector of features as :func:`skimage.feature.hog` does, always of the same
        shape. What it returns is taken as it is: many functions of scikit-image scale
        pixels to 0 to 1 unless told ``preserve_range=True``. None leaves images alone.
    n_jobs : int or None, default=None
        Number of processes, as in scikit-learn.
    **keywords : dict
        Keywords for the function.

    Attributes
    ----------
    image_shape_ : tuple of (int, int, int)
        Height, width and number of channels in `fit`.
    n_features_in_ : int
        Number of features in `fit`, for flat images.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features in `fit`, for flat images in a data frame.

    See Also
    --------
    sklearn.preprocessing.FunctionTransformer : Apply a function to a whole array.

    Notes
    -----
    A function with keywords named `function` or `n_jobs` needs another name for them:
    wrap it in a function of your own. Such a function has to stand in a module to be
    pickled.

    Examples
    --------
    >>> from skimage.filters import gaussian
    >>> from sklcnn.preprocessing import ImageFunction
    >>> blur = ImageFunction(gaussian, sigma=1, preserve_range=True)
    >>> blur.set_params(sigma=2, mode="reflect").get_params()
    {'function': <function gaussian at ...>, 'n_jobs': None, 'sigma': 2,
     'preserve_range': True, 'mode': 'reflect'}
    """

    _parameter_constraints: dict = {
        "function": [callable, None],
        "n_jobs": N_JOBS,
    }

    def __init__(self, function=None, *, n_jobs=None, **keywords):
        self.function = function
        self.n_jobs = n_jobs
        self._keywords = keywords

    def get_params(self, deep=True):
        """Get the parameters of the step, and the keywords of its function.

        Parameters
        ----------
        deep : bool, default=True
            Ignored: there are no parameters further down.

        Returns
        -------
        params : dict
            Names and values of the parameters.
        """
        return {**super().get_params(deep=False), **self._keywords}

    def set_params(self, **params):
        """Set parameters of the step, and keywords of its function.

        Parameters
        ----------
        **params : dict
            Names and values of the parameters.

        Returns
        -------
        self : object
            The step.
        """
        own = {name: params[name] for name in ("function", "n_jobs") if name in params}
        keywords = {name: params[name] for name in params if name not in own}
        function = own.get("function", self.function)
        self._check_keywords(function, keywords)
        super().set_params(**own)
        self._keywords = {**self._keywords, **keywords}
        return self

    def _check_keywords(self, function, keywords):
        """Check that the function takes the keywords, as far as its signature tells."""
        accepted = _keywords_of(function)
        unknown = [] if accepted is None else sorted(set(keywords) - set(accepted))
        if unknown:
            raise ValueError(
                f"Invalid parameter {unknown[0]!r} for {type(self).__name__}: "
                f"{_name_of(function)} takes the keywords {accepted}. Search functions "
                "with keywords of their own as whole steps, for example "
                "{'imagefunction': [ImageFunction(gaussian, sigma=1), "
                "ImageFunction(sobel)]}."
            )

    def _apply(self, images):
        self._check_keywords(self.function, self._keywords)
        return images if self.function is None else super()._apply(images)

    def _torch_modules(self, image_shape, dtype):
        return [] if self.function is None else None

    def _apply_to_image(self, image):
        # a copy, as it may work in place, and workers get what can't be written to
        result = self.function(np.array(image, order="C"), **self._keywords)
        refuse_masked(result, type(self).__name__)
        if not isinstance(result, np.ndarray) or result.ndim not in (1, 2, 3):
            shape = getattr(result, "shape", "no array")
            raise ValueError(
                f"{type(self).__name__} expects {_name_of(self.function)} to return an "
                "image, or a vector of features. For an image of shape "
                f"{image.shape} it returned {type(result).__name__} ({shape})."
            )
        return result

    def _join(self, images):
        shapes = sorted({image.shape for image in images})
        if len(shapes) > 1:
            raise ValueError(
                f"{type(self).__name__} expects {_name_of(self.function)} to return "
                "images of one shape. Found the shapes "
                f"{', '.join(map(str, shapes[:5]))}. Apply it before the images come "
                "to the step, and bring them to one size with Resize."
            )
        return np.stack(images)


def _keywords_of(function):
    """List the keywords that a function takes, or None where that is not known."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    named = [
        p.name
        for p in parameters
        if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    takes_image = (
        parameters and parameters[0].kind is parameters[0].POSITIONAL_OR_KEYWORD
    )
    return named[1:] if takes_image else named


def _name_of(function):
    return getattr(function, "__name__", repr(function))
