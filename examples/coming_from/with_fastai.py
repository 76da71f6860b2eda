"""Photos in folders, with fastai: train, test, save, load, predict."""

import fastai.vision.all as vision
from torchvision.models import resnet18

vision.set_seed(0, reproducible=True)
loaders = vision.ImageDataLoaders.from_folder(
    "photos",
    valid_pct=0.25,
    seed=0,
    bs=16,
    num_workers=0,
    item_tfms=vision.Resize((64, 64), method="squish"),
    batch_tfms=[vision.Flip(), vision.Rotate(15)],
)
learner = vision.vision_learner(
    loaders, resnet18, pretrained=False, metrics=vision.accuracy
)
with learner.no_bar(), learner.no_logging():
    learner.fit_one_cycle(20, 0.01)
    print(f"accuracy {learner.validate()[1]:.2f}")
learner.export("model.pkl")
loaded = vision.load_learner("model.pkl")
with loaded.no_bar():
    print(loaded.predict(loaders.valid_ds.items[0])[0])
