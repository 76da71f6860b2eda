"""
A search on a Dask cluster, and predictions in blocks
=====================================================

Searches on two worker processes, one of which is killed on the way, and finishes as if
nothing had happened. Then predicts an array, and files, that need not fit in memory.
"""

# %%
# Workers import this file, so that the rest is for the first process only.
import os
import signal
import threading
from pathlib import Path
from tempfile import mkdtemp

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from joblib import parallel_config
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklcnn import CNNClassifier
from sklcnn.parallel import register_dask
from sklcnn.preprocessing import ReadImages

if __name__ == "__main__":
    X, y = (load_digits().images * 15.9).astype(np.uint8), load_digits().target
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    )
    client = Client(cluster)

    # %%
    # After a while, one worker is gone; Dask starts another. The search goes on.
    pid = next(iter(client.run(os.getpid).values()))
    threading.Timer(6, os.kill, (pid, signal.SIGKILL)).start()
    register_dask()
    model = CNNClassifier(conv_channels=(16, 32), max_epochs=10, random_state=0)
    grid = {"learning_rate": [0.01, 0.05, 0.1], "hidden_units": [(), (64,)]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=-1)
    with parallel_config(backend="sklcnn-dask"):
        search.fit(X[:600], y[:600])
    print(f"best: {search.best_params_}, accuracy {search.best_score_:.3f}")

    # %%
    # An array in blocks: a worker holds one at a time.
    best = search.best_estimator_
    blocks = da.from_array(X, chunks=(500, -1, -1))
    probabilities = blocks.map_blocks(
        best.predict_proba,
        drop_axis=2,
        chunks=(blocks.chunks[0], (len(best.classes_),)),
        meta=np.empty((0, 0)),
    )
    predicted = probabilities.argmax(axis=1).compute()
    print(f"accuracy on unseen images {np.mean(predicted[600:] == y[600:]):.3f}")

    # %%
    # Files in blocks are paths in blocks, read by the first step of a pipeline.
    folder = Path(mkdtemp())
    for row, image in enumerate(X[600:1000]):
        Image.fromarray(image).save(folder / f"{row:03}.png")
    paths = np.array(sorted(map(str, folder.iterdir())))
    reader = ReadImages((8, 8), color_mode="gray").fit(paths)
    pipeline = make_pipeline(reader, best)
    labels = da.from_array(paths, chunks=100).map_blocks(
        pipeline.predict, dtype=y.dtype
    )
    print(f"accuracy on files {np.mean(labels.compute() == y[600:1000]):.3f}")
    client.close()
    cluster.close()
