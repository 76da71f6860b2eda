"""How fast images are read from a folder, beside what else reads them.

Files are written to --folder and kept there, or to a temporary one. The second table is
of training for one epoch, with networks of few and of many channels; waiting is the
share of the epoch in which the network waits for images. Many files, and files that
are much larger than what is read::

    python -m tests.benchmarks folder --files 50000 --folder photos-128
    python -m tests.benchmarks folder --files 300 --file-side 3500 --side 128
    python -m tests.benchmarks folder --kind png --no-training
    python -m tests.benchmarks folder --files 100 --file-side 3500 --side 64 --caching
"""

import re
import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.data import astronaut
from sklearn.pipeline import make_pipeline

from sklcnn import CNNClassifier
from sklcnn.images import ImageFiles, load_image_folder
from sklcnn.images._cache import CHECKS, HEADERS
from sklcnn.preprocessing import HOG, ReadImages
from tests.benchmarks._epoch import COLUMNS, add_epoch, in_fresh_process
from tests.benchmarks._plots import bars
from tests.benchmarks._results import Table
from tests.benchmarks._run import run_alone

BATCH_SIZE = 128
N_CLASSES = 10


def write_images(folder, n_files, size, kind):
    """Write pieces of a photo into a folder for each class."""
    photo = Image.fromarray(astronaut())
    rng = np.random.default_rng(0)
    for number in range(n_files):
        path = Path(folder) / f"class{number % N_CLASSES}" / f"{number:06}.{kind}"
        left, top = map(int, rng.integers(0, 512 - 128, 2))
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            box = (left, top, left + 128, top + 128)
            photo.resize((size, size), box=box).save(path, quality=90)


def read_with_pillow(paths, *, size, n_jobs):
    """Decode in threads, JPEG at a fraction of its size: the least there is to do."""

    def read(path):
        with Image.open(path) as image:
            image.draft("RGB", (size, size))
            return np.asarray(image.convert("RGB").resize((size, size)))

    with ThreadPoolExecutor(n_jobs) as pool:
        return len(list(pool.map(read, paths)))


def read_with_sklcnn(paths, *, size, n_jobs):
    """Read batches as the classifier does."""
    images = ImageFiles(paths, (size, size), n_jobs=n_jobs)
    for start in range(0, len(images), BATCH_SIZE):
        images.read(np.arange(start, min(start + BATCH_SIZE, len(images))))
    return len(images)


def fit_reader(paths, *, size):
    """Look at the headers, as the first `ReadImages.fit` does."""
    HEADERS.clear()
    ReadImages((size, size)).fit(paths)
    return len(paths)


def extract_hog(paths, *, size):
    """Read files, and compute the features of the classical baseline."""
    return len(make_pipeline(ReadImages((size, size)), HOG()).fit_transform(paths))


def check_files(paths, *, size):
    """Decode all files before training, as the first `on_error="warn"` does."""
    CHECKS.clear()
    ReadImages((size, size), on_error="warn").fit_transform(paths)
    return len(paths)


def read_with_torchvision(paths, *, n_workers):
    """Read batches of an ImageFolder through a DataLoader."""
    from torch import set_num_threads
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import PILToTensor

    set_num_threads(1)  # two make it many times slower on busy cores
    dataset = ImageFolder(Path(paths[0]).parent.parent, transform=PILToTensor())
    loader = DataLoader(dataset, batch_size=BATCH_SIZE, num_workers=n_workers)
    return sum(len(labels) for _, labels in loader)


def make_model(size, channels, n_jobs):
    """Make a pipeline that reads and trains for one epoch."""
    network = CNNClassifier(
        conv_channels=channels, batch_size=BATCH_SIZE, max_epochs=1, random_state=0
    )
    return make_pipeline(ReadImages((size, size), n_jobs=n_jobs), network)


def measure(read, paths):
    """Time a reader: images per second, CPU microseconds an image, peak MiB."""
    try:
        read(paths[: 2 * BATCH_SIZE])
        start, cpu_start = time.perf_counter(), usage()[0]
        n_images = read(paths)
        seconds = time.perf_counter() - start
    except (ImportError, RuntimeError) as error:
        print(error)
        return None, None, None
    cpu_seconds, memory = usage()
    cpu_per_image = (cpu_seconds - cpu_start) / n_images
    return n_images / seconds, 1e6 * cpu_per_image, memory


