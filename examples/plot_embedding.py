"""
Do new images look like those of the training?
==============================================

Images of another camera may lie where a network has seen none. Here they are digits
that were turned upside down: drawn over the training images, in the plane of the
network's embeddings, many lie beside the groups, or in the group of another digit.
"""

# %%
# A network learns upright digits. New ones are taken as they are, and turned.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklcnn import CNNClassifier
from sklcnn.inspection import EmbeddingDisplay

digits = load_digits()
X, y = digits.images[:500], digits.target[:500]
X_new, y_new = digits.images[500:560], digits.target[500:560]
X_turned = np.rot90(X_new, 2, axes=(1, 2)).copy()
model = CNNClassifier(random_state=0, max_epochs=10).fit(X, y)
for name, images in {"as they are": X_new, "turned": X_turned}.items():
    print(f"accuracy on new images, {name}: {model.score(images, y_new):.3f}")

# %%
# What enters the last layer, in two directions. New images have black edges and frames.
figure, axes = plt.subplots(1, 2, figsize=(15, 6), layout="constrained")
for ax, images, title in zip(
    axes, [X_new, X_turned], ["new images", "new images, turned"], strict=True
):
    EmbeddingDisplay.from_estimator(
        model, X, y, X_new=images, y_new=y_new, method="tsne", ax=ax
    )
    ax.set_title(title)
plt.show()
