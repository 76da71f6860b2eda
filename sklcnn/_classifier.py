"""The classifier."""

import os
import types
from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklcnn._calibrated import calibrate_after, calibrate_before, hold_out
from sklcnn._label_arrays import as_labels
from sklcnn._pretrained import weights_finder
from sklcnn._rows import with_index
from sklcnn._saved_state import restore_network, with_plain_paths
from sklcnn._sklearn import (
    N_JOBS,
    CallbackSupportMixin,
    Interval,
    StrOptions,
    begin_epoch,
    begin_fit,
    check_partial_fit_first_call,
    end_task,
    fit_context,
)
from sklcnn._training_data import (
    check_groups,
    check_network_parameters,
    check_training_data,
)
from sklcnn._transaction import transaction
from sklcnn._validation import (
    check_image_shape,
    check_images,
    check_sizes,
    resolve_image_shape,
)
from sklcnn._validation_data import add_validation, set_rows_aside
from sklcnn.checkpoints import find_checkpoints, resume, save_first, saver
from sklcnn.network import (
    BEGUN_WITH,
    LR_SCHEDULES,
    OPTIMIZERS,
    DivergenceError,
    build_network,
    channel_statistics,
    check_callbacks,
    check_numbers,
    check_outputs,
    check_same_network,
    is_made_of,
    is_solved_at_once,
    log_softmax_in_place,
    make_net,
    number_likeliest,
    one_at_a_time,
    plain,
    plain_record,
    plan_epoch,
    plan_training,
    release_memory,
    resolve_precision,
    resolve_verbose,
    set_formats,
    set_statistics,
    softmax_in_place,
    use_best_weights,
    warn_if_steps_are_set,
    widen_range,
)


