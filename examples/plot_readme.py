"""
What is in the picture, how sure is the network, and why?
=========================================================

Trains a network on a folder of drawn pictures, and shows new pictures with the class
that it predicts, the probability of that class, and the pixels that speak for it.
"""

# %%
# Six classes, of which 12 pictures in all are held out.
from tempfile import mkdtemp

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomFlip, RandomRotation
from sklcnn.datasets import make_image_folder
from sklcnn.images import load_image_folder
from sklcnn.inspection import saliency_maps
from sklcnn.preprocessing import ReadImages

folder = make_image_folder(mkdtemp(), n_classes=6, n_images=492, random_state=0)
X, y = load_image_folder(folder, return_X_y=True)
X_train, X_new, y_train, y_new = train_test_split(
    X, y, test_size=12, stratify=y, random_state=0
)

# %%
# The network sees each training picture flipped and rotated at random.
reader = ReadImages((64, 64), cache="memory")
network = CNNClassifier(max_epochs=12, random_state=0)
model = make_pipeline(reader, RandomFlip(), RandomRotation(20), network)
model.fit(X_train, y_train)
print(f"{model.score(X_new, y_new):.2f} of the new pictures are recognized")

# %%
# What it says of the new pictures, and where it looks.
pictures = model[:1].transform(X_new)[:]
probabilities = model.predict_proba(X_new)
predicted = model.classes_[probabilities.argmax(axis=1)]
maps = saliency_maps(model, X_new)

figure, axes = plt.subplots(4, 6, figsize=(9, 6.8), layout="constrained")
for row, (above, below) in enumerate(zip(axes[::2].flat, axes[1::2].flat, strict=True)):
    is_right = predicted[row] == y_new[row]
    title = f"{predicted[row]} {probabilities[row].max():.2f}"
    above.set_title(title, color="black" if is_right else "firebrick")
    above.imshow(pictures[row])
    below.imshow(pictures[row].mean(axis=2), cmap="gray")
    below.imshow(maps[row], cmap="inferno", alpha=0.6)
    above.axis("off")
    below.axis("off")
plt.show()
