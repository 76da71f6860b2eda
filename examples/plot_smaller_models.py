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
channels = [(2,), (4,), (4, 8), (8, 16), (16, 32), (32, 64)]
search = GridSearchCV(
    CNNClassifier(hidden_units=(), max_epochs=10, random_state=0),
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
# The best of the front, trained on all images, and in int8 as an ONNX file.
best, path = front[-1], Path(tempfile.mkdtemp()) / "model.onnx"
model = clone(search.estimator).set_params(conv_channels=channels[best]).fit(X, y)
report = to_onnx(model, path, X, quantize="int8")
labels, _ = onnxruntime.InferenceSession(path).run(
    None, {"images": X_test[..., np.newaxis].astype(np.float32)}
)

# %%
fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
ax.step(costs[front], accuracies[front], where="post", label="Pareto front")
ax.plot(costs, accuracies, "o", color="C0", label="cross-validated, float32")
ax.plot(costs[best], model.score(X_test, y_test), "s", label="test, float32")
small = f"test, int8: {report['n_bytes'] / 1000:.0f} kB"
ax.plot(costs[best], np.mean(labels == y_test), "x", ms=9, label=small)
for number in range(len(channels)):
    ax.annotate(
        str(channels[number]),
        (costs[number], accuracies[number]),
        xytext=(0, -16),
        textcoords="offset points",
        ha="center",
        fontsize=8,
    )
ax.set(
    xscale="log",
    xlabel="Multiply-adds per image",
    ylabel="Accuracy",
    title="Digits: accuracy against cost over conv_channels",
)
ax.margins(x=0.15, y=0.1)
ax.legend(loc="lower right", fontsize=8)
plt.show()
