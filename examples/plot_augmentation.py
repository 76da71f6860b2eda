"""
What do random transforms look like, and what do they bring?
============================================================

Draws a photo by every step of `sklcnn.augmentation`, then trains on 100 and on 500 of
scikit-learn's scanned digits, as they are and redrawn at random in every epoch. The
transforms stand in the pipeline, but only training sees what they draw.
"""

# %%
# Fitted to images, a step notes down how to redraw them; `draw` shows one epoch.
import matplotlib.pyplot as plt
import numpy as np
from skimage.data import cat
from skimage.util import montage
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedShuffleSplit, learning_curve
from sklearn.pipeline import make_pipeline

from sklcnn import CNNClassifier, augmentation
from sklcnn.augmentation import RandomRotation, RandomScale, RandomTranslation
from sklcnn.preprocessing import Resize

photo = Resize((96, 96), aspect="crop").fit_transform(cat()[np.newaxis])
drawn = {}
for name in filter(lambda name: name.startswith("Rand"), augmentation.__all__):
    augmented = getattr(augmentation, name)().fit_transform(photo)
    drawn[name] = [augmented.draw(0, epoch=epoch) for epoch in range(6)]

# %%
# Transforms for digits: small, and no mirroring. Fresh images take more epochs than the
# same ones again and again; both get as many.
steps = RandomRotation(10), RandomScale(), RandomTranslation(0.06)
classifier = CNNClassifier(
    conv_channels=(16, 32),
    batch_size=32,
    max_epochs=25,
    calibration_fraction=0,  # accuracy is the same
    random_state=0,
)
models = {"none": classifier, "fresh": make_pipeline(*steps, classifier)}

# %%
# Each three times: on other digits, tested on 1,000 more.
X, y = load_digits(return_X_y=True)
folds = StratifiedShuffleSplit(3, train_size=500, test_size=1000, random_state=0)
scores = {}
for name, model in models.items():
    sizes, _, scores[name] = learning_curve(
        model, X, y, cv=folds, train_sizes=[100, 500], n_jobs=2
    )
    print(f"{name:6}", *(f"{score:.4f}" for score in scores[name].mean(axis=1)))

# %%
# The photo in six epochs of each step.
figure = plt.figure(figsize=(12, 8), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[2, 1])
for axes, name in zip(left.subplots(8, 2).flat, drawn, strict=True):
    row = montage(
        drawn[name], fill=[255] * 3, grid_shape=(1, 6), padding_width=4, channel_axis=-1
    )
    axes.imshow(row)
    axes.set_title(name, fontsize="medium")
    axes.axis("off")
# sphinx_gallery_defer_figures

# %%
# Mean and standard deviation of the accuracy. In the mean, fresh images get 8 more of
# 1,000 digits right after 100 training images, where samples differ as much, and 6 more
# after 500.
axes = right.subplots()
for name, values in scores.items():
    axes.errorbar(sizes, values.mean(axis=1), values.std(axis=1), label=name, capsize=4)
axes.set(title="Digits", xlabel="training images", ylabel="accuracy", xticks=sizes)
axes.legend(title="random transforms")
plt.show()
