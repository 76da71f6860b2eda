"""What the parameters of the classifier may be."""

import os
from numbers import Integral, Real

from sklcnn._sklearn import N_JOBS, Interval, StrOptions
from sklcnn.network._net import LR_SCHEDULES, OPTIMIZERS

CONSTRAINTS = {
    "image_shape": ["array-like", None],
    "network": [StrOptions({"convnet"}), callable],
    "conv_channels": ["array-like"],
    "kernel_size": [Interval(Integral, 1, None, closed="left")],
    "pool_size": [Interval(Integral, 1, None, closed="left")],
    "hidden_units": ["array-like"],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "batch_norm": ["boolean"],
    "class_weight": [dict, StrOptions({"balanced"}), None],
    "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    "mixup": [Interval(Real, 0, None, closed="left")],
    "cutmix": [Interval(Real, 0, None, closed="left")],
    "optimizer": [StrOptions(set(OPTIMIZERS))],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "momentum": [Interval(Real, 0, 1, closed="left")],
    "nesterov": ["boolean"],
    "weight_decay": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
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
    "device": [str],
    "precision": [StrOptions({"auto", "float32", "bfloat16", "float64"})],
    "compile": ["boolean"],
    "n_jobs": N_JOBS,
    "checkpoint_dir": [str, os.PathLike, None],
    "warm_start": ["boolean"],
    "callbacks": [list, tuple, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}
