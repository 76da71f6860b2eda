"""What feeding costs: an epoch beside a hand-written loop and beside bare skorch.

Run ``python -m tests.benchmarks.loop``. All three train the same layers on 20,000
random 28x28 images, batches of 128, one thread, in turns; the table shows medians of
CPU seconds and their ratio to the hand-written loop.
"""

import time

import numpy as np
import skorch
import torch
from torch import nn

from sklcnn import CNNClassifier
from sklcnn.network._modules import build_convnet

N, BATCH, ROUNDS = 20_000, 128, 5


def tiny_network(n_channels, n_classes):
    """Build one convolution of 8 channels and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(n_channels, 8, 3, padding=1),
        nn.MaxPool2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 7 * 7, n_classes),
    )


def default_network(n_channels, n_classes):
    """Build the default layers of the classifier."""
    return build_convnet(
        image_shape=(28, 28, n_channels),
        n_classes=n_classes,
        conv_channels=(32, 64, 128),
        kernel_size=3,
        pool_size=2,
        hidden_units=(128,),
        dropout=0.0,
        batch_norm=True,
    )


def by_hand(network, X, y, bfloat16):
    """Train one epoch with a loop as short as it gets."""
    model = network(1, 10).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        model.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    mean, std = X.mean() / 255, X.std() / 255
    targets = torch.as_tensor(y)
    start = time.process_time()
    for rows in np.array_split(np.random.permutation(N), -(-N // BATCH)):  # noqa: NPY002
        images = torch.from_numpy(X[rows]).float().unsqueeze(1)
        images = (images / 255 - mean) / std
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = model(images)
        nn.functional.cross_entropy(logits.float(), targets[rows]).backward()
        optimizer.step()
    return time.process_time() - start


def by_sklcnn(network, X, y, bfloat16):
    """Train one epoch with this package."""
    model = CNNClassifier(
        network=network,
        precision="auto" if bfloat16 else "float32",
        batch_size=BATCH,
        max_epochs=1,
        random_state=0,
    )
    model.partial_fit(X[:BATCH], y[:BATCH], classes=np.arange(10))
    start = time.process_time()
    model.partial_fit(X, y)
    return time.process_time() - start


def by_skorch(network, X, y, bfloat16):
    """Train one epoch with skorch as it comes, in float32."""
    X = ((X / 255 - X.mean() / 255) / (X.std() / 255)).astype(np.float32)[:, None]
    net = skorch.NeuralNetClassifier(
        network(1, 10),
        criterion=nn.CrossEntropyLoss,
        optimizer__momentum=0.9,
        train_split=None,
        batch_size=BATCH,
        iterator_train__shuffle=True,
        max_epochs=1,
        verbose=0,
    ).initialize()
    start = time.process_time()
    net.partial_fit(X, y)
    return time.process_time() - start


def main():
    """Print the table."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (N, 28, 28), dtype=np.uint8)
    y = rng.integers(0, 10, N)
    print(f"{'network':10}{'loop':14}{'CPU s/epoch':>12}{'spread':>8}{'ratio':>7}")
    for network, bfloat16 in ((tiny_network, False), (default_network, True)):
        seconds = {by_hand: [], by_sklcnn: [], by_skorch: []}
        for _ in range(ROUNDS):
            for loop, values in seconds.items():
                values.append(loop(network, X, y, bfloat16))
        for loop, values in seconds.items():
            ratio = np.median(np.divide(values, seconds[by_hand]))
            print(
                f"{network.__name__.removesuffix('_network'):10}{loop.__name__:14}"
                f"{np.median(values):12.2f}{np.ptp(values):8.2f}{ratio:7.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
