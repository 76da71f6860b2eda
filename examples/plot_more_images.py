"""
Would more images help?
=======================

Before more images are collected: scikit-learn's learning curve on a folder. Where the
score on held-out images still rises at the right end and stays below that on training
images, more of them help. Where both have met, a larger network or better labels may.
"""

# %%
# A folder of drawn pictures, read by the first step of the pipeline.
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import LearningCurveDisplay, StratifiedKFold
from sklearn.pipeline import make_pipeline

from sklcnn import CNNClassifier
from sklcnn.datasets import make_image_folder
from sklcnn.images import load_image_folder
from sklcnn.preprocessing import ReadImages

folder = make_image_folder(mkdtemp(), n_classes=3, n_images=300, random_state=0)
X, y = load_image_folder(folder, return_X_y=True)
model = make_pipeline(
    ReadImages((32, 32), cache="memory"),
    CNNClassifier(max_epochs=10, batch_size=16, random_state=0),
)

# %%
# Networks are trained on ever more images, in two folds each.
display = LearningCurveDisplay.from_estimator(
    model,
    X,
    y,
    train_sizes=np.array([0.1, 0.3, 0.6, 1.0]),
    cv=StratifiedKFold(2, shuffle=True, random_state=0),
    shuffle=True,
    random_state=0,
    score_type="both",
    score_name="accuracy",
    line_kw={"marker": "o"},
)
# sphinx_gallery_defer_figures

# %%
# What the right end says.
held_out, training = display.test_scores.mean(axis=1), display.train_scores.mean(axis=1)
gain, gap = held_out[-1] - held_out[-2], training[-1] - held_out[-1]
print(f"the last step gained {gain:+.3f}, and {gap:.3f} are missing to the training")
display.ax_.set(title="Would more images help?", xlabel="training images")
plt.show()
