"""
How far can probabilities be trusted, and what does a threshold cost?
=====================================================================

A network on few, noisy images is too sure of itself. Dividing its logits by a
temperature, found on images that it was not trained on, mends that without changing a
label: `CNNClassifier` does so by itself, scikit-learn in folds. Then a threshold is
chosen by what errors cost. Needs scikit-learn 1.8 or newer.
"""

# %%
# Is a scanned digit a 3? Noise makes it hard.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix, log_loss, make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV, train_test_split

from sklcnn import CNNClassifier

digits = load_digits()
noise = np.random.default_rng(0).normal(0, 9, digits.images.shape)
X, X_test, y, y_test = train_test_split(
    digits.images + noise, digits.target == 3, test_size=0.7, random_state=0
)

# %%
# Not calibrated, calibrated as by default, and by scikit-learn in three folds.
model = CNNClassifier(conv_channels=(16, 32), max_epochs=15, random_state=0)
raw = clone(model).set_params(calibration_fraction=0)
in_folds = CalibratedClassifierCV(raw, method="temperature", cv=3)
models = {
    "calibration_fraction=0": raw.fit(X, y),
    "CNNClassifier()": model.fit(X, y),
    "CalibratedClassifierCV": in_folds.fit(X, y),
}
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
for name, fitted in models.items():
    loss = log_loss(y_test, fitted.predict_proba(X_test))
    print(f"log loss on test images, {name}: {loss:.3f}")
    CalibrationDisplay.from_estimator(
        fitted, X_test, y_test, n_bins=6, strategy="quantile", name=name, ax=left
    )
# sphinx_gallery_defer_figures

# %%
# A 3 that is missed costs five times as much as a false alarm.


def cost(y_true, y_pred):
    """Sum up what the errors cost, per image."""
    _, false_alarms, misses, _ = confusion_matrix(y_true, y_pred).ravel()
    return (false_alarms + 5 * misses) / len(y_true)


scorer = make_scorer(cost, greater_is_better=False)
tuned = TunedThresholdClassifierCV(
    model, scoring=scorer, cv=3, store_cv_results=True
).fit(X, y)
costs = [cost(y_test, fitted.predict(X_test)) for fitted in (model, tuned)]
print(
    f"cost per test image at 0.5: {costs[0]:.3f}, at {tuned.best_threshold_:.2f}: "
    f"{costs[1]:.3f}"
)
right.plot(tuned.cv_results_["thresholds"], -tuned.cv_results_["scores"])
right.axvline(tuned.best_threshold_, color="black", linestyle="--")
right.set(xlabel="threshold", ylabel="cost per image", title="In folds of the training")
left.set_title("On test images")
plt.show()
