"""One training shared out to several processes, a part of every batch to each."""

import torch
from skorch.callbacks import Callback
from torch import distributed


class ShareBatches(Callback):
    """Share every training batch out to the processes that `torchrun` started.

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

    @property
    def is_shared(self):
        """Whether there are several processes."""
        return distributed.is_initialized() and distributed.get_world_size() > 1

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Share the network's work out, once all have the same network.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net that is trained.
        X, y : None
            Not used.
        **kwargs : dict
            Not used.
        """
        self.handles_ = []
        if self.is_shared:
            check_same(net.module_)
            net.may_split = False  # each process waits for what the others compute
            self.handles_ = [
                net.module_.register_forward_pre_hook(self._take_part),
                net.module_.register_forward_hook(self._put_together),
            ]

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Leave the network as it was.

        Parameters
        ----------
        net : skorch.NeuralNet
            The net that was trained.
        X, y : None
            Not used.
        **kwargs : dict
            Not used.
        """
        for handle in self.handles_:
            handle.remove()
        self.handles_ = []

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
            sum_up([p.grad for _, p in named_parameters if p.grad is not None])

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
            sum_up(buffers, 1 / distributed.get_world_size())

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
        distributed.all_reduce(everything)
        return torch.cat([everything[:start], logits, everything[stop:]])

    def __getstate__(self):
        return {**vars(self), "handles_": []}


def sum_up(tensors, factor=1.0):
    """Replace tensors by their sums over all processes, in one message."""
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    distributed.all_reduce(flat)
    parts = flat.mul_(factor).split([tensor.numel() for tensor in tensors])
    with torch.no_grad():
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))


def check_same(module):
    """Check that all processes begin with the same network."""
    own = torch.cat([t.double().reshape(-1) for t in module.state_dict().values()])
    first = own.clone()
    distributed.broadcast(first, 0)
    differs = torch.tensor(float(not torch.equal(own, first)), device=own.device)
    distributed.all_reduce(differs)
    if differs:
        raise ValueError(
            "ShareBatches expects every process to fit the same images with the same "
            f"parameters. In {int(differs)} of {distributed.get_world_size()} "
            "processes the network starts from other weights, or other pixels. Set "
            "random_state to one int, and load all images in every process."
        )
