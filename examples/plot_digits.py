"""
An untuned network beside a support vector machine
==================================================

Cross-validates `CNNClassifier` on scikit-learn's scanned digits as it comes, beside
`SVC` and `MLPClassifier`, then tunes it by a grid search. One figure shows the scores,
the search, what is confused with what, and the training curve.
"""

# %%
# The images go in as they are; the other two want them flat.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from sklcnn import CNNClassifier

digits = load_digits()
X, flat, y = digits.images, digits.data, digits.target
folds = StratifiedKFold(5, shuffle=True, random_state=0)

# %%
# Untuned, in five folds.
models = {
    "CNNClassifier": (CNNClassifier(random_state=0), X),
    "SVC(C=10)": (SVC(C=10), flat),
    "MLPClassifier": (MLPClassifier(random_state=0), flat),
}
scores = {}
for name, (model, images) in models.items():
    scores[name] = cross_val_score(model, images, y, cv=folds, n_jobs=2)
    print(f"{name:14} {scores[name].mean():.4f} +- {scores[name].std():.4f}")

# %%
# Learning rate and channels, searched like the parameters of any estimator.
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
grid = {"learning_rate": [0.01, 0.05], "conv_channels": [(16, 32), (32, 64, 128)]}
search = GridSearchCV(CNNClassifier(random_state=0), grid, cv=2, n_jobs=2)
search.fit(X_train, y_train)
best = search.best_estimator_
print(f"best: {search.best_params_}, test accuracy {best.score(X_test, y_test):.4f}")

# %%
# What came of it.
figure, ((left, right), (lower_left, lower_right)) = plt.subplots(2, 2, figsize=(10, 8))
left.boxplot(list(scores.values()), tick_labels=list(scores))
left.set(title="Untuned, five folds", ylabel="accuracy")
results = search.cv_results_
for channels in grid["conv_channels"]:
    rows = [p["conv_channels"] == channels for p in results["params"]]
    tested = results["mean_test_score"][rows]
    right.plot(grid["learning_rate"], tested, "o-", label=str(channels))
right.set(title="Grid search", xlabel="learning rate", ylabel="accuracy", xscale="log")
right.legend(title="conv_channels")
ConfusionMatrixDisplay.from_estimator(
    best, X_test, y_test, ax=lower_left, colorbar=False
)
lower_left.set_title("Test images")
lower_right.plot([epoch["train_loss"] for epoch in best.history_])
lower_right.set(title="Training", xlabel="epoch", ylabel="loss", yscale="log")
figure.tight_layout()
plt.show()
