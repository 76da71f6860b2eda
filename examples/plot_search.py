"""
Which search finds good parameters with the least training?
===========================================================

Searches learning rate and size of the network on scikit-learn's digits: by a grid, by
successive halving over epochs, and with Optuna (``pip install optuna``). One figure
shows what each tried and how many epochs that took.
"""

# %%
# A few hundred images, and a network of seconds.
import tempfile
import time

import matplotlib.pyplot as plt
import numpy as np
import optuna
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_score

from sklcnn import CNNClassifier

X, y = load_digits().images[:300], load_digits().target[:300]
model = CNNClassifier(conv_channels=(8, 16), max_epochs=9, random_state=0)
grid = {"learning_rate": [0.001, 0.003, 0.01, 0.03, 0.1], "hidden_units": [(), (64,)]}
tried, epochs = {}, {}

# %%
# Without a search.
untuned = cross_val_score(model, X, y, cv=2, n_jobs=2).mean()

# %%
# The grid trains every candidate to the end. What is done is kept in a folder: called
# again, after a kill or as here just so, the search loads it.
with tempfile.TemporaryDirectory() as folder:
    model.set_params(checkpoint_dir=folder)
    for attempt in ("first", "again"):
        start = time.perf_counter()
        search = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(X, y)
        print(f"{attempt}: {time.perf_counter() - start:.1f} s")
model.set_params(checkpoint_dir=None)
epochs["grid"] = 2 * 9 * len(search.cv_results_["params"])
tried["grid"] = search.cv_results_

# %%
# Halving trains all for 1 epoch, the better third for 3, the best of them for 9. A
# constant learning rate makes the epochs of the short trainings those of the long ones.
search = HalvingGridSearchCV(
    model.set_params(lr_schedule="constant"),
    grid,
    resource="max_epochs",
    min_resources=1,
    max_resources=9,
    cv=2,
    n_jobs=2,
    random_state=0,
).fit(X, y)
epochs["halving"] = 2 * search.cv_results_["n_resources"].sum()
tried["halving"] = search.cv_results_

# %%
# Optuna proposes what to try next. With `storage=`, a file or a database, and
# `load_if_exists=True`, a second run, or a second machine, goes on with its trials.
model.set_params(lr_schedule="onecycle")
optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(
    direction="maximize", sampler=optuna.samplers.TPESampler(seed=0)
)
for _ in range(10):
    trial = study.ask()
    rate = trial.suggest_float("learning_rate", 0.001, 0.1, log=True)
    units = trial.suggest_categorical("hidden_units", [0, 64])
    model.set_params(learning_rate=rate, hidden_units=(units,) if units else ())
    study.tell(trial, cross_val_score(model, X, y, cv=2, n_jobs=2).mean())
epochs["Optuna"] = 2 * 9 * len(study.trials)
tried["Optuna"] = {
    "param_learning_rate": [trial.params["learning_rate"] for trial in study.trials],
    "mean_test_score": [trial.value for trial in study.trials],
}

# %%
# What came of it.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), width_ratios=[2, 1])
for name, marker in (("grid", "o"), ("halving", "s"), ("Optuna", "^")):
    rates = np.asarray(tried[name]["param_learning_rate"], dtype=float)
    left.plot(rates, tried[name]["mean_test_score"], marker, label=name, alpha=0.6)
    print(f"{name:8} {max(tried[name]['mean_test_score']):.3f} {epochs[name]} epochs")
left.axhline(untuned, color="gray", linestyle=":", label="untuned")
left.set(
    xscale="log", xlabel="learning rate", ylabel="accuracy", title="What was tried"
)
left.legend()
right.bar(list(epochs), list(epochs.values()))
right.set(title="What it took", ylabel="epochs")
figure.tight_layout()
plt.show()
