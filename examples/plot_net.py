"""
What does a fitted network keep beside its weights?
===================================================

`net_` of a fitted classifier is the skorch net that did the training. Its callbacks
record and steer, its history holds what they recorded, and its module is a torch module
whose layers can be looked at. One figure shows all three.
"""

# %%
# Callbacks of skorch: one scores each epoch, one lowers the learning rate.
import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from skorch.callbacks import EpochScoring, LRScheduler

from sklcnn import CNNClassifier

X, y = load_digits().images, load_digits().target
recall = EpochScoring("recall_macro", name="recall", lower_is_better=False)
rate = LRScheduler("StepLR", step_size=5, gamma=0.3)
model = CNNClassifier(max_epochs=15, callbacks=[recall, rate], random_state=0)
model.fit(X[:500], y[:500], X_val=X[500:800], y_val=y[500:800])

# %%
# `history_` lists what was recorded of each epoch; `net_.history` slices it.
print(model.history_[-1])
print(model.net_.history[-3:, ("train_loss", "recall")])

# %%
# The module takes pixels as they are. A hook catches what the first convolution makes
# of one digit.
caught = []
layers = model.net_.module_.modules()
convolution = next(layer for layer in layers if isinstance(layer, torch.nn.Conv2d))
hook = convolution.register_forward_hook(lambda *known: caught.append(known[2]))
with torch.no_grad():
    model.net_.module_(torch.as_tensor(X[:1, :, :, None], dtype=torch.float32))
hook.remove()

# %%
# What was recorded, what the learning rate did, and what the network sees.
figure, axes = plt.subplots(1, 3, figsize=(12, 4))
history = model.net_.history
axes[0].plot(history[:, "train_loss"], label="training loss")
axes[0].plot(history[:, "valid_loss"], label="validation loss")
axes[0].plot(history[:, "recall"], label="recall")
axes[0].set(title="Recorded in each epoch", xlabel="epoch")
axes[0].legend()
axes[1].step(range(15), history[:, "learning_rate"], where="mid")
axes[1].set(title="Set by LRScheduler", xlabel="epoch", ylabel="learning rate")
maps = caught[0][0, :16].reshape(4, 4, *caught[0].shape[2:])
axes[2].imshow(maps.permute(0, 2, 1, 3).flatten(2).flatten(0, 1), cmap="gray")
axes[2].set(title="A zero after the first convolution")
axes[2].set_axis_off()
figure.tight_layout()
plt.show()
