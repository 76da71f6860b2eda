"""Embeddings of images in a folder, addressed by content."""

import contextlib
import functools
import hashlib
import os
import uuid
import zlib
from pathlib import Path

import numpy as np

from sklcnn._descriptions import (
    PIXELS_HASHED,
    describe_device,
    describe_environment,
    describe_file,
    describe_module,
)
from sklcnn._fingerprint import fingerprint
from sklcnn._folder_errors import raise_or_warn, warn_of_listing
from sklcnn._fork_lock import ForkLock
from sklcnn._warnings import warn_user
from sklcnn.images import ImageFiles
from sklcnn.images._mapped import MappedImages, rows_of
from sklcnn.network._batches import read_ahead

ENDING = ".features"
"""Ending of the files, each of which one process writes."""

KEY_BYTES = 16
"""Length of the hash of an image."""

RECORDS_READ = 1024
"""Number of entries that are read at a time."""


_WRITING = ForkLock()
"""Lock of the threads that write, as they append to one file."""


class FeatureCache:
    """Embeddings by the hash of their image, of one network.

    An entry holds key, embedding and checksum. Each process appends to a file of its
    own and reads those of all: no locks are needed, and an entry that is half-written
    has no valid checksum.

    Parameters
    ----------
    folder : path-like
        The `cache_dir` of estimators.
    address : str
        What tells this network, and this kind of images, from others.
    n_features : int
        Number of features of an embedding.
    dtype : dtype
        Their dtype.
    """

    def __init__(self, folder, address, n_features, dtype):
        self.root = Path(os.fsdecode(folder)).expanduser()
        self.folder = self.root / address
        self.record = np.dtype(
            [
                ("key", f"V{KEY_BYTES}"),
                ("features", np.dtype(dtype).newbyteorder("<"), (n_features,)),
                ("checksum", "<u4"),
            ]
        )
        self._places = {}  # from key to all (file, position) that hold it
        self._n_seen = {}  # of each file
        self._writes = True
        self._lists = True
        self._has_warned = False

    def read(self, keys, features):
        """Read embeddings.

        Parameters
        ----------
        keys : list of bytes
            Hashes of images.
        features : ndarray of shape (n, n_features)
            Where the embeddings go that are there.

        Returns
        -------
        is_found : ndarray of shape (n,), dtype bool
        """
        is_found = np.zeros(len(keys), dtype=bool)
        wanted, attempt = range(len(keys)), 0
        while wanted:  # a damaged entry may have a good twin
            by_file, damaged = {}, []
            for row in wanted:
                places = self._places.get(keys[row], ())
                if attempt < len(places):
                    file, position = places[attempt]
                    by_file.setdefault(file, []).append((position, row))
            for file, pairs in by_file.items():
                positions, rows = np.array(sorted(pairs)).T
                is_good = self._read_file(file, positions, rows, keys, features)
                is_found[rows[is_good]] = True
                damaged += rows[~is_good].tolist()
            wanted, attempt = damaged, attempt + 1
        return is_found

    def refresh(self):
        """Find entries that were added since; tell whether there are any."""
        found = False
        for path, n_records in self._list_files():
            start = self._n_seen.get(path, 0)
            if n_records <= start:
                continue
            with contextlib.suppress(OSError, ValueError):
                keys = np.memmap(path, self.record, "r", shape=n_records)["key"]
                for position, key in enumerate(keys[start:].tolist(), start):
                    self._places.setdefault(key, []).append((path, position))
                self._n_seen[path] = n_records
                found = True
        return found

    def write(self, keys, features):
        """Add embeddings, unless the folder could not be written to before.

        Parameters
        ----------
        keys : list of bytes
            Hashes of images.
        features : ndarray of shape (n, n_features)
            Their embeddings.

        Raises
        ------
        OSError
            If the folder can't be written to, though there is room.
        """
        if not self._writes:
            return
        records = np.zeros(len(keys), dtype=self.record)
        records["key"] = np.frombuffer(b"".join(keys), self.record["key"])
        records["features"] = features
        records["checksum"] = _checksums(records)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _WRITING.held(), open(self._own_file(), "ab") as file:
                _append(file, records)
        except OSError as error:
            consequence = "Features are computed without."
            raise_or_warn(error, "cache_dir", self.root, consequence=consequence)
            self._writes = False

    def _own_file(self):
        return self.folder / f"{_name_of_process(os.getpid())}{ENDING}"

    def _list_files(self):
        """List files and their numbers of whole entries."""
        if not self._lists:
            return []
        try:
            with os.scandir(self.folder) as entries:
                files = [entry for entry in entries if entry.name.endswith(ENDING)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self._lists = False
            warn_of_listing(error, "cache_dir", self.root, contents="Embeddings")
            return []
        found = []
        for entry in files:
            with contextlib.suppress(OSError):  # removed since, or a link to nowhere
                n_records = entry.stat().st_size // self.record.itemsize
                found.append((entry.path, n_records))
        return found

    def _read_file(self, path, positions, rows, keys, features):
        """Copy entries of one file; tell which of them are as they were written."""
        is_good = np.zeros(len(rows), dtype=bool)
        for start in range(0, len(rows), RECORDS_READ):
            part = slice(start, start + RECORDS_READ)
            try:
                file = np.memmap(path, self.record, "r", shape=self._n_seen[path])
                records = file[positions[part]]
            except (OSError, ValueError):  # removed, or cut off, since
                continue
            is_good[part] = records["checksum"] == _checksums(records)
            is_good[part] &= [
                key == keys[row]
                for key, row in zip(records["key"].tolist(), rows[part], strict=True)
            ]
            features[rows[part][is_good[part]]] = records["features"][is_good[part]]
        if not is_good.all() and not self._has_warned:
            self._has_warned = True
            warn_user(
                f"The file {str(path)!r} in cache_dir is damaged. What can't be read "
                "is computed again."
            )
        return is_good


def embed_missing(compute, images, keys, cache, features, block_size):
    """Fill in the embeddings of images, each of which is computed once.

    Several processes that embed the same images begin at different ones, and take over
    what others have added since.

    Parameters
    ----------
    compute : callable
        Takes images and yields embeddings of a few of them at a time.
    images : ndarray or lazy images of shape (n_samples, ...)
        The images.
    keys : list of bytes
        Their hashes.
    cache : FeatureCache
        Where embeddings are looked up and added.
    features : ndarray of shape (n_samples, n_features)
        Where they go.
    block_size : int
        Number of images after which those of other processes are looked up.
    """
    cache.refresh()
    rows = np.flatnonzero(~cache.read(keys, features))
    first = {}
    for row in rows.tolist():
        first.setdefault(keys[row], row)
    waiting = np.array(list(first.values()), dtype=np.intp)
    rng = np.random.default_rng()
    if len(waiting) > block_size:
        waiting = np.roll(waiting, rng.integers(len(waiting)))
    while len(waiting):
        block, waiting = waiting[:block_size], waiting[block_size:]
        start = 0
        for batch in compute(rows_of(images, block)):
            now = block[start : start + len(batch)]
            features[now] = batch
            cache.write([keys[row] for row in now], features[now])
            start += len(batch)
        if len(waiting) and cache.refresh():
            found = np.empty((len(waiting), features.shape[1]), features.dtype)
            is_found = cache.read([keys[row] for row in waiting], found)
            features[waiting[is_found]] = found[is_found]
            waiting = waiting[~is_found]
            waiting = np.roll(waiting, rng.integers(max(1, len(waiting))))
    for row in rows.tolist():
        features[row] = features[first[keys[row]]]


def address_of_features(network, images):
    """Hash what embeddings depend on besides the single image.

    Parameters
    ----------
    network : FittedNetwork
        The network. Its heads, which make no embeddings, are left out.
    images : ndarray or lazy images of shape (n_samples, ...)
        The images, of whose kind depends what tells them apart.

    Returns
    -------
    address : str
        64 hexadecimal digits.

    Raises
    ------
    TypeError
        If a layer of a network of the user has no fingerprint.
    """
    spec, module = network.spec, network.module
    facts = spec.as_dict()
    facts.pop("function", None)
    layers = describe_module(module.body)[:2] if spec.kind == "callable" else None
    weights = [
        (name, fingerprint(tensor))
        for name, tensor in module.state_dict().items()
        if not module.is_in_head(name.removeprefix("body."))
    ]
    known = [
        facts,
        layers,
        weights,
        (str(network.dtype), network.bfloat16[1]),
        describe_device(network.device),
        describe_environment(),
        _describe_source(images),
    ]
    return hashlib.sha256(repr(known).encode()).hexdigest()


def hash_images(images, image_shape):
    """Hash each of several images.

    Files are told by path, size and dates, and not read. Arrays are hashed, and so are
    lazy images of other kinds, which are read for that.

    Parameters
    ----------
    images : ndarray or lazy images of shape (n_samples, ...)
        The images.
    image_shape : tuple of three ints
        Height, width and number of channels.

    Returns
    -------
    keys : list of bytes
    """
    files, _ = _files_of(images)
    if files is not None:
        return [_hash(repr(describe_file(path)).encode()) for path in files.paths]
    n_rows = max(1, PIXELS_HASHED // int(np.prod(image_shape)))
    rows = np.arange(images.shape[0])
    parts = [rows[start : start + n_rows] for start in range(0, len(rows), n_rows)]
    return [
        _hash(image.data)
        for pixels in read_ahead(images, parts, image_shape)
        for image in np.ascontiguousarray(pixels).view(np.uint8)
    ]


def _describe_source(images):
    """Describe how pixels are made of what tells images apart."""
    files, functions = _files_of(images)
    if files is None:
        return np.dtype(images.dtype).str
    return files.made_by, functions


def _files_of(images):
    """Find the files that images are read from, and what is done to them then.

    Returns
    -------
    files : ImageFiles or None
        None where images are told apart by their pixels: also where a function of the
        user changes them, which may read what its code does not show.
    functions : list
        Fingerprints, of the last function first.
    """
    functions = []
    while type(images) is MappedImages:
        try:
            functions.append(fingerprint(images.function))
        except TypeError:
            return None, []
        images = images.images
    if type(images) is ImageFiles and not any(map(_has_own_code, functions)):
        return images, functions
    return None, []


def _has_own_code(description):
    """Whether a fingerprint is of code that belongs to no installed package."""
    if not isinstance(description, tuple):
        return False
    kind = description[:1]
    is_own = kind == ("class",) or (kind == ("function",) and len(description) > 3)
    return is_own or any(map(_has_own_code, description))


def _checksums(records):
    """Compute the checksum of keys and features of each entry."""
    data = records.view(np.uint8).reshape(len(records), -1)
    n_bytes = data.shape[1] - records["checksum"].itemsize
    return [zlib.crc32(row) for row in data[:, :n_bytes]]


def _append(file, records):
    """Append all of some entries to a file, or nothing, after the last whole entry."""
    end = file.seek(0, os.SEEK_END)
    start = end - end % records.itemsize
    if start < end:
        file.truncate(start)
    try:
        file.write(records.tobytes())
        file.flush()
    except OSError:
        with contextlib.suppress(OSError):
            file.truncate(start)
        raise


def _hash(data):
    return hashlib.sha256(data).digest()[:KEY_BYTES]


@functools.cache
def _name_of_process(pid):
    """Draw a name for the files of a process, also of one that was forked."""
    return uuid.uuid4().hex