def usage():
    """Tell the CPU seconds of this process and its workers, and its own peak MiB."""
    both = [resource.getrusage(resource.RUSAGE_SELF)]
    both.append(resource.getrusage(resource.RUSAGE_CHILDREN))
    cpu_seconds = sum(each.ru_utime + each.ru_stime for each in both)
    # ru_maxrss would be that of the process that started this one, if it was larger
    status = Path("/proc/self/status").read_text()
    return cpu_seconds, int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def readers_of(size):
    """List what reads files."""
    readers = {}
    for n_jobs in (1, 2):
        name = f"Pillow, {n_jobs} thread(s) (the limit)"
        readers[name] = partial(read_with_pillow, size=size, n_jobs=n_jobs)
    for n_jobs in (1, 2):
        name = f"ImageFiles.read (sklcnn), {n_jobs} thread(s)"
        readers[name] = partial(read_with_sklcnn, size=size, n_jobs=n_jobs)
    readers["ReadImages.fit: headers only"] = partial(fit_reader, size=size)
    readers["ReadImages and HOG"] = partial(extract_hog, size=size)
    name = "ReadImages(on_error='warn'): full check"
    readers[name] = partial(check_files, size=size)
    for n_workers in (0, 1):
        name = f"ImageFolder + DataLoader, {n_workers} worker(s)"
        readers[name] = partial(read_with_torchvision, n_workers=n_workers)
    return readers


def measure_reading(paths, options):
    """Fill the table of readers, each in a process of its own."""
    columns = {"": "<42", "images/s": ".0f", "CPU us/image": ".0f", "peak MiB": ".0f"}
    side = options.file_side or options.side
    title = f"Reading {len(paths):,} {options.kind} files of {side}x{side}"
    title += f" at {options.side}x{options.side}" if side != options.side else ""
    table = Table(title, columns, quick=options.quick)
    for name, read in readers_of(options.side).items():
        table.add(name, *in_fresh_process(measure, read, paths))
    return table


def measure_training(paths, y, options):
    """Fill the table of epochs."""
    title = f"An epoch on {len(paths):,} files of {options.side}x{options.side}"
    table = Table(title, COLUMNS, quick=options.quick)
    small = options.small or options.quick
    for channels in ((8, 16), (32, 64, 128))[: 1 if small else 2]:
        for n_jobs in (1,) if options.quick else (1, 2):
            model = partial(make_model, options.side, channels, n_jobs)
            add_epoch(
                table, f"channels {channels}, {n_jobs} thread(s)", model, paths, y
            )
    return table


def fit_repeatedly(paths, y, *, side, cache):
    """Train for ten epochs; give CPU seconds and those on the wall."""
    network = CNNClassifier(max_epochs=10, calibration_fraction=0, random_state=0)
    model = make_pipeline(ReadImages((side, side), cache=cache), network)
    start, cpu_start = time.perf_counter(), time.process_time()
    model.fit(paths, y)
    return time.process_time() - cpu_start, time.perf_counter() - start


def measure_caching(paths, y, options):
    """Fill the table of trainings with and without a cache, in turns."""
    columns = {"cache": "<8", "CPU s": ".1f", "s": ".1f"}
    title = f"Ten epochs on {len(paths):,} files of {options.file_side or options.side}"
    table = Table(f"{title}, read at {options.side}", columns, quick=options.quick)
    for cache in (None, "memory", None, "memory"):
        fit = partial(fit_repeatedly, side=options.side, cache=cache)
        table.add(str(cache), *in_fresh_process(fit, paths, y))
    return table


def add_options(parser):
    """Let the files be chosen, and what is done with them."""
    parser.add_argument("--files", type=int, default=2000, help="how many")
    parser.add_argument("--kind", choices=("jpg", "png"), default="jpg", help="format")
    parser.add_argument("--file-side", type=int, help="side of files, if not --side")
    parser.add_argument("--no-reading", action="store_true", help="only train")
    parser.add_argument("--no-training", action="store_true", help="only read")
    parser.add_argument("--small", action="store_true", help="train no large network")
    parser.add_argument("--caching", action="store_true", help="only compare caches")


def run(options):
    """Write the files, read them, and train on them."""
    n_files = min(400, options.files) if options.quick else options.files
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or temporary
        side = options.file_side or options.side
        write_images(folder, n_files, side, options.kind)
        start = time.perf_counter()
        paths, y = load_image_folder(folder, return_X_y=True)
        print(f"{len(paths)} files listed in {time.perf_counter() - start:.2f} s")
        if options.caching:
            return [measure_caching(paths, y, options)]
        tables = [] if options.no_reading else [measure_reading(paths, options)]
        if options.no_training:
            return tables
        return [*tables, measure_training(paths, y, options)]


def plot(figure, tables):
    """Draw the speed of readers as bars."""
    rows = tables[0].records()
    labels = [row[""] for row in rows]
    bars(figure, labels, [row["images/s"] for row in rows], "images/s", line=None)


if __name__ == "__main__":
    run_alone("folder")
