"""What a fitted network is asked for."""

import itertools
import math

import numpy as np
import torch
from scipy.special import log_softmax, softmax
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklcnn._validation import warn_if_out_of_range
from sklcnn.network._batches import padded_batches, pixel_extremes
from sklcnn.network._hardware import torch_threads
from sklcnn.network._memory import explained_memory_error
from sklcnn.network._net import Net

PIXELS_PREDICTED = {"cpu": 2**17, "cuda": 2**22}
"""Aim for the number of pixels, over all channels, in a batch of predictions."""

MOST_PREDICTED = {"cpu": 512, "cuda": 4096}
"""The most images in a batch of predictions."""


class OutputsMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Mixin of the methods that give labels, probabilities, logits and embeddings."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self):
        return self.net_.module_.last_layer.in_features

    def predict(self, X):
        """Predict the class labels of images.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the size and range of those in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Class labels, in the dtype of those in `fit`.
        """
        check_is_fitted(self)
        return self.classes_[self._forward(X, Net.infer).argmax(axis=1)]

    def predict_proba(self, X):
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the size and range of those in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In [0, 1]; columns follow `classes_`.
        """
        check_is_fitted(self)
        return softmax(self._forward(X, Net.infer).astype(np.float64), axis=1)

    def predict_log_proba(self, X):
        """Predict the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the size and range of those in `fit`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            At most 0; columns follow `classes_`.
        """
        check_is_fitted(self)
        return log_softmax(self._forward(X, Net.infer).astype(np.float64), axis=1)

    def decision_function(self, X):
        """Compute logits.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the size and range of those in `fit`.

        Returns
        -------
        logits : ndarray of shape (n_samples, n_classes) or (n_samples,)
            Columns follow `classes_`. For two classes, the logit of the second less
            that of the first.
        """
        check_is_fitted(self)
        logits = self._forward(X, Net.infer)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def transform(self, X):
        """Compute embeddings: what enters the last layer.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the size and range of those in `fit`.

        Returns
        -------
        embeddings : ndarray of shape (n_samples, n_features_out)
            One row an image.
        """
        check_is_fitted(self)
        return self._forward(X, Net.embed)

    @torch.inference_mode()
    def _forward(self, X, function):
        """Apply a method of the net to images, in batches of one fixed size."""
        images = self._check_images(X, reset=False)
        net = self.net_
        net.module_.eval()
        # the size depends on the shape of an image alone: see padded_batches
        kind = torch.device(net.device).type
        aim = PIXELS_PREDICTED[kind] / math.prod(self.image_shape_)
        size = int(np.clip(2 ** round(math.log2(aim)), 16, MOST_PREDICTED[kind]))
        with (
            torch_threads(self.n_jobs),
            explained_memory_error(f"predicting on batches of {size} images. Use"),
        ):
            batches = padded_batches(
                images, size, image_shape=self.image_shape_, device=net.device
            )
            first, n_rows = next(batches)
            # of images that are read by batches, those that are there tell the range
            is_array = isinstance(images, np.ndarray)
            seen = images if is_array else first[:n_rows].cpu().numpy()
            found = pixel_extremes(seen)
            warn_if_out_of_range(found, self._pixel_range, name=type(self).__name__)
            outputs = [
                function(net, batch)[:n_rows].to("cpu", net.dtype)
                for batch, n_rows in itertools.chain([(first, n_rows)], batches)
            ]
        return torch.cat(outputs).numpy()
