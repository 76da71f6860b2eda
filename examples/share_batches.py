"""
One training shared out to the processes of torchrun
====================================================

Started by ``torchrun --standalone --nproc-per-node 2 examples/share_batches.py``, each
of two processes takes half of every batch through the network; started by ``python``,
one process does it all. The losses are the same.
"""

# %%
# Every process loads the same images.
import os

from sklearn.datasets import load_digits
from torch import distributed

from sklcnn import CNNClassifier
from sklcnn.parallel import ShareBatches

if "RANK" in os.environ:
    distributed.init_process_group("gloo")
digits = load_digits()
X, y = digits.images[:1000], digits.target[:1000]

# %%
# Batch normalization is off, because it would see the halves only; in bfloat16, losses
# would be the same to two digits.
model = CNNClassifier(
    conv_channels=(16, 32),
    batch_norm=False,
    batch_size=25,
    max_epochs=5,
    precision="float32",
    callbacks=[ShareBatches()],
    random_state=0,
)
model.fit(X, y)

# %%
# All processes have the same network; the first tells of it.
if os.environ.get("RANK", "0") == "0":
    for epoch, record in enumerate(model.history_):
        print(f"epoch {epoch}: loss {record['train_loss']:.6f}")
    accuracy = model.score(digits.images[1000:], digits.target[1000:])
    print(f"accuracy {accuracy:.3f}")
if distributed.is_initialized():
    distributed.destroy_process_group()
