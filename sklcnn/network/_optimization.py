"""Optimizers, parameter groups, learning rate schedules and early stopping."""

import copy
import math

import numpy as np
import torch

OPTIMIZERS = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}


def group_parameters(network, learning_rate_factors=None):
    """Group the parameters of a network by what an optimizer may treat differently.

    Parameters
    ----------
    network : ImageNetwork
        The network.
    learning_rate_factors : dict of {str: float}, default=None
        Factors of the learning rate, by name of the group; 1 where there is none.

    Returns
    -------
    groups : list of dict
        For an optimizer of torch, each with `params`, `name` and `lr_factor`: "head"
        and "body" hold weights, "normalization" holds what has one value per channel
        or unit, that is biases and the scales and shifts of normalization; where its
        rate is not that of the head, the biases of the head are in "head". Empty groups
        are left out.
    """
    factors = learning_rate_factors or {}
    head_apart = factors.get("head", 1.0) != factors.get("normalization", 1.0)
    groups = {"body": [], "head": [], "normalization": []}
    for name, parameter in network.body.named_parameters():
        is_head = network.is_in_head(name)
        kind = "head" if is_head else "body"
        if parameter.ndim <= 1 and not (is_head and head_apart):
            kind = "normalization"
        groups[kind].append(parameter)
    return [
        {"params": parameters, "name": name, "lr_factor": factors.get(name, 1.0)}
        for name, parameters in groups.items()
        if parameters
    ]


def set_learning_rate(optimizer, learning_rate):
    """Set the learning rate of every group, by its factor."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group.get("lr_factor", 1.0)


def learning_rate_of(optimizer):
    """Give the learning rate of groups whose factor is 1, or else of the first one."""
    groups = optimizer.param_groups
    is_whole = [group.get("lr_factor", 1.0) == 1 for group in groups]
    return float(groups[is_whole.index(True) if any(is_whole) else 0]["lr"])


def set_weight_decay(optimizer, weight_decay):
    """Set the weight decay of every group."""
    for group in optimizer.param_groups:
        group["weight_decay"] = weight_decay


SETTLED = 0.1
"""Share of the largest learning rate under which a rate counts as near its end."""


N_STANDARD_ERRORS = 2
"""Number of standard errors of the accuracy by which early weights must be better."""


class EarlyStopping:
    """Validation loss over the epochs, and the weights of the epochs to choose from.

    Parameters
    ----------
    patience : int
        Number of epochs without improvement after which to stop.
    tol : float
        By how much the loss must fall to count as an improvement.

    Notes
    -----
    While the learning rate is still to fall, the loss is too: patience begins to count
    where the rate has settled. Weights of before are chosen only where they are clearly
    more accurate, as with wrong labels, which are learnt last: by more than two
    standard errors, since they are the best of many epochs.
    """

    def __init__(self, patience, tol):
        self.patience = patience
        self.tol = tol
        self.n_epochs = self.last_improvement = 0
        self.loss_to_beat = math.inf
        self.best_loss = self.early_loss = math.inf
        self.best_epoch = self.early_epoch = 0
        self.best_accuracy = self.early_accuracy = 0.0
        self.weights = self.early_weights = None

    def counters(self):
        """Give all but the weights, as plain values."""
        kept = ("weights", "early_weights")
        return {name: value for name, value in vars(self).items() if name not in kept}

    def update(self, loss, module, *, accuracy=0.0, is_settled=True):
        """Take in loss and accuracy of an epoch; tell whether to stop."""
        if is_settled and loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, self.n_epochs
            self.best_accuracy = accuracy
            self.weights = copy.deepcopy(module.state_dict())
        elif not is_settled and loss < self.early_loss:
            self.early_loss, self.early_epoch = loss, self.n_epochs
            self.early_accuracy = accuracy
            self.early_weights = copy.deepcopy(module.state_dict())
        if loss < self.loss_to_beat - self.tol:
            self.loss_to_beat, self.last_improvement = loss, self.n_epochs
        if not is_settled:
            self.last_improvement = self.n_epochs
        self.n_epochs += 1
        return self.n_epochs - self.last_improvement > self.patience

    def choose(self, n_rows):
        """Choose an epoch.

        Parameters
        ----------
        n_rows : int
            Number of rows that are validated on.

        Returns
        -------
        epoch : int
            Position of the epoch.
        weights : dict of {str: tensor}
            Its weights; None where there was no epoch.
        """
        early = self.early_epoch, self.early_weights
        if self.weights is None:
            return early
        accuracy = self.best_accuracy
        # of a few rows, all may be right by chance
        variance = max(accuracy * (1 - accuracy), 0) + 1 / n_rows
        margin = N_STANDARD_ERRORS * math.sqrt(variance / n_rows)
        is_clear = self.early_accuracy > accuracy + margin
        if is_clear and self.early_loss < self.best_loss:
            return early
        return self.best_epoch, self.weights


def one_cycle(progress):
    """Rise to the peak in the first 30 % of the steps, then fall to near zero.

    Both along half a cosine, as in [1]_.

    References
    ----------
    .. [1] L. N. Smith and N. Topin, "Super-convergence: very fast training of neural
       networks using large learning rates", 2018.
    """
    if progress < 0.3:
        return cosine_between(1 / 25, 1, progress / 0.3)
    return cosine_between(1, 1e-4, (progress - 0.3) / 0.7)


def cosine_between(start, end, progress):
    """Go from start to end along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


LR_SCHEDULES = {
    "onecycle": one_cycle,
    "cosine": lambda progress: cosine_between(1, 0, progress),
    "constant": lambda progress: 1.0,
}
"""From the share of steps already taken to the share of the peak learning rate."""


def is_settled(learning_rates, epoch):
    """Whether the learning rate is near its end, or constant.

    Parameters
    ----------
    learning_rates : ndarray of shape (n_epochs, n_steps)
        The learning rate of every step.
    epoch : int
        Number of the epoch at whose end to look.
    """
    to_come, largest = learning_rates[epoch, -1:], learning_rates.max()
    to_come = np.append(to_come, learning_rates[epoch + 1 :])
    return bool(to_come.max() <= SETTLED * largest or learning_rates.min() == largest)


def plan_learning_rates(schedule, peak, n_epochs, n_steps):
    """Plan the learning rates of all steps, of shape (n_epochs, n_steps)."""
    progress = np.arange(n_epochs * n_steps) / (n_epochs * n_steps)
    rates = [peak * LR_SCHEDULES[schedule](share) for share in progress]
    return np.reshape(rates, (n_epochs, n_steps))
