"""The last layer, solved on the features of a frozen body: logistic regression."""

import tempfile
import warnings

import numpy as np
import torch
from scipy.optimize import minimize
from sklearn.model_selection import StratifiedGroupKFold
from torch import nn

from sklcnn._rows import evenly_spaced
from sklcnn._warnings import warn_user
from sklcnn.network._modules import ImageNetwork

PENALTIES = 10.0 ** np.arange(0, -6.5, -0.5)
"""Penalties that are tried, on features of unit variance, per sum of losses."""

N_FOLDS = 5

MAX_ROWS_TRIED = 2000
"""Number of rows on which penalties are compared."""

PATIENCE = 2
"""Number of penalties without improvement after which no smaller one is tried."""

BYTES_IN_MEMORY = 2**31
"""Size of features beyond which they lie in a temporary file."""

ROWS_PER_BLOCK = 8192


def has_linear_head(network):
    """Whether the outputs of a network are a linear function of its embeddings.

    Parameters
    ----------
    network : FittedNetwork
        The network.
    """
    module = network.module
    if len(module.heads) != 1:
        return False
    head = module.body.get_submodule(module.heads[0])
    if type(head) is not nn.Linear or head.bias is None:
        return False
    rng = np.random.default_rng(0)
    images = rng.random((2, *network.spec.image_shape), dtype=np.float32)
    options = {"pixel_range": None, "dtype": np.float64}
    outputs = network.run(images, ImageNetwork.__call__, **options)
    again = network.run(images, lambda m, x: head(m.embed(x)), **options)
    return np.allclose(outputs, again, rtol=1e-2, atol=1e-2 * np.abs(outputs).max())


def train_head(net, batches, penalty="auto"):
    """Solve the last layer of a network on the images of batches, without draws.

    Images go through the body once, in the number format of prediction. The layer then
    minimizes the mean cross-entropy with an L2 penalty: multinomial logistic
    regression.

    Parameters
    ----------
    net : Net
        The net, whose network has a linear head.
    batches : TrainingBatches
        The rows.
    penalty : float or "auto", default="auto"
        Weight decay of the layer; "auto" is chosen by `choose_penalty`.

    Returns
    -------
    loss : float
        Mean loss of the rows.
    penalty : float
        The weight decay.
    """
    network, rows = net.network, batches.rows
    images = batches.images
    if len(rows) < images.shape[0]:
        images = images[rows]
    features = network.run(
        images,
        ImageNetwork.embed,
        n_jobs=net.n_jobs,
        pixel_range=None,
        allocate=_allocate,
    )
    targets = batches.targets.cpu().numpy()[rows]
    weights = batches.weights.cpu().numpy()[rows].astype(np.float64)
    smoothing = net.criterion_.label_smoothing
    wanted = smooth_targets(targets, network.spec.n_outputs, smoothing)
    center, axes, features, variances = to_principal_axes(features)
    if penalty == "auto":
        penalty = choose_penalty(
            features, variances, wanted, weights, targets, batches.groups
        )
    coef, bias, loss = solve(features, variances, wanted, weights, penalty)
    coef = coef @ axes.T
    head = network.module.body.get_submodule(network.module.heads[0])
    with torch.no_grad():
        head.weight.copy_(torch.as_tensor(coef))
        head.bias.copy_(torch.as_tensor(bias - coef @ center))
    return loss, penalty


