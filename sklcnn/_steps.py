"""What all steps of pipelines have in common."""

from sklearn.base import TransformerMixin


class ImageStepMixin(TransformerMixin):
    """Mixin of steps whose images stay images, in whatever a Pipeline puts out."""

    def set_output(self, *, transform=None):
        """Do nothing: images stay images, whatever a Pipeline's output is set to.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Ignored.

        Returns
        -------
        self : object
            The step.
        """
        return self
