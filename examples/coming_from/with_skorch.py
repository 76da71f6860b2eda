"""Photos in folders, with skorch: train, test, save, load, predict."""

import json

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from skorch import NeuralNetClassifier
from torch import nn
from torch.utils.data import Subset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2


class Network(nn.Module):
    """Four blocks of convolution and a hidden layer."""

    def __init__(self, n_classes=3):
        super().__init__()
        layers, before = [], 3
        for channels in (16, 32, 64, 128):
            convolution = nn.Conv2d(before, channels, 3, padding=1, bias=False)
            layers += [convolution, nn.MaxPool2d(2), nn.BatchNorm2d(channels)]
            layers += [nn.ReLU()]
            before = channels
        layers += [nn.Flatten(), nn.LazyLinear(128), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(128, n_classes))

    def forward(self, X):
        """Compute logits."""
        return self.layers(X)


torch.manual_seed(0)
read = [v2.Resize((64, 64)), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
read += [v2.Normalize([0.5] * 3, [0.25] * 3)]
draw = [v2.RandomHorizontalFlip(), v2.RandomRotation(15)]
drawn = ImageFolder("photos", v2.Compose([*draw, *read]))
plain = ImageFolder("photos", v2.Compose(read))
y = np.array(plain.targets)
train, test = train_test_split(np.arange(len(y)), stratify=y, random_state=0)
parameters = {"module__n_classes": len(plain.classes), "criterion": nn.CrossEntropyLoss}
net = NeuralNetClassifier(
    Network,
    **parameters,
    max_epochs=20,
    lr=0.05,
    batch_size=16,
    optimizer__momentum=0.9,
    train_split=None,
    iterator_train__shuffle=True,
    verbose=0,
)
net.fit(Subset(drawn, train), y[train])
accuracy = np.mean(net.predict(Subset(plain, test)) == y[test])
print(f"accuracy {accuracy:.2f}")
net.save_params("model.pt")
with open("classes.json", "w") as file:
    json.dump(plain.classes, file)
with open("classes.json") as file:
    classes = np.array(json.load(file))
loaded = NeuralNetClassifier(Network, **parameters).initialize()
loaded.load_params("model.pt")
print(classes[loaded.predict(Subset(plain, test[:1]))])
