"""
What has the network learnt?
============================

Trains a network on a folder of drawn pictures, and looks at it: what it is fed, what it
confuses, where it is most wrong, and what in an image speaks for a class.
"""

# %%
# Four classes of pictures, of which a third is held out.
from tempfile import mkdtemp

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomErasing, RandomFlip, RandomRotation
from sklcnn.datasets import make_image_folder
from sklcnn.images import load_image_folder
from sklcnn.inspection import (
    AugmentationDisplay,
    ConfusionDisplay,
    PredictionDisplay,
    SaliencyDisplay,
    TrainingCurveDisplay,
    summary,
)
from sklcnn.preprocessing import ReadImages

folder = make_image_folder(mkdtemp(), n_classes=4, n_images=360, random_state=0)
X, y = load_image_folder(folder, return_X_y=True)
X, X_test, y, y_test = train_test_split(
    X, y, stratify=y, test_size=0.33, random_state=0
)

# %%
# Layers, with what they cost for one image.
model = make_pipeline(
    ReadImages((48, 48)),
    RandomFlip(),
    RandomRotation(20),
    RandomErasing(),
    CNNClassifier(random_state=0, max_epochs=15, early_stopping=True),
)
model.fit(X, y)
print(summary(model))
print(f"accuracy on test images {model.score(X_test, y_test):.3f}")

# %%
# How the training went, and what the network was fed.
figure = plt.figure(figsize=(13, 13))
sides = {"left": 0.05, "right": 0.98, "bottom": 0.02, "top": 0.96}
grid = figure.add_gridspec(3, 2, height_ratios=(2, 3, 3), hspace=0.15, **sides)
curves = figure.add_subplot(grid[0, :])
axes = [figure.add_subplot(grid[row, column]) for row in (1, 2) for column in (0, 1)]
TrainingCurveDisplay.from_estimator(model, ax=curves)
AugmentationDisplay.from_estimator(model, X, rows=[0, 1, 2, 3], epochs=4, ax=axes[0])
# sphinx_gallery_defer_figures

# %%
# What it does on test images: which classes it confuses, where it gives the true class
# least probability, and what speaks for the class that it predicts.
ConfusionDisplay.from_estimator(model, X_test, y_test, ax=axes[1])
PredictionDisplay.from_estimator(model, X_test, y_test, n_images=8, ax=axes[2])
SaliencyDisplay.from_estimator(model, X_test, ax=axes[3])
plt.show()
