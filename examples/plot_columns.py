"""
Do pictures and numbers tell more together?
===========================================

Every sample is a file with a digit and a number that was measured. One model has both
columns: a network that knows other digits gives features of the picture, which stand
beside the number. One figure compares it with models of one column.
"""

# %%
# Digits as files, in a frame beside a number that tells odd from even, with noise.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from PIL import Image
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklcnn import CNNClassifier, CNNFeatures
from sklcnn.preprocessing import ReadImages

images, labels = load_digits(return_X_y=True)
images = (images.reshape(-1, 8, 8) * 15.9).astype(np.uint8)
folder = Path(tempfile.mkdtemp())
rng = np.random.default_rng(0)

# %%
# The digits from 0 to 4 teach a network; the model is to tell 60 pictures from 5 to 9.
known = labels < 5
source = CNNClassifier(random_state=0).fit(images[known], labels[known])
rows = np.flatnonzero(~known)[:60]
paths = [folder / f"{row}.png" for row in rows]
for path, row in zip(paths, rows, strict=True):
    Image.fromarray(images[row]).save(path)
y = labels[rows]
X = pd.DataFrame({"path": paths, "measured": y % 2 + rng.normal(scale=0.5, size=60)})

# %%
# Embeddings of each picture are computed once, and found in the folder by all folds.
features = make_pipeline(
    ReadImages((8, 8), color_mode="gray"),
    CNNFeatures(
        "convnet", weights=FrozenEstimator(source), cache_dir=folder / "features"
    ),
)
columns = {
    "number": make_column_transformer((StandardScaler(), ["measured"])),
    "picture": make_column_transformer((features, "path")),
    "both": make_column_transformer(
        (features, "path"), (StandardScaler(), ["measured"])
    ),
}

# %%
# The same classifier behind each.
scores = {
    name: cross_val_score(
        make_pipeline(step, LogisticRegression(max_iter=1000)), X, y, cv=5
    )
    for name, step in columns.items()
}
for name, values in scores.items():
    print(f"{name:8} {values.mean():.3f}")

# %%
# What came of it.
figure, ax = plt.subplots(figsize=(5, 3.5))
means = [values.mean() for values in scores.values()]
errors = [values.std() / 5**0.5 for values in scores.values()]
ax.bar(list(scores), means, yerr=errors)
ax.set(ylim=(0, 1), ylabel="accuracy, 5 folds", title="60 pictures of digits 5 to 9")
figure.tight_layout()
plt.show()
