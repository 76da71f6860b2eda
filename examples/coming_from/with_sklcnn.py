"""Photos in folders, with sklcnn: train, test, save, load, predict."""

from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklcnn import CNNClassifier
from sklcnn.augmentation import RandomFlip, RandomRotation
from sklcnn.images import load_image_folder
from sklcnn.persistence import dump, load
from sklcnn.preprocessing import ReadImages

X, y = load_image_folder("photos", return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
network = CNNClassifier(max_epochs=20, random_state=0)
model = make_pipeline(ReadImages((64, 64)), RandomFlip(), RandomRotation(15), network)
model.fit(X, y)
print(f"accuracy {model.score(X_test, y_test):.2f}")
dump(model, "model.skops")
print(load("model.skops").predict(X_test[:1]))
