"""How the classifier goes on where a training of the same content ended."""

import warnings

import numpy as np
from tqdm.auto import tqdm

from sklcnn.network._address import address_of, describe_device
from sklcnn.network._checkpoint import put_tensors, take_tensors
from sklcnn.network._checkpoint_folder import Checkpoints
from sklcnn.network._hardware import count_threads, resolve_device
from sklcnn.network._net import without_name

TOLD_OTHERWISE = {
    "checkpoint_dir",
    "class_weight",
    "device",
    "image_shape",
    "n_jobs",
    "precision",
    "random_state",
    "verbose",
    "warm_start",
}
"""Parameters that change nothing, or that are known as what follows from them."""


class ResumingMixin:
    """Mixin that finds, takes up and writes the checkpoints of a `fit`."""

    def _find_checkpoints(self, images, targets, weights):
        """Look up what has been trained already; None where there is no folder."""
        if self.checkpoint_dir is None:
            return None
        callbacks = map(without_name, self.callbacks or ())
        if any(getattr(callback, "is_shared", False) for callback in callbacks):
            warnings.warn(
                "checkpoint_dir is not used where processes share a training: one of "
                "them may find what another does not.",
                UserWarning,
            )
            return None
        if self.random_state is None:
            warnings.warn(
                "checkpoint_dir is of no use without random_state, as each fit draws "
                "another seed. Set random_state to an int.",
                UserWarning,
            )
        facts, last = self._facts_of_training(targets), None
        if self._extends_shorter_ones():
            last = int(facts["parameters"].pop("max_epochs"))
        try:
            address = address_of(facts, images, weights, self.image_shape_)
        except TypeError as error:
            warnings.warn(
                f"checkpoint_dir is not used, as {error}: network, callbacks and "
                "random steps must be told from others in any process.",
                UserWarning,
            )
            return None
        checkpoints = Checkpoints(
            self.checkpoint_dir,
            address,
            last=last,
            only_finished=bool(self.callbacks),
        )
        if self.verbose:
            tqdm.write(checkpoints.summary())
        return checkpoints

    def _facts_of_training(self, targets):
        """Collect what the result depends on, but for images and weights."""
        device = resolve_device(self.device, name=type(self).__name__)
        parameters = self.get_params(deep=False)
        return {
            "type": type(self),
            "parameters": {
                name: _as_given_otherwise(value)
                for name, value in parameters.items()
                if name not in TOLD_OTHERWISE
            },
            "seed": self._seed,
            "classes": self.classes_,
            "targets": targets,
            "device": describe_device(device),
            "n_threads": count_threads(self.n_jobs),
            "formats": self._number_formats(device),
        }

    def _extends_shorter_ones(self):
        """Tell whether an epoch does not depend on how many there are."""
        return (
            self.lr_schedule == "constant"
            and self.weight_decay != "auto"
            and self.max_epochs != "auto"
            and not self.callbacks
        )

    def _resume(self, checkpoints, watch):
        """Take up the state of a checkpoint, if there is one; tell whether to stop."""
        if checkpoints is None:
            return False
        checkpoints.remove_partial_files()
        stopped = False
        if checkpoints.found is not None:
            self._take_up(checkpoints.found, watch)
            stopped = checkpoints.found.facts["stopped"]
        # at once, so that a folder that can't be written to is told before training
        self._keep(checkpoints, watch, stopped=stopped, must=True)
        return stopped

    def _load_finished(self, checkpoints):
        """Take up a checkpoint of which nothing is left to train."""
        watch = self._make_watch()
        with self._all_or_nothing():
            self._take_up(checkpoints.found, watch)
            if self.early_stopping:
                self._use_best(watch)
        self.net_.module_.eval()

    def _take_up(self, checkpoint, watch):
        facts = checkpoint.facts
        put_tensors(checkpoint, self.net_, watch)
        vars(watch).update(facts["watch"])
        self.net_.history.extend(facts["log"])
        for group in self.net_.optimizer_.param_groups:
            group.update(facts["rates"])
        self.net_.n_parts = facts["n_parts"]
        self._record(facts["history"])

    def _keep(self, checkpoints, watch, *, stopped, **when):
        """Write a checkpoint, where and when one is wanted."""
        if checkpoints is not None:
            checkpoints.save(lambda: self._state_of_training(watch, stopped), **when)

    def _state_of_training(self, watch, stopped):
        """Collect what the next epoch depends on, and what is known of those before."""
        group = self.net_.optimizer_.param_groups[0]
        facts = {
            "n_epochs": len(self.history_),
            "n_parts": self.net_.n_parts,
            "stopped": bool(stopped),
            "history": self.history_,
            "log": [_plain(record) for record in self.net_.history],
            "rates": {name: float(group[name]) for name in ("lr", "weight_decay")},
            "watch": watch.counters(),
        }
        return facts, take_tensors(self.net_, watch)


def _as_given_otherwise(value):
    """Give the plain number, or the tuple, that means the same as a parameter."""
    if isinstance(value, np.generic):
        return value.item()
    return tuple(map(_as_given_otherwise, value)) if type(value) is list else value


def _plain(record):
    """Keep what JSON can hold of an epoch in the log of the skorch net."""
    return {
        name: [] if name == "batches" else value
        for name, value in record.items()
        if isinstance(value, (int, float, str)) or name == "batches"
    }
