"""Photos in folders, with fastai: train, test, save, load, predict."""

import fastai.vision.all as vision

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
network = vision.SimpleCNN([3, 16, 32, 64, 128, loaders.c], bn=True)
learner = vision.Learner(loaders, network, metrics=vision.accuracy)
with learner.no_bar(), learner.no_logging():
    learner.fit_one_cycle(20, 0.01)
    print(f"accuracy {learner.validate()[1]:.2f}")
learner.export("model.pkl")
loaded = vision.load_learner("photos/model.pkl")
with loaded.no_bar():
    print(loaded.predict(loaders.valid_ds.items[0])[0])