def to_principal_axes(features):
    """Rotate features to their principal axes, along which they don't correlate.

    Parameters
    ----------
    features : ndarray of shape (n, n_features)
        Features; overwritten where there are more rows than features.

    Returns
    -------
    center : ndarray of shape (n_features,)
        Their mean.
    axes : ndarray of shape (n_features, n_axes)
        Directions of unit length; those without variance are left out.
    rotated : ndarray of shape (n, n_axes)
        Features along the axes.
    variances : ndarray of shape (n_axes,)
        Their variances.
    """
    n_rows, n_features = features.shape
    center = features.mean(axis=0, dtype=np.float64)
    blocks = [
        slice(i, min(i + ROWS_PER_BLOCK, n_rows))
        for i in range(0, n_rows, ROWS_PER_BLOCK)
    ]
    if n_rows <= n_features:
        centered = torch.as_tensor(features - center)
        squares, left = torch.linalg.eigh(centered @ centered.T)
    else:
        squares = torch.zeros((n_features, n_features), dtype=torch.float64)
        for block in blocks:
            centered = torch.as_tensor(features[block] - center)
            squares += centered.T @ centered
        squares, axes = torch.linalg.eigh(squares)
    kept = squares > 1e-10 * squares.max()
    squares = squares[kept]
    if n_rows <= n_features:
        axes = centered.T @ (left[:, kept] / squares.sqrt())
        rotated = (left[:, kept] * squares.sqrt()).numpy()
        return center, axes.numpy(), rotated, squares.numpy() / n_rows
    axes = axes[:, kept]
    for block in blocks:
        along = torch.as_tensor(features[block] - center) @ axes
        features[block, : along.shape[1]] = along.numpy()
    rotated = features[:, : axes.shape[1]]
    return center, axes.numpy(), rotated, squares.numpy() / n_rows


def smooth_targets(targets, n_classes, smoothing):
    """Make probabilities of classes, of shape (n, n_classes), of class numbers."""
    wanted = np.full((len(targets), n_classes), smoothing / n_classes)
    wanted[np.arange(len(targets)), targets] += 1 - smoothing
    return wanted


def choose_penalty(features, variances, wanted, weights, targets, groups=None):
    """Choose the penalty of least cross-entropy on held-out folds.

    Parameters
    ----------
    features : ndarray of shape (n, n_axes)
        Features along principal axes.
    variances : ndarray of shape (n_axes,)
        Their variances.
    wanted : ndarray of shape (n, n_classes)
        Probabilities of the classes that are to be learnt.
    weights : ndarray of shape (n,)
        Weights of the rows.
    targets : ndarray of shape (n,)
        Class numbers, by which rows are spread over the folds.
    groups : ndarray of shape (n,), default=None
        Groups of rows that stay in one fold.

    Returns
    -------
    penalty : float
        As `solve` takes it.
    """
    n_rows, total = len(targets), float(variances.sum()) or 1.0
    order = np.argsort(targets, kind="stable")
    order = evenly_spaced(order, MAX_ROWS_TRIED)
    folds = np.arange(len(order)) % N_FOLDS
    if groups is not None:
        folds = _grouped_folds(targets[order], groups[order], folds)
    if len(order) < 2 * N_FOLDS or len(np.unique(folds)) < 2:
        return total / n_rows
    data = np.asarray(features[order], dtype=np.float64), wanted[order], weights[order]
    starts, losses = {}, []
    for penalty in PENALTIES:
        loss = 0.0
        for fold in np.unique(folds):
            train, test = (
                [part[rows] for part in data] for rows in _split(folds, fold)
            )
            strength = penalty * total / len(train[1])
            coef, bias, _ = solve(
                train[0],
                variances,
                *train[1:],
                strength,
                start=starts.get(fold),
                precision=1e-3,
            )
            starts[fold] = coef, bias
            loss += _loss(*test, coef, bias)
        losses.append(loss)
        if len(losses) - 1 - np.argmin(losses) >= PATIENCE:
            break
    return float(PENALTIES[np.argmin(losses)] * total / n_rows)