class CNNClassifier(
    ClassNamePrefixFeaturesOutMixin,
    ClassifierMixin,
    TransformerMixin,
    CallbackSupportMixin,
    BaseEstimator,
):
    """Convolutional network for image classification.

    Blocks of convolution, pooling, batch normalization and ReLU, then fully-connected
    layers, trained with cross-entropy and stochastic gradient descent. Pixels are
    standardized inside the network, with the mean and standard deviation of each
    channel of the training images.

    Parameters
    ----------
    image_shape : tuple of int, default=None
        Shape of flat images, `(height, width)` or `(height, width, n_channels)`.
        Without it, a square number of features is a square gray image and any other
        number is one row of pixels.
    network : str or callable, default="convnet"
        The network: "convnet" is the built-in one; a name is that of a network of
        torchvision, such as "resnet18", or of timm, such as "timm/resnet18": see
        :func:`sklcnn.available_networks`. A callable takes the number of channels and
        of classes and returns a `torch.nn.Module` from standardized images of shape
        `(n, n_channels, height, width)` to logits of shape `(n, n_classes)`; it is
        tried on two images of noise. It must be importable for the classifier to be
        pickled. The parameters from
        `conv_channels` to `stride` describe the built-in network only; a warning
        names those that are set beside another one.
    weights : str, path-like, FrozenEstimator or None, default=None
        Weights to begin with, in all layers but the last. "DEFAULT", or another name
        that `available_networks` lists, takes those of torchvision or timm, which are
        downloaded once to their usual cache. A path is that of a file of weights
        (`.safetensors`, `.pt` or `.pth`, read without running code) or of a classifier
        that `dump` saved (`.skops`). `FrozenEstimator(fitted)` of
        :mod:`sklearn.frozen` takes those of a fitted classifier. None draws weights.
    freeze : bool, default=False
        Whether to train the last layer alone. Without random steps, `mixup` and
        `cutmix`, images go through the other layers once, and the last layer is solved:
        see Notes. A warning then names parameters that are set and have no effect.
    n_frozen_epochs : int, default=0
        Number of epochs with a frozen body before all layers are trained, beside the
        first one: see Notes.
    backbone_learning_rate_factor : float or "auto", default="auto"
        Factor of the learning rate of all layers but the last; "auto" is 1.
    image_size : int, pair of ints, "network" or None, default=None
        Height and width in pixels that images are resized to within the network, on
        its device; "network" is the size that the weights of a named network were
        trained on. Nothing is cut off. None leaves images as they are. In training,
        images that random steps interpolate are enlarged in the same interpolation.
    standardize : {"auto", "weights", "images"}, default="auto"
        Mean and standard deviation of each channel by which pixels are standardized:
        those that `weights` were trained with, or those of the training images. "auto"
        is the former where there are weights and pixels fill at least a quarter of the
        range of 0 to 1.
    conv_channels : sequence of int or "auto", default="auto"
        Number of channels of each block of convolution, pooling, batch normalization
        and ReLU. "auto" is (16, 32, 64, 128), with further blocks of 128 for sides that
        they would leave larger than 4 pixels.
    kernel_size : int, default=3
        Side of the square kernels, in pixels.
    pool_size : int, default=2
        Side of the square windows of max pooling, in pixels; 1 does not pool. The last
        blocks pool, as many as leave a side of at least 2 pixels; the first one only
        where the others leave more than 4.
    hidden_units : sequence of int, default=(128,)
        Number of units of each fully-connected layer before the last.
    dropout : float, default=0.0
        Share of the units of each fully-connected layer that is dropped in training,
        in [0, 1).
    batch_norm : bool, default=True
        Whether to normalize the output of convolutions over the batch.
    stride : int or "auto", default="auto"
        Stride of the first convolution, in pixels; from 2 on, its kernel is twice as
        wide. "auto" is 1, for sides from 48 pixels on 2, and from 96 pixels on 4.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, `{label: weight}`, multiplied with the weights of
        the images; "balanced" weights classes inversely to their frequency.
    label_smoothing : float, default=0.0
        Share of the probability that is spread over all classes in the targets, in
        [0, 1).
    mixup : float, default=0.0
        Parameter of the Beta distribution from which the shares are drawn in which
        training images and their labels are mixed; 0 is off, 0.2 is usual [2]_.
    cutmix : float, default=0.0
        The same for the size of the rectangle that is taken from another training
        image; 0 is off, 1 is usual [3]_. With `mixup`, each batch draws one of them.
    optimizer : {"auto", "sgd", "adamw"}, default="auto"
        Stochastic gradient descent with momentum, or AdamW. "auto" is AdamW for a
        named network with `weights`, else "sgd".
    learning_rate : float or "auto", default="auto"
        Learning rate; the largest one where `lr_schedule` changes it. "auto" is 0.05
        for "sgd" and 0.001 for "adamw"; with `weights`, 0.02 and 0.001; with those of a
        named network, 0.002 and 0.0001, which rises with the root of the number of
        images from 300 on, up to three times.
    momentum : float, default=0.9
        Momentum of "sgd", in [0, 1).
    nesterov : bool, default=True
        Whether "sgd" uses Nesterov's momentum.
    weight_decay : float or "auto", default="auto"
        Strength of the pull of the weights towards zero. "auto" is 0.2 divided by the
        sum of the learning rates of all steps, so that trainings of any length pull
        alike, and at most 0.02; in `partial_fit`, which knows no length, it is 5e-4.
    lr_schedule : {"onecycle", "cosine", "constant"}, default="onecycle"
        How the learning rate changes from step to step: up and down again along
        cosines, down along a cosine, or not at all. `partial_fit` keeps it constant.
    batch_size : int or "auto", default="auto"
        Largest number of images in a training step. "auto" is a power of two near
        `n_samples / 50`, between 16 and 128.
    max_epochs : int or "auto", default="auto"
        Number of passes over the training images. "auto" is 7 epochs; for few images
        it is as many as make 1,000 steps, at most 50. With random steps, `mixup` or
        `cutmix` it is 10; for few images as many as make 3,000 steps, at most 150. For
        a named network with `weights` it is 6, of which the first one solves the last
        layer.
    early_stopping : bool, default=False
        Whether to set images aside for validation, stop when their loss no longer
        falls, and keep the weights of the epoch where it was smallest. With a schedule
        whose learning rate falls, this begins where the rate is under a tenth of its
        peak: before that, the loss is still to fall. Weights of before are kept only if
        they are more accurate by two standard errors, as with many wrong labels.
    validation_fraction : float, default=0.1
        Share of the images, of each class alike, that `early_stopping` sets aside, in
        (0, 1). Classes of one image stay in training.
    n_iter_no_change : int, default=5
        Number of epochs without improvement after which `early_stopping` stops.
    tol : float, default=1e-4
        By how much the validation loss must fall to count as an improvement.
    calibration_fraction : float, default=0.5
        Share of the images, at most 500 of them, on which the probabilities are
        calibrated, in [0, 0.5]; 0 is off. Of 10,000 images or more, they are left out
        of the training. Of fewer, an auxiliary network is trained without them, for a
        quarter of the epochs, but at least 5; where they are half of the images, a
        second one is trained on them alone, and calibrated on the others.
    device : str, default="auto"
        "cpu", "cuda", "cuda:<index>", another device that torch knows, such as "mps" or
        "xpu", or "auto", which is CUDA where it is available, else the CPU. Where there
        are several GPUs, "auto" gives the workers of joblib and Dask one each in turn.
    precision : {"auto", "float32", "bfloat16", "float64"}, default="auto"
        Number format of training and prediction. "auto" trains in bfloat16 where the
        hardware multiplies it in silicon, and predicts in float32. Weights are float32
        but for "float64".
    compile : bool, default=False
        Whether to train through :func:`torch.compile`, on a GPU with CUDA graphs. It
        takes up to a minute once, needs a compiler and rounds differently. Meant for
        small networks on a GPU, where starting kernels takes longer than running them.
    n_jobs : int, default=None
        Number of CPU threads; None is 1 and -1 all cores. Results are reproducible only
        for the same number of threads. In a forked process it is 1, with a warning.
    checkpoint_dir : path-like, default=None
        Folder in which `fit` keeps the state of training after its epochs. The same
        `fit`, called again after it was killed, goes on from there, and one that was
        finished is loaded: see Notes.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last call.
    callbacks : list of skorch callbacks, default=None
        Callbacks of the skorch net that does the training. `LRScheduler` sets the
        learning rate in place of `lr_schedule`. Validation losses are there with
        `early_stopping` or `X_val`.
    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the images, dropout and the images
        set aside. An int makes results on a CPU the same to the last bit; None draws a
        seed from numpy's global generator.
    verbose : int or "auto", default="auto"
        1 shows a progress bar over the epochs, and how large `checkpoint_dir` is; 0
        shows nothing. "auto" shows the bar in a terminal or a notebook, for trainings
        of over 3 seconds, while they last.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    image_shape_ : tuple of three ints
        Height, width and number of channels of the images.
    net_ : skorch.NeuralNetClassifier
        The fitted skorch net, with class numbers for labels; it can be trained on.
        `net_.module_` is the network, which takes pixels of shape `(n, height, width,
        n_channels)` as they are and returns logits.
    history_ : list of dict
        For each epoch: `train_loss`, `learning_rate` (of its last step), `seconds`,
        with validation `valid_loss` and `valid_accuracy`, and what `callbacks` record.
    n_iter_ : int
        Number of epochs trained.
    resolved_params_ : dict
        What the parameters that are "auto" came to, but for `verbose`. `precision` is
        that of training.
    temperature_ : float
        What logits are divided by: over 1 where the network would be too sure of itself
        on images it was not trained on, under 1 where it would not be sure enough.
    best_epoch_ : int
        Position in `history_`, from 0, of the epoch whose weights were kept.
    n_features_in_ : int
        Number of features of flat images; absent otherwise.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features of flat images that were fitted as a data frame.

    See Also
    --------
    available_networks : List networks by name.
    CNNFeatures : Embeddings of a pretrained network, for any other estimator.
    TestTimeAugmentation : Average predictions over random transforms.
    sklearn.neural_network.MLPClassifier : Fully-connected network on flat features.

    Notes
    -----
    The learning rate schedule "onecycle" is that of [1]_ without its cycle of momentum.
    Pickles hold the weights as numpy arrays, in float32 but for `precision="float64"`,
    and not the state of the optimizer: after loading, `partial_fit` starts with fresh
    momentum.

    For a named network with `weights`, and with ``freeze=True``, the first epoch solves
    the last layer:
    images go through the other layers once, in evaluation mode and without random
    steps, and the last layer minimizes the cross-entropy of these features with an L2
    penalty, as :class:`~sklearn.linear_model.LogisticRegression` does. With
    ``weight_decay="auto"`` the penalty is that of the least cross-entropy in 5 folds of
    (at most 2,000) training images. With ``freeze=True`` and nothing random, that is
    all of the training. Else all layers train from there, batch normalization in
    evaluation mode, or the last layer alone on random draws. Networks whose outputs are
    no linear function of one layer's inputs train the last layers for a quarter of the
    epochs instead. Features beyond 2 GB lie in a temporary file.

    A network that has learnt its training images by heart is too sure of itself on
    others. So logits are divided by a temperature [4]_, which leaves the predicted
    class as it is. It is fitted to at least 50 images that the network was not trained
    on: those of `early_stopping` or `X_val`, or else those that `calibration_fraction`
    sets aside, with whole `groups`. Of fewer than 10,000 images, none can be spared:
    auxiliary networks of the same layers are trained without them and not kept, and the
    classifier itself trains on all. Its temperature is that of the auxiliary networks,
    times the ratio of the spread of its logits to that of theirs, on images that they
    were trained on. So it is, too, where groups are so large that more than 1,000
    images would be set aside. With `warm_start`, the temperature of the fit before
    follows the spread of the logits. It is 1 where there are fewer than 50 such images,
    with `freeze`, with `weights` or fewer than 5 epochs where an auxiliary network
    would be needed, and, with a warning, where classes or groups can't be shared out;
    `partial_fit` leaves it as it is. On images of another kind than those in `fit`, a
    network may still be too sure of itself.

    Where `fit` or `partial_fit` fails or is interrupted, by Ctrl-C say, what was
    finished stays: the network of the last epoch that ended, with `n_iter_` and
    `history_` to match, or all of an earlier fit where none did. The exception is then
    raised. Several threads may predict at a time; those that predict while another one
    trains the same network wait for the end of its epoch. A fork waits for the end of
    other threads' batches, 10 seconds at most.

    Where a GPU runs out of memory, training batches go through the network in 2 parts,
    or 4 and so on, whose gradients are summed: the same step to rounding, but that
    batch normalization sees one part at a time and its running statistics also count
    the batch that failed.

    With `checkpoint_dir`, the state of a training lies under a hash of all that its
    result depends on: parameters, the seed, images, labels, weights, kind of device and
    versions. So any number of trainings, as those of a search, in any number of
    processes and machines, share a folder. On a CPU, a training that was killed
    and is called again gives the weights of one that was not, to the last bit. In
    detail:

    - `random_state` must be given: without, every call is another training. A warning
      says so, and the folder is not used.
    - With ``lr_schedule="constant"`` and a number as `weight_decay`, a training with
      more `max_epochs` goes on where one with fewer ended. With the other schedules,
      and with ``weight_decay="auto"``, each epoch depends on how many there are.
    - Nothing is written while less than 50 times as long as the last write took has
      gone by since. A folder that can't be written to is an error as training begins,
      and a warning later on; a full disk and a damaged file are warnings at any time.
    - Image files are identified by path, size and dates, not by content. Arrays are
      hashed, which takes a second for some 1 GB; arrays that are read from disk are
      read once for that.
    - A network is identified as it was built: by its layers, their attributes and
      initial weights, by the source of the files of layers of one's own, and by what
      the untrained network makes of two images. Where an attribute can't be described,
      such as a lock, or a class has no source, a warning says so, and the folder is not
      used. What the network keeps must be in its `state_dict`.
    - Trainings that `ShareBatches` shares out are not kept.
    - The folder must be trusted as a file of a model must: whoever writes to it decides
      what is loaded. Nothing in it is executed.
    - What `callbacks` hold is not kept. With them, only finished trainings are; they
      are called for epochs that are trained, and not for those that are loaded.
    - `partial_fit`, and `fit` where it goes on by `warm_start`, use no checkpoints.
    - :func:`sklcnn.persistence.clear_checkpoints` removes them.

    References
    ----------
    .. [1] L. N. Smith and N. Topin, "Super-convergence: very fast training of neural
       networks using large learning rates", 2018.
    .. [2] H. Zhang et al., "mixup: Beyond empirical risk minimization", 2018.
    .. [3] S. Yun et al., "CutMix: Regularization strategy to train strong classifiers
       with localizable features", 2019.
    .. [4] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern
       neural networks", 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklcnn import CNNClassifier
    >>> digits = load_digits()
    >>> X, y = digits.images[:300], digits.target[:300]
    >>> model = CNNClassifier(random_state=0).fit(X[:200], y[:200])
    >>> model.score(X[200:], y[200:]) > 0.9
    True
    """

    __metadata_request__fit = {"groups": True}  # as a splitter of groups is given, too
    _parameter_constraints: dict = {
        "image_shape": ["array-like", None],
        "network": [str, callable],
        "weights": [str, os.PathLike, BaseEstimator, None],
        "freeze": ["boolean"],
        "n_frozen_epochs": [Interval(Integral, 0, None, closed="left")],
        "backbone_learning_rate_factor": [
            Interval(Real, 0, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "image_size": [
            Interval(Integral, 1, None, closed="left"),
            "array-like",
            StrOptions({"network"}),
            None,
        ],
        "standardize": [StrOptions({"auto", "weights", "images"})],
        "conv_channels": ["array-like", StrOptions({"auto"})],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "pool_size": [Interval(Integral, 1, None, closed="left")],
        "hidden_units": ["array-like"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_norm": ["boolean"],
        "stride": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "mixup": [Interval(Real, 0, None, closed="left")],
        "cutmix": [Interval(Real, 0, None, closed="left")],
        "optimizer": [StrOptions({"auto", *OPTIMIZERS})],
        "learning_rate": [
            Interval(Real, 0, 1e30, closed="right"),
            StrOptions({"auto"}),
        ],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "nesterov": ["boolean"],
        "weight_decay": [Interval(Real, 0, 1e30, closed="both"), StrOptions({"auto"})],
        "lr_schedule": [StrOptions(set(LR_SCHEDULES))],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "max_epochs": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "calibration_fraction": [Interval(Real, 0, 0.5, closed="both")],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "bfloat16", "float64"})],
        "compile": ["boolean"],
        "n_jobs": N_JOBS,
        "checkpoint_dir": [str, os.PathLike, None],
        "warm_start": ["boolean"],
        "callbacks": [list, tuple, None],
        "random_state": ["random_state"],
        "verbose": ["verbose", StrOptions({"auto"})],
    }

    def __init__(
        self,
        *,
        image_shape=None,
        network="convnet",
        weights=None,
        freeze=False,
        n_frozen_epochs=0,
        backbone_learning_rate_factor="auto",
        image_size=None,
        standardize="auto",
        conv_channels="auto",
        kernel_size=3,
        pool_size=2,
        hidden_units=(128,),
        dropout=0.0,
        batch_norm=True,
        stride="auto",
        class_weight=None,
        label_smoothing=0.0,
        mixup=0.0,
        cutmix=0.0,
        optimizer="auto",
        learning_rate="auto",
        momentum=0.9,
        nesterov=True,
        weight_decay="auto",
        lr_schedule="onecycle",
        batch_size="auto",
        max_epochs="auto",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        tol=1e-4,
        calibration_fraction=0.5,
        device="auto",
        precision="auto",
        compile=False,
        n_jobs=None,
        checkpoint_dir=None,
        warm_start=False,
        callbacks=None,
        random_state=None,
        verbose="auto",
    ):
        self.image_shape = image_shape
        self.network = network
        self.weights = weights
        self.freeze = freeze
        self.n_frozen_epochs = n_frozen_epochs
        self.backbone_learning_rate_factor = backbone_learning_rate_factor
        self.image_size = image_size
        self.standardize = standardize
        self.conv_channels = conv_channels
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.stride = stride
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.mixup = mixup
        self.cutmix = cutmix
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.calibration_fraction = calibration_fraction
        self.device = device
        self.precision = precision
        self.compile = compile
        self.n_jobs = n_jobs
        self.checkpoint_dir = checkpoint_dir
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, groups=None, *, X_val=None, y_val=None):
        """Train a network on images `X` and labels `y`.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width), \
                (n_samples, height, width, n_channels) or (n_samples, n_features)
            Images of any numeric dtype. uint8 and uint16 count as 0 to 1, bool as 0
            and 1, everything else is taken as it is.
        y : array-like of shape (n_samples,)
            Class labels of any kind.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the images, not negative.
        groups : array-like of shape (n_samples,), default=None
            Groups of images, such as those of one patient, which `early_stopping` and
            `calibration_fraction` set aside together.
        X_val : array-like of shape (n_val_samples, ...), default=None
            Images to validate on, in place of some that are set aside: for
            `early_stopping`, or to have their loss and accuracy in `history_`. In a
            Pipeline, ``transform_input=["X_val"]`` takes them through the steps before.
            scikit-learn cuts what is as long as `X` into folds: cross-validation does
            so with an `X_val` of that length.
        y_val : array-like of shape (n_val_samples,), default=None
            Their labels.

        Returns
        -------
        self : CNNClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If the images, labels, weights or parameters are not valid, the device is
            not there, or training diverges.
        MemoryError
            If a GPU has no room even for a single image of a batch: where it only has
            none for all of them at once, they go through the network in parts, and a
            warning says so.
        OSError
            If `checkpoint_dir` can't be written to.
        """
        inputs = {"X": X, "y": y, "metadata": {"sample_weight": sample_weight}}
        with transaction(self) as attempt, attempt:
            continues = self.warm_start and self.__sklearn_is_fitted__()
            seed = self._seed if continues else self._draw_seed()
            data, classes, image_shape = self._check_data(
                X,
                y,
                sample_weight,
                classes=self.classes_ if continues else None,
                reset=not continues,
            )
            data.groups = check_groups(groups, data)
            if X_val is not None or y_val is not None:
                data = add_validation(data, classes, image_shape, X_val, y_val, self)
            network = None if continues else self._build(image_shape, classes, seed)
            parameters = self.get_params(deep=False)
            is_solved = not continues and is_solved_at_once(network, data, parameters)
            if is_solved:
                warn_if_steps_are_set(parameters, _DEFAULTS, name=type(self).__name__)
            elif self.early_stopping and data.valid is None:
                data = set_rows_aside(data, classes, self.validation_fraction, seed)
            data, held_out = hold_out(data, classes, self, seed)
            if continues:
                net, checkpoints = self._continue(data), None
            else:
                net, checkpoints = self._begin(network, data, classes, seed)
            with one_at_a_time(net.network) as turn, turn:
                training = plan_training(net, data, parameters)
                resume(training, checkpoints)
                save_first(training, checkpoints)
                calibrate_before(training, data, held_out, classes, self)
                try:
                    self._train(attempt, training, classes, checkpoints, inputs)
                finally:  # also what an interrupt leaves is calibrated
                    calibrate_after(training, data, held_out, self)
        release_memory(net.device)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one more epoch, at the constant `learning_rate`.

        Parameters of the training may change from call to call; another `optimizer`,
        `device` or number format begins with fresh momentum. Those that the network
        depends on are an error.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images as in `fit`. The first call learns their mean and standard deviation.
        y : array-like of shape (n_samples,)
            Class labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that `y` may ever hold; needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the images, not negative.

        Returns
        -------
        self : CNNClassifier
            The classifier.

        Raises
        ------
        ValueError
            As in `fit`; if `classes` are missing in the first call, or others in a
            later one; or if a parameter that the network depends on has changed.
        MemoryError
            As in `fit`.
        """
        if classes is not None:
            classes = as_labels(classes, name=type(self).__name__)
        with transaction(self) as attempt, attempt:
            known = types.SimpleNamespace(classes_=getattr(self, "classes_", None))
            begins = check_partial_fit_first_call(known, classes)
            data, classes, image_shape = self._check_data(
                X,
                y,
                sample_weight,
                classes=known.classes_,
                reset=begins,
                is_part=True,
            )
            if begins:
                seed = self._draw_seed()
                network = self._build(image_shape, classes, seed)
                net = self._begin(network, data, classes, seed, keep=False)[0]
            else:
                self._check_same_network("partial_fit")
                widen_range(self._network, data, name=type(self).__name__)
                net = self._take_net()
            with one_at_a_time(net.network) as turn, turn:
                training = plan_epoch(net, data, self.get_params(deep=False))
                self._train(attempt, training, classes)
        return self

    def _check_data(self, X, y, sample_weight, *, classes, reset, is_part=False):
        """Check images, labels and weights, as `check_training_data` does."""
        check_network_parameters(self)
        images, image_shape = self._check_images(X, reset=reset)
        data, classes = check_training_data(
            X, images, y, sample_weight, classes, self, is_part=is_part
        )
        return data, classes, image_shape

    def _check_images(self, X, *, reset):
        """Check images, and find or compare their shape."""
        name = type(self).__name__
        if reset:
            check_sizes(self.image_shape, (2, 3), "image_shape", name=name)
        images = check_images(plain(X), estimator=self, reset=reset)
        if reset:
            shape = resolve_image_shape(images.shape, self.image_shape, name=name)
            return images, shape
        check_image_shape(images.shape, self.image_shape_, name=name)
        return images, self.image_shape_

    def _draw_seed(self):
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _build(self, image_shape, classes, seed):
        """Build a network."""
        name, parameters = type(self).__name__, self.get_params(deep=False)
        return build_network(
            parameters,
            image_shape,
            len(classes),
            seed=seed,
            name=name,
            find=weights_finder(self.weights, name=name, freeze=self.freeze),
        )

    def _begin(self, network, data, classes, seed, *, keep=True):
        """Make the net that trains a new network, and look up checkpoints."""
        name, parameters = type(self).__name__, self.get_params(deep=False)
        image_shape = network.spec.image_shape
        checkpoints, statistics = None, None
        if keep:
            known = {"classes": classes, "seed": seed}
            checkpoints = find_checkpoints(parameters, data, network, **known)
            statistics = checkpoints and checkpoints.statistics
        if not statistics:
            images = plain(data.images)
            statistics = channel_statistics(images, data.weights, image_shape)
        dtype = plain(data.images).dtype
        set_statistics(network, statistics, parameters, dtype=dtype, name=name)
        if checkpoints is not None:
            checkpoints.statistics = [np.asarray(part).tolist() for part in statistics]
        return make_net(network, parameters, seed=seed), checkpoints

    def _continue(self, data):
        """Make a net that trains the network further, by the parameters as set."""
        self._check_same_network("fit")
        widen_range(self._network, data, name=type(self).__name__)
        return self._make_net()

    def _check_same_network(self, method):
        """Check that parameters describe the network at hand."""
        options = {"name": type(self).__name__, "method": method}
        parameters = self.get_params(deep=False)
        check_same_network(self._network, parameters, self._begun_with, **options)

    def _make_net(self):
        """Make the net that trains the network at hand, by the parameters as set."""
        name, parameters = type(self).__name__, self.get_params(deep=False)
        set_formats(self._network, parameters, name=name)
        history = self._history()
        return make_net(self._network, parameters, seed=self._seed, history=history)

    def _take_net(self):
        """Give the net at hand, or one made anew where its parameters changed."""
        net, asked = self.net_, list(self.callbacks or ())
        has_changed = list(net.asked_callbacks or ()) != asked
        callbacks = asked if has_changed else net.callbacks
        if not is_made_of(net, self.get_params(deep=False)):
            net = self._make_net()
        elif not has_changed:
            return net
        net.set_params(callbacks=callbacks)
        net.verbose = resolve_verbose(self.verbose, callbacks)
        net.asked_callbacks = asked
        return net

    def _train(self, attempt, training, classes, checkpoints=None, inputs=None):
        """Train, and keep what was trained.

        Parameters
        ----------
        attempt : transaction
            Keeps the epochs that ended where training is interrupted.
        training : Training
            What to train.
        classes : ndarray of shape (n_classes,)
            Class labels.
        checkpoints : Checkpoints or None
            Where to save to.
        inputs : dict or None
            Inputs of `fit`, for callbacks of scikit-learn; None calls none.
        """
        net, options = training.net, {}
        fitted = {"_network": net.network, "_net": net, "classes_": classes}
        fitted["_seed"] = net.seed
        fitted["_begun_with"] = {name: getattr(self, name) for name in BEGUN_WITH}
        net.plan = net.plan | {"class labels": classes.tolist()}
        attempt.begin(training, fitted)
        if checkpoints is not None and checkpoints.is_finished:
            use_best_weights(training)
            attempt.keep()
            return
        if inputs is not None:
            root = begin_fit(self, training.n_epochs, **inputs)
            options["begin_epoch"] = lambda: begin_epoch(root, self, **inputs)
            options["end_epoch"] = lambda task: end_task(task, self, fitted, **inputs)
        if checkpoints is not None:
            options["save"] = saver(checkpoints)
        try:
            net.run_training(
                training, n_jobs=self.n_jobs, progress=self.verbose, **options
            )
        except DivergenceError:  # it would diverge again
            if checkpoints is not None:
                checkpoints.discard()
            raise
        attempt.keep()
        if inputs is not None:
            end_task(root, self, fitted, **inputs)

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

        Raises
        ------
        ValueError
            If images are not valid or of another size than in `fit`, or if the outputs
            of the network are not finite.
        """
        numbers = self._run("logits", X, finish=number_likeliest)
        check_numbers(numbers, name=type(self).__name__)
        return self.classes_[numbers]

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
        return softmax_in_place(self._logits(X))

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
        return log_softmax_in_place(self._logits(X))

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
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def transform(self, X):
        """Compute embeddings: what enters the layer that makes the logits.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the size and range of those in `fit`.

        Returns
        -------
        embeddings : ndarray of shape (n_samples, n_features_out)
            One row an image.
        """
        return with_index(self._run("embeddings", X), X, self)

    def _logits(self, X):
        """Compute logits in float64, as probabilities are."""
        logits = self._run("logits", X, dtype=np.float64)
        check_outputs(logits, name=type(self).__name__)
        return logits

    def _run(self, method, X, **options):
        """Ask the fitted network."""
        check_is_fitted(self)
        images, _ = self._check_images(X, reset=False)
        name = type(self).__name__
        options |= {"n_jobs": self.n_jobs, "name": name}
        return getattr(self._network, method)(images, **options)

    def __sklearn_is_fitted__(self):
        return "_network" in vars(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self):
        return self._network.n_features

    @property
    def image_shape_(self):
        """Height, width and number of channels of the images, a tuple."""
        return self._of_fitted("image_shape_").spec.image_shape

    @property
    def net_(self):
        """The skorch net, made when it is first asked for after loading."""
        network = self._of_fitted("net_")
        if "_net" not in vars(self):
            self._validate_params()
            check_callbacks(self.callbacks, name=type(self).__name__)
            _, bfloat16 = resolve_precision(self.precision, network.device)
            network.bfloat16 = bfloat16[0], network.bfloat16[1]
            parameters = self.get_params(deep=False)
            self._net = make_net(
                network, parameters, seed=self._seed, history=self._epochs
            )
            self._net.best_epoch = self._best_epoch
        return self._net

    @property
    def history_(self):
        """Records of the epochs, a list of dict."""
        self._of_fitted("history_")
        return [
            {key: value for key, value in record.items() if _is_public(key)}
            for record in self._history()
        ]

    @property
    def n_iter_(self):
        """Number of epochs trained."""
        self._of_fitted("n_iter_")
        return len(self._history())

    @property
    def temperature_(self):
        """Temperature by which logits are divided."""
        return self._of_fitted("temperature_").module.temperature

    @property
    def best_epoch_(self):
        """Position in `history_` of the epoch whose weights were kept."""
        self._of_fitted("best_epoch_")
        best = self._net.best_epoch if "_net" in vars(self) else self._best_epoch
        return self.n_iter_ - 1 if best is None else best

    def _history(self):
        """Records of the epochs, of plain values."""
        if "_net" not in vars(self):
            return self._epochs
        return [plain_record(record) for record in self._net.history]

    def _of_fitted(self, attribute):
        """Give the fitted network to an attribute that only a fitted estimator has."""
        if not self.__sklearn_is_fitted__():
            name = type(self).__name__
            raise AttributeError(f"{name!r} object has no attribute {attribute!r}")
        return self._network

    def _sealed(self):
        """Give what the digest of the saved state covers beside the network."""
        return {"classes_": self.classes_, "_seed": self._seed}

    def __getstate__(self):
        state = with_plain_paths(super().__getstate__())
        if self.__sklearn_is_fitted__():
            best = self.best_epoch_ if self.best_epoch_ < self.n_iter_ - 1 else None
            state |= {"_epochs": self._history(), "_best_epoch": best}
            state["_fitted"] = self._network.state(self._sealed())
            for name in ("_network", "_net"):
                state.pop(name, None)
        return state

    def __setstate__(self, state):
        state = dict(state)
        fitted = state.pop("_fitted", None)
        super().__setstate__(_DEFAULTS | state)
        if fitted is None and not {"classes_", "_seed"} & state.keys():
            return
        self._network = restore_network(fitted, self._sealed, type(self).__name__)
        if "_begun_with" not in state:  # an older file
            self._begun_with = {key: getattr(self, key) for key in BEGUN_WITH}


_DEFAULTS = CNNClassifier().get_params(deep=False)
"""Parameters that a saved state of an older version may lack."""


def _is_public(key):
    """Whether a record of an epoch is not for callbacks of skorch alone."""
    return key != "epoch" and not key.endswith(("_best", "_batch_count"))
