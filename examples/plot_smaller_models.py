"""
Is a smaller network as good?
=============================

A grid search scores networks by accuracy and by multiply-adds. Those for which no other
one is both cheaper and better are the Pareto front; int8 makes them four times smaller.
"""

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split

from sklcnn import CNNClassifier
from sklcnn.inspection import summary
from sklcnn.persistence import to_onnx

X, y = load_digits().images, load_digits().target
X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, random_state=0)


# %%
# A second score: the multiply-adds of an image, with a minus, as less is better.
def multiply_adds(model, X, y):
    """Count multiply-adds."""
    return -summary(model).n_multiply_adds


# %%
channels = [(2, 4), (4, 8), (8, 16), (16, 32), (16, 32, 64), (32, 64, 128)]
search = GridSearchCV(
    CNNClassifier(hidden_units=(), max_epochs=15, random_state=0),
    {"conv_channels": channels},
    scoring={"accuracy": "accuracy", "multiply_adds": multiply_adds},
    refit=False,
    cv=2,
).fit(X, y)
accuracies = search.cv_results_["mean_test_accuracy"]
costs = -search.cv_results_["mean_test_multiply_adds"]

# %%
# In order of their costs, the front goes up wherever the best accuracy so far does.
order = np.argsort(costs)
best_before = np.maximum.accumulate(np.r_[0, accuracies[order][:-1]])
front = order[accuracies[order] > best_before]

# %%
# The cheapest and the best of the front, trained on all images, as ONNX files.
quantized, path = {}, Path(tempfile.mkdtemp()) / "model.onnx"
for number in (front[0], front[-1]):
    model = clone(search.estimator).set_params(conv_channels=channels[number])
    report = to_onnx(model.fit(X, y), path, X, quantize="int8")
    images = X_test[..., np.newaxis].astype(np.float32)
    labels, _ = onnxruntime.InferenceSession(path).run(None, {"images": images})
    scores = model.score(X_test, y_test), np.mean(labels == y_test)
    quantized[number] = (*scores, report["n_bytes"] / 1000)

# %%
fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
ax.step(costs[front], accuracies[front], where="post", label="Pareto front")
ax.plot(costs, accuracies, "o", color="C0", label="cross-validated, float32")
for number, color in zip(quantized, ("C1", "C2"), strict=True):
    full, small, size = quantized[number]
    name = f"{channels[number]}, int8: {size:.0f} kB"
    ax.plot(costs[number], full, "s", color=color, mfc="none", label="test, float32")
    ax.plot(costs[number], small, "x", color=color, label=f"test, {name}")
for number in range(len(channels)):
    ax.annotate(
        str(channels[number]),
        (costs[number], accuracies[number]),
        xytext=(6, -12),
        textcoords="offset points",
        fontsize=8,
    )
ax.set(
    xscale="log",
    xlabel="Multiply-adds per image",
    ylabel="Accuracy",
    title="Digits: accuracy against cost over conv_channels",
)
ax.margins(x=0.15)
ax.legend(loc="lower right", fontsize=8)
plt.show()
