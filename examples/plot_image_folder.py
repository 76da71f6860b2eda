"""
From a folder of images to a saved classifier, in eight lines
=============================================================

Writes a folder of small images, a sub-folder for each class: digits and pieces of
photos, of mixed sizes and formats. Then cross-validates, searches, saves and loads a
network that tells them apart.
"""

# %%
# Pieces of photos of scikit-image, and the scanned digits of scikit-learn.
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import skimage.data
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomFlip, RandomRotation
from sklcnn.images import load_image_folder
from sklcnn.persistence import dump, load
from sklcnn.preprocessing import ReadImages

names = ["brick", "chelsea", "coffee", "grass", "gravel"]
photos = {name: getattr(skimage.data, name)() for name in names}
photos["digit"] = np.vstack((load_digits().images[:400] * 15.9).astype(np.uint8))

# %%
# Forty images a class to learn from, and ten to try the result on.
folder = Path(mkdtemp())
rng = np.random.default_rng(0)
for name, photo in photos.items():
    sizes = np.full((50, 2), 8) if name == "digit" else rng.integers(48, 97, (50, 2))
    for number, (height, width) in enumerate(sizes):
        top = 8 * number if name == "digit" else rng.integers(len(photo) - height)
        left = rng.integers(photo.shape[1] - width + 1)
        piece = photo[top : top + height, left : left + width]
        path = folder / ("photos" if number < 40 else "new") / name
        path.mkdir(parents=True, exist_ok=True)
        extension = ["png", "jpg", "tif", "gif", "webp", "bmp"][number % 6]
        Image.fromarray(piece).save(path / f"{number}.{extension}")

# %%
# The eight lines, for a network that needs seconds.
X, y = load_image_folder(folder / "photos", return_X_y=True)
network = CNNClassifier(conv_channels=(16, 32), max_epochs=20, random_state=0)
reader = ReadImages((24, 24), cache="memory")
model = make_pipeline(reader, RandomFlip(), RandomRotation(), network)
scores = cross_val_score(model, X, y, cv=3)
grid = {"randomrotation__degrees": [0, 15, 30]}
search = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(X, y)
dump(search.best_estimator_, folder / "model.skops")
loaded = load(folder / "model.skops")
print(f"cross-validated accuracy {scores.mean():.3f}, best {search.best_params_}")

# %%
# What the saved classifier says of images that it never saw.
X_new, y_new = load_image_folder(folder / "new", return_X_y=True)
predicted = loaded.predict(X_new)
print(f"accuracy on new images {np.mean(predicted == y_new):.3f}")
figure = plt.figure(figsize=(10, 5), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1, 1.2])
for ax, row in zip(left.subplots(3, 4).flat, range(2, 60, 5), strict=True):
    ax.imshow(Image.open(X_new[row]).convert("RGB"))
    color = "black" if predicted[row] == y_new[row] else "red"
    ax.set_title(predicted[row], color=color)
    ax.axis("off")
left.suptitle("New images, and what they are taken for")
ax = right.subplots()
ConfusionMatrixDisplay.from_predictions(y_new, predicted, ax=ax, colorbar=False)
ax.set_title("All new images")
ax.tick_params("x", rotation=45)
plt.show()
