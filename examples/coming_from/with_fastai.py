"""Photos in folders, with fastai: train, test, save, load, predict."""

from fastai.vision.all import (
    Flip,
    ImageDataLoaders,
    Resize,
    Rotate,
    accuracy,
    load_learner,
    set_seed,
    vision_learner,
)
from torchvision.models import resnet18

set_seed(0, reproducible=True)
loaders = ImageDataLoaders.from_folder(
    "photos",
    valid_pct=0.25,
    seed=0,
    bs=16,
    num_workers=0,
    item_tfms=Resize((64, 64), method="squish"),
    batch_tfms=[Flip(), Rotate(15)],
)
learner = vision_learner(loaders, resnet18, pretrained=False, metrics=accuracy)
with learner.no_bar(), learner.no_logging():
    learner.fit_one_cycle(20, 0.01)
    print(f"accuracy {learner.validate()[1]:.2f}")
learner.export("model.pkl")
loaded = load_learner("model.pkl")
with loaded.no_bar():
    print(loaded.predict(loaders.valid_ds.items[0])[0])
