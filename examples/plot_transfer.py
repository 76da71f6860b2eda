"""
Do letters of some fonts help with others?
==========================================

A network that learnt letters in many fonts begins the next task with what it knows: the
same letters in a font of which there are a few images each. With weights of ImageNet,
``python plot_transfer.py --weights DEFAULT`` compares a ResNet-18 that has seen
photographs; a file of its weights in place of "DEFAULT" needs no download.
"""

# %%
# Letters are drawn in the fonts of matplotlib, moved and turned a little.
import argparse
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from sklcnn import CNNClassifier

LETTERS = "ABEGHKMNRSTX"


def draw(font, n_each, seed):
    """Draw each letter a number of times."""
    rng, X = np.random.default_rng(seed), []
    for letter in LETTERS * n_each:
        picture = Image.new("L", (24, 24))
        size, angle = rng.integers(13, 20), rng.uniform(-12, 12)
        place = tuple(rng.uniform(9, 15, 2))
        typeface = ImageFont.truetype(font, size)
        ImageDraw.Draw(picture).text(place, letter, 255, typeface, anchor="mm")
        X.append(np.asarray(picture.rotate(angle)))
    return np.stack(X), np.array(list(LETTERS * n_each))


# %%
# The source: many fonts, or ImageNet. The target: a font that is not among them.
parser = argparse.ArgumentParser()
parser.add_argument("--weights", help="name or file of the weights of --network")
parser.add_argument("--network", default="resnet18")
options, _ = parser.parse_known_args()

folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
fonts = [font for font in folder.glob("DejaVuS*.ttf") if "Display" not in font.name]
drawn = [draw(font, 3, seed) for seed, font in enumerate(sorted(fonts))]
X_source, y_source = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
target = folder / "cmtt10.ttf"
X_test, y_test = draw(target, 15, seed=100)

# %%
# Where weights are given, letters are enlarged to a size that the network knows.
small = CNNClassifier(conv_channels=(12, 24, 48), random_state=0)
if options.weights is None:
    source = clone(small).set_params(max_epochs=6).fit(X_source, y_source)
    pretrained = clone(small).set_params(weights=FrozenEstimator(source))
else:
    pretrained = CNNClassifier(
        network=options.network, weights=options.weights, image_size=96, random_state=0
    )

# %%
# Three ways to learn the target from a few images of each letter.
models = {
    "from nothing": small,
    "frozen": clone(pretrained).set_params(freeze=True),
    "all layers": pretrained,
}
numbers = [2, 4, 8]
scores = {name: [] for name in models}
for n_each in numbers:
    X, y = draw(target, n_each, seed=n_each)
    for name, model in models.items():
        scores[name].append(model.fit(X, y).score(X_test, y_test))
        print(f"{n_each} images of each letter, {name}: {scores[name][-1]:.3f}")

# %%
# The fewer images there are, the more the other fonts help.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), width_ratios=(2, 3))
examples = [X_source[:12], X_test[:12]]
grid = np.concatenate([np.concatenate(list(rows[:4]), axis=1) for rows in examples])
left.imshow(grid, cmap="gray")
left.set(title="a source font, the target", xticks=[], yticks=[])
for name, values in scores.items():
    right.plot(numbers, values, marker="o", label=name)
right.set(
    xlabel="images of each letter", ylabel="accuracy", title="A font not seen before"
)
right.set_xticks(numbers)
right.legend()
figure.tight_layout()
plt.show()
