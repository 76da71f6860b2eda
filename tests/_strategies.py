"""Parameters of the classifier, drawn by hypothesis."""

from hypothesis import strategies as st

LAYERS = st.lists(st.integers(1, 6), max_size=2)

PARAMETERS = {
    "conv_channels": st.lists(st.integers(1, 6), min_size=1, max_size=2),
    "kernel_size": st.integers(1, 4),
    "pool_size": st.integers(1, 3),
    "hidden_units": LAYERS,
    "dropout": st.floats(0, 0.9),
    "batch_norm": st.booleans(),
    "class_weight": st.one_of(
        st.none(),
        st.just("balanced"),
        st.dictionaries(st.integers(0, 2), st.sampled_from([0.5, 2.0]), min_size=1),
    ),
    "label_smoothing": st.floats(0, 0.9),
    "mixup": st.floats(0, 2),
    "cutmix": st.floats(0, 2),
    "optimizer": st.sampled_from(["sgd", "adamw"]),
    "learning_rate": st.floats(1e-6, 1),
    "momentum": st.floats(0, 0.99),
    "nesterov": st.booleans(),
    "weight_decay": st.one_of(st.just("auto"), st.floats(0, 1)),
    "lr_schedule": st.sampled_from(["onecycle", "cosine"]),
    "batch_size": st.one_of(st.just("auto"), st.integers(1, 200)),
    "max_epochs": st.one_of(st.just("auto"), st.integers(1, 200)),
    "early_stopping": st.booleans(),
    "validation_fraction": st.floats(0.15, 0.5),
    "n_iter_no_change": st.integers(1, 50),
    "tol": st.floats(0, 1),
    "calibration_fraction": st.floats(0, 0.5),
    "stride": st.just(2),
    "precision": st.sampled_from(["float32", "float64"]),
    "random_state": st.integers(0, 2**32 - 1),
}
"""Those of which each value is another training."""

NEUTRAL = {
    "device": st.sampled_from(["auto", "cpu"]),
    "n_jobs": st.sampled_from([None, 1]),
    "verbose": st.just(0),
    "warm_start": st.booleans(),
}
"""Those that change nothing of a training."""


def one_of(parameters):
    """Draw the name of a parameter, and a value of it."""
    named = [st.tuples(st.just(name), value) for name, value in parameters.items()]
    return st.one_of(named)


def some_of(parameters):
    """Draw values of some of the parameters."""
    return st.fixed_dictionaries({}, optional=parameters)