def solve(features, variances, wanted, weights, penalty, *, start=None, precision=1e-6):
    """Minimize the mean cross-entropy of linear outputs, with an L2 penalty.

    By L-BFGS [1]_ in float64, on coefficients that are scaled by the root of their
    approximate second derivatives.

    Parameters
    ----------
    features : ndarray of shape (n, n_axes)
        Features along principal axes.
    variances : ndarray of shape (n_axes,)
        Their variances.
    wanted : ndarray of shape (n, n_classes)
        Probabilities of the classes that are to be learnt.
    weights : ndarray of shape (n,)
        Weights of the rows.
    penalty : float
        Half of it times the sum of the squared coefficients is added to the mean loss:
        weight decay.
    start : pair of ndarray, default=None
        Coefficients and biases to begin with; None are zeros.
    precision : float, default=1e-6
        Largest gradient at the end.

    Returns
    -------
    coef : ndarray of shape (n_classes, n_axes)
    bias : ndarray of shape (n_classes,)
    loss : float
        The mean loss without the penalty.

    References
    ----------
    .. [1] D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale
       optimization", 1989.
    """
    n_classes = wanted.shape[1]
    shape = n_classes, features.shape[1] + 1
    scale = np.append(1 / np.sqrt(variances / n_classes + penalty), n_classes**0.5)
    problem = [features, wanted, weights[:, np.newaxis]]
    tensors = [torch.as_tensor(part) for part in problem]
    total, scales = float(weights.sum()), torch.as_tensor(scale)

    def objective(flat):
        values = torch.as_tensor(flat).reshape(shape) * scales
        coef = values[:, :-1]
        loss, gradient = 0.0, torch.zeros(shape, dtype=torch.float64)
        parts = zip(*(t.split(ROWS_PER_BLOCK) for t in tensors), strict=True)
        for block, wanted, weights in parts:
            block = block.double()
            log_p = torch.log_softmax(block @ coef.T + values[:, -1], 1)
            loss -= float((weights * wanted * log_p).sum())
            residual = weights * (log_p.exp() - wanted)
            gradient[:, :-1] += residual.T @ block
            gradient[:, -1] += residual.sum(0)
        gradient /= total
        gradient[:, :-1] += penalty * coef
        loss = loss / total + penalty / 2 * float((coef**2).sum())
        return loss, (gradient * scales).numpy().ravel()

    begin = np.zeros(shape) if start is None else np.column_stack(start) / scale
    found = minimize(
        objective,
        begin.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 1000, "maxcor": 20, "gtol": precision, "ftol": 1e-12},
    )
    values = found.x.reshape(shape) * scale
    coef, bias = values[:, :-1], values[:, -1]
    return coef, bias, float(found.fun) - penalty / 2 * float((coef**2).sum())


def _grouped_folds(targets, groups, ungrouped):
    """Number folds that cut no group, if all classes can be learnt outside of each."""
    n_folds = min(N_FOLDS, len(np.unique(groups)))
    if n_folds > 1:
        folds = np.empty(len(targets), dtype=int)
        with warnings.catch_warnings():  # of classes with fewer groups than folds
            warnings.simplefilter("ignore")
            splits = StratifiedGroupKFold(n_folds).split(targets, targets, groups)
            for number, (_, rows) in enumerate(splits):
                folds[rows] = number
        n_classes = len(np.unique(targets))
        if all(
            len(np.unique(targets[folds != number])) == n_classes
            for number in range(n_folds)
        ):
            return folds
    warn_user(
        "The penalty of the last layer is chosen in folds that cut groups: there are "
        "too few groups of some class to learn it from others. With few groups, set "
        "weight_decay to a number."
    )
    return ungrouped


def _split(folds, fold):
    """Give the rows outside and inside of a fold."""
    return np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)


def _loss(features, wanted, weights, coef, bias):
    """Sum of the weighted cross-entropies of rows."""
    log_p = torch.log_softmax(torch.as_tensor(features @ coef.T + bias), 1).numpy()
    return -float((weights[:, np.newaxis] * wanted * log_p).sum())


def _allocate(shape, dtype):
    """Make an array for features, of a temporary file where it is large."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size <= BYTES_IN_MEMORY:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype, "w+", shape=tuple(shape))
