"""
When should training stop, on images of one's own?
==================================================

Some labels of the digits are wrong, so that a long training learns them by heart. It is
validated on images whose labels are right, by ``fit(X, y, X_val=..., y_val=...)``. One
figure shows where training stops, and what a training to the end loses.
"""

# %%
# Four in ten training labels are drawn at random; those to validate on are right.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklcnn import CNNClassifier

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8)
X_train, X_rest, y_train, y_rest = train_test_split(
    X, y, train_size=500, stratify=y, random_state=0
)
X_val, X_test, y_val, y_test = train_test_split(
    X_rest, y_rest, train_size=200, stratify=y_rest, random_state=0
)
rng = np.random.default_rng(0)
is_wrong = rng.random(500) < 0.4
y_train[is_wrong] = rng.integers(0, 10, is_wrong.sum())

# %%
# With a constant learning rate, training may stop at any epoch.
whole = CNNClassifier(
    conv_channels=(16, 32),
    lr_schedule="constant",
    learning_rate=0.01,
    max_epochs=40,
    random_state=0,
)
model = clone(whole).set_params(early_stopping=True)
model.fit(X_train, y_train, X_val=X_val, y_val=y_val)
print(f"stopped after {model.n_iter_} epochs, took those of epoch {model.best_epoch_}")

# %%
# Without `early_stopping`, the same images are only watched.
whole.fit(X_train, y_train, X_val=X_val, y_val=y_val)

# %%
# What came of it, on images that neither has seen.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), width_ratios=[2, 1])
for key, label in (("train_loss", "training"), ("valid_loss", "validation")):
    left.plot([epoch[key] for epoch in whole.history_], label=label)
left.axvline(model.best_epoch_, color="gray", linestyle=":", label="epoch that is kept")
left.axvline(model.n_iter_ - 1, color="black", linestyle="--", label="stop")
left.set(title="What training would go on to do", xlabel="epoch", ylabel="loss")
left.legend()
scores = [model.score(X_test, y_test), whole.score(X_test, y_test)]
right.bar(["early stopping", "40 epochs"], scores)
right.bar_label(right.containers[0], fmt="%.3f")
right.set(title="Test images", ylabel="accuracy", ylim=(0, 1))
figure.tight_layout()
plt.show()
