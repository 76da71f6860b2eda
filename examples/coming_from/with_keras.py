"""Photos in folders, with Keras: train, test, save, load, predict."""

import json
from pathlib import Path

import keras
import numpy as np
from keras import layers
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(0)
paths = sorted(Path("photos").glob("*/*"))
names = [path.parent.name for path in paths]
images = [keras.utils.load_img(path, target_size=(64, 64)) for path in paths]
X = np.stack([keras.utils.img_to_array(image) for image in images])
classes, y = np.unique(names, return_inverse=True)
X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
model = keras.Sequential(
    [
        keras.Input((64, 64, 3)),
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(15 / 360),
        layers.Rescaling(1 / 64, offset=-2),
    ]
)
for channels in (16, 32, 64, 128):
    model.add(layers.Conv2D(channels, 3, padding="same", use_bias=False))
    model.add(layers.MaxPooling2D())
    model.add(layers.BatchNormalization(momentum=0.9))
    model.add(layers.ReLU())
model.add(layers.Flatten())
model.add(layers.Dense(128, activation="relu"))
model.add(layers.Dense(len(classes), activation="softmax"))
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(X, y, batch_size=16, epochs=20, verbose=0)
print(f"accuracy {model.evaluate(X_test, y_test, verbose=0)[1]:.2f}")
model.save("model.keras")
Path("classes.json").write_text(json.dumps(classes.tolist()))
loaded = keras.saving.load_model("model.keras")
names = np.array(json.loads(Path("classes.json").read_text()))
print(names[loaded.predict(X_test[:1], verbose=0).argmax(axis=1)])
