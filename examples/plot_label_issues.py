"""
Which labels are wrong?
=======================

Gives some of scikit-learn's scanned digits a wrong label, finds these labels by
cross-validation, and looks at the images before anything is changed.
"""

# %%
# One label in twenty is replaced by another one.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklcnn import CNNClassifier
from sklcnn.inspection import LabelIssueDisplay, find_label_issues

digits = load_digits()
X, X_test, y_true, y_test = train_test_split(
    digits.images, digits.target, test_size=500, stratify=digits.target, random_state=0
)
rng = np.random.default_rng(0)
is_wrong = rng.random(len(y_true)) < 0.05
y = np.where(is_wrong, (y_true + rng.integers(1, 10, len(y_true))) % 10, y_true)

# %%
# Five networks predict the images that they were not trained on. Labels to which they
# give little probability are in doubt.
model = CNNClassifier(conv_channels=(16, 32), max_epochs=10, random_state=0)
issues = find_label_issues(model, X, y)
print(issues)
found = is_wrong[issues.rows]
print(f"{is_wrong.sum()} labels are wrong; of {len(issues)} found, {found.sum()} are")

# %%
# A look at them tells wrong labels from images that are merely hard.
LabelIssueDisplay.from_issues(issues, X, n_images=18)

# %%
# Trained without the images in doubt.
before = model.fit(X, y).score(X_test, y_test)
after = model.fit(X[~issues.is_issue], y[~issues.is_issue]).score(X_test, y_test)
print(f"accuracy on test images with them {before:.3f}, without {after:.3f}")
plt.show()
