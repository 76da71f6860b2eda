"""One training shared out to several processes, a part of every batch to each."""

import torch
from skorch.callbacks import Callback
from torch import distributed

from sklcnn.network._optimization import learning_rate_of
from sklcnn.parallel._agreement import (
    agree,
    compare,
    count_training,
    digest,
    facts_of,
    with_clear_errors,
)


class ShareBatches(Callback):
    """Distribute every training batch over the processes that `torchrun` started.

    A callback for `CNNClassifier`. Every process fits the same images with the same
    `random_state`, draws the same batches, and takes its part of each through the
    network; logits and gradients are put together. So all make the same steps, those
    of one process alone up to rounding, which in bfloat16 is coarse. Without a process
    group, or in one of a single process, it changes nothing.

    See Also
    --------
    sklcnn.CNNClassifier : Takes it among `callbacks`.

    Notes
    -----
    Before the first batch, processes compare images (all pixels of arrays; 64 of lazy
    ones), labels, weights, rows, the network and what the net knows of the parameters,
    and with every batch its rows, learning rate and weight decay: training ends with
    an error that names what differs. Where one process fails, all others fail with an
    error as soon as it begins its next training or ends, so that a cross-validation
    with ``error_score=nan`` goes on with the same training in all. Nothing is waited
    for longer than the ``timeout`` given to ``torch.distributed.init_process_group``,
    which is half an hour by default with gloo.

    The network is shared out, which is nearly all of the work on a CPU; every process
    reads and augments whole batches. Batch normalization sees the rows of one process
    only and dropout draws for them, so that training with either differs from one
    process alone; running statistics are averaged after every epoch. Validation and
    prediction are done by every process for itself.

    Examples
    --------
    >>> from sklcnn import CNNClassifier
    >>> from sklcnn.parallel import ShareBatches
    >>> model = CNNClassifier(batch_norm=False, callbacks=[ShareBatches()])
    """

    handles_ = ()
    must_compare_ = False

    @property
    def is_shared(self):
        """Whether there are several processes."""
        return distributed.is_initialized() and distributed.get_world_size() > 1

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Keep batches whole, and wait for the first epoch to compare them.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net that is trained.
        X, y : None
            Not used.
        **kwargs : dict
            Not used.
        """
        self._leave()
        self.must_compare_ = self.is_shared
        if self.must_compare_:
            count_training()
            net.may_split = False  # each process waits for what the others compute

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Share the network's work out, once all are known to train alike.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net that is trained.
        dataset_train : RowsDataset
            Rows to train on.
        dataset_valid : RowsDataset or None
            Rows to validate on.
        **kwargs : dict
            Not used.
        """
        if not self.must_compare_:
            return
        agree("begin")
        valid = dataset_valid and dataset_valid.batches
        compare(facts_of(net, dataset_train.batches, valid))
        self.must_compare_ = False
        self.handles_ = [
            net.module_.register_forward_pre_hook(self._take_part),
            net.module_.register_forward_hook(self._put_together),
        ]

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        """Note down what has to be alike in this step.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net that is trained.
        batch : tuple of two tensors
            Images and targets.
        training : bool
            Whether the batch is trained on.
        **kwargs : dict
            Not used.
        """
        if self.handles_ and training:
            self.step_ = {
                "learning_rate": learning_rate_of(net.optimizer_),
                "weight_decay": net.optimizer_.param_groups[0]["weight_decay"],
                "rows of a batch": digest(batch[1]),
            }

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Leave the network as it was, once all are at the end.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net that was trained.
        X, y : None
            Not used.
        **kwargs : dict
            Not used.
        """
        if self.handles_:
            self._leave()
            agree("end")

    def on_grad_computed(self, net, named_parameters, **kwargs):
        """Add the gradients of all processes.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net that is trained.
        named_parameters : list of (str, Parameter)
            Its parameters.
        **kwargs : dict
            Not used.
        """
        if self.handles_:
            gradients = [p.grad for _, p in named_parameters if p.grad is not None]
            sum_up(gradients, stage="gradients")

    def on_epoch_end(self, net, **kwargs):
        """Average the running statistics of the processes.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net that is trained.
        **kwargs : dict
            Not used.
        """
        if self.handles_:
            buffers = [b for b in net.module_.buffers() if b.is_floating_point()]
            sum_up(buffers, 1 / distributed.get_world_size(), stage="statistics")

    def _leave(self):
        """Take the hooks off the network, also those of a training that failed."""
        for handle in self.handles_:
            handle.remove()
        self.handles_ = ()

    def _take_part(self, module, inputs):
        """Keep the rows of this process, and remember where they belong."""
        if not module.training:
            return inputs
        n_rows = len(inputs[0])
        bounds = [
            n_rows * place // distributed.get_world_size()
            for place in (distributed.get_rank(), distributed.get_rank() + 1)
        ]
        self.place_ = n_rows, *bounds
        return (inputs[0][slice(*bounds)],)

    def _put_together(self, module, inputs, logits):
        """Give the logits of all rows; those of this process have gradients."""
        if not module.training:
            return logits
        n_rows, start, stop = self.place_
        if logits.dtype == torch.bfloat16:  # which not every backend can sum
            logits = logits.float()
        everything = logits.new_zeros(n_rows, *logits.shape[1:])
        everything[start:stop] = logits.detach()
        agree("logits", n_values=everything.numel(), **self.step_)
        with_clear_errors(distributed.all_reduce, everything)
        return torch.cat([everything[:start], logits, everything[stop:]])

    def __getstate__(self):
        return {**vars(self), "handles_": ()}


def sum_up(tensors, factor=1.0, *, stage):
    """Replace tensors by their sums over all processes, in one message."""
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    agree(stage, n_values=flat.numel())
    with_clear_errors(distributed.all_reduce, flat)
    parts = flat.mul_(factor).split([tensor.numel() for tensor in tensors])
    with torch.no_grad():
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))
