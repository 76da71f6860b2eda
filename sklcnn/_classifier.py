"""The classifier."""

import numpy as np
from sklearn.base import ClassifierMixin

from sklcnn._base import PARTIAL_PULL, BaseCNN
from sklcnn._labels import check_labels, encode_labels, find_classes
from sklcnn._outputs import OutputsMixin
from sklcnn._parameters import CONSTRAINTS
from sklcnn._sklearn import check_partial_fit_first_call, fit_context
from sklcnn.network._batches import with_steps_of
from sklcnn.network._memory import release_memory


class CNNClassifier(ClassifierMixin, OutputsMixin, BaseCNN):
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
    network : "convnet" or callable, default="convnet"
        The network. A callable takes the number of channels and of classes and gives a
        `torch.nn.Module` from standardized images of shape `(n, n_channels, height,
        width)` to logits of shape `(n, n_classes)`; it must be importable for the
        classifier to be pickled. The parameters up to `batch_norm` describe the
        built-in network only.
    conv_channels : sequence of int, default=(32, 64, 128)
        Number of channels of each block of convolution, pooling, batch normalization
        and ReLU.
    kernel_size : int, default=3
        Side of the square kernels, in pixels.
    pool_size : int, default=2
        Side of the square windows of max pooling, in pixels; 1 does not pool. A side of
        the image is no longer pooled where it would fall under 2 pixels.
    hidden_units : sequence of int, default=(128,)
        Number of units of each fully-connected layer before the last.
    dropout : float, default=0.0
        Share of the units of each fully-connected layer that is dropped in training,
        in [0, 1).
    batch_norm : bool, default=True
        Whether to normalize the output of convolutions over the batch.
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
    optimizer : {"sgd", "adamw"}, default="sgd"
        Stochastic gradient descent with momentum, or AdamW (for which a `learning_rate`
        near 0.001 is usual).
    learning_rate : float, default=0.05
        Learning rate; the largest one where `lr_schedule` changes it.
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
        Number of passes over the training images. "auto" is 10 epochs; for
        few images it is as many as make 1,000 steps, at most 100.
    early_stopping : bool, default=False
        Whether to set images aside for validation, stop when their loss no longer
        falls, and keep the weights of the epoch where it was smallest.
    validation_fraction : float, default=0.1
        Share of the images, of each class alike, that `early_stopping` sets aside, in
        (0, 1).
    n_iter_no_change : int, default=5
        Number of epochs without improvement after which `early_stopping` stops.
    tol : float, default=1e-4
        By how much the validation loss must fall to count as an improvement.
    device : str, default="auto"
        "cpu", "cuda", "cuda:<index>" or "auto", which is CUDA where there is one. Where
        there are several, "auto" gives the workers of joblib and Dask one each in turn.
    precision : {"auto", "float32", "bfloat16", "float64"}, default="auto"
        Number format of training and prediction. "auto" trains in bfloat16 where the
        hardware multiplies it in silicon, and predicts in float32. Weights are float32
        but for "float64".
    compile : bool, default=False
        Whether to train through :func:`torch.compile`, on a GPU with CUDA graphs. It
        takes up to a minute once, needs a compiler and rounds differently. Meant for
        small networks on a GPU, where starting kernels takes longer than running them.
    n_jobs : int, default=None
        Number of CPU threads; None is 1 and -1 all cores. Another number rounds
        differently, which training magnifies: the network is another one.
    checkpoint_dir : path-like, default=None
        Folder in which `fit` keeps the state of training after its epochs. The same
        `fit`, called again after it was killed, goes on from there, and one that was
        finished is loaded: see Notes.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last call.
    callbacks : list of skorch callbacks, default=None
        Callbacks of the skorch net that does the training. Its history holds epochs,
        not batches, and validation with `early_stopping` only; `lr_schedule` sets the
        learning rate of every step, over a scheduler among the callbacks.
    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the images, dropout and the images
        set aside. An int makes results on a CPU the same to the last bit; None draws a
        seed from numpy's global generator.
    verbose : int, default=0
        1 shows a progress bar over the epochs, and how large `checkpoint_dir` is.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    image_shape_ : tuple of three ints
        Height, width and number of channels of the images.
    net_ : skorch.NeuralNetClassifier
        The fitted skorch net; `net_.module_` is the network, which takes pixels of
        shape `(n, height, width, n_channels)` as they are and gives logits.
    history_ : list of dict
        For each epoch: `train_loss`, `learning_rate` (of its last step), `seconds`
        and, with `early_stopping`, `valid_loss` and `valid_accuracy`.
    n_iter_ : int
        Number of epochs trained.
    best_epoch_ : int
        Position in `history_` of the epoch whose weights were kept.
    n_features_in_ : int
        Number of features of flat images; absent otherwise.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features of flat images that were fitted as a data frame.

    See Also
    --------
    sklearn.neural_network.MLPClassifier : Fully-connected network on flat features.

    Notes
    -----
    The learning rate schedule "onecycle" is that of [1]_ without its cycle of momentum.
    Pickles hold the weights as numpy arrays, in float32 but for `precision="float64"`,
    and not the state of the optimizer: after loading, `partial_fit` starts with fresh
    momentum.

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

    - `random_state` must be given: without, every call is another training.
    - With ``lr_schedule="constant"`` and a number as `weight_decay`, a training with
      more `max_epochs` goes on where one with fewer ended. With the other schedules,
      and with ``weight_decay="auto"``, each epoch depends on how many there are.
    - Nothing is written while less than 50 times as long as the last write took has
      gone by since. A folder that can't be written to is an error as training begins,
      and a warning later on; a full disk and a damaged file are warnings at any time.
    - Images in files are told by name, size and dates. Arrays are hashed, which takes
      a second for some 1 GB; arrays that are read from disk are read once for that.
    - Of a `network` of one's own, its code is part of the hash, and all that it uses:
      functions, classes and values of its module and of other modules that are no
      installed package. Where something does not tell what it holds, as a lock, or such
      a module that is imported within a function, a warning says so, and the folder is
      not used. What the network keeps must be in its `state_dict`.
    - Trainings that `ShareBatches` shares out are not kept.
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

    _parameter_constraints: dict = CONSTRAINTS

    def __init__(
        self,
        *,
        image_shape=None,
        network="convnet",
        conv_channels=(32, 64, 128),
        kernel_size=3,
        pool_size=2,
        hidden_units=(128,),
        dropout=0.0,
        batch_norm=True,
        class_weight=None,
        label_smoothing=0.0,
        mixup=0.0,
        cutmix=0.0,
        optimizer="sgd",
        learning_rate=0.05,
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
        device="auto",
        precision="auto",
        compile=False,
        n_jobs=None,
        checkpoint_dir=None,
        warm_start=False,
        callbacks=None,
        random_state=None,
        verbose=0,
    ):
        self.image_shape = image_shape
        self.network = network
        self.conv_channels = conv_channels
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.batch_norm = batch_norm
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
    def fit(self, X, y, sample_weight=None):
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
        with self._fitting(anew=not self.warm_start):
            reset = not self.__sklearn_is_fitted__()
            images = self._check_images(X, reset=reset)
            labels = check_labels(images, y, name=type(self).__name__)
            given, weights = self._check_weights(images, sample_weight, labels)
            if reset:
                self.classes_ = find_classes(labels, given)
            targets = encode_labels(labels, self.classes_, given)
            augmented, checkpoints = with_steps_of(X, images), None
            if reset:
                self._draw_seed()
                checkpoints = self._find_checkpoints(augmented, targets, weights)
                self._build(images, weights, checkpoints)
            else:
                self._widen_range(images, weights)
                self._build_on()
            told = X, y, sample_weight
            self._fit(augmented, targets, weights, told, checkpoints)
            release_memory(self.net_.device)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one more epoch, at the constant `learning_rate`.

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
        """
        with self._fitting(anew=not self.__sklearn_is_fitted__()):
            first = check_partial_fit_first_call(self, classes)
            images = self._check_images(X, reset=first)
            labels = check_labels(images, y, name=type(self).__name__)
            given, weights = self._check_weights(
                images, sample_weight, labels, classes=self.classes_
            )
            targets = encode_labels(labels, self.classes_, given)
            if first:
                self._draw_seed()
                self._build(images, weights)
            else:
                self._widen_range(images, weights)
            images = with_steps_of(X, images)
            train, _ = self._make_batches(images, targets, weights)
            rates = np.full((1, len(train)), self.learning_rate)
            self._train(train, None, rates, pull=PARTIAL_PULL)
        return self
