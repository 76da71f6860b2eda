"""The contract of `network=`: what a function must return, tried on a few images."""

import inspect

import numpy as np
import torch
from torch import nn

from sklcnn.network._modules import evaluating

N_TRIED = 2
"""Number of images of the trial: few, and more than one."""

NEEDED = (
    "network= needs a function (n_channels, n_classes) -> torch.nn.Module; the module "
    "takes images of shape (n, n_channels, height, width) and returns logits of shape "
    "(n, n_classes)"
)


def check_function(network, *, name):
    """Check the parameter `network` of an estimator before it is called.

    Raises
    ------
    ValueError
        If it is a module and not a function.
    """
    if isinstance(network, nn.Module):
        raise ValueError(
            f"{NEEDED}. {name} got a module, {type(network).__name__}, instead: each "
            "fit needs one of its own. Return it from a function, for example `def "
            "network(n_channels, n_classes): return copy.deepcopy(module)`."
        )
    if callable(network):
        try:
            inspect.signature(network).bind(3, 2)
        except TypeError as error:
            raise ValueError(
                f"{NEEDED}. {name} got {network!r}, which takes other arguments: "
                f"{error}."
            ) from error
        except ValueError:  # some functions of C don't tell
            return


def check_returned(body):
    """Check what a network function returned, before it is run.

    Raises
    ------
    ValueError
        If it is no module, or one that can't be trained.
    """
    if not isinstance(body, nn.Module):
        raise ValueError(
            f"{NEEDED}. It returned an object of type {type(body).__name__} instead."
        )
    _check_is_eager(body)
    parameters = list(body.parameters())
    if not parameters:
        raise ValueError(
            f"{NEEDED}. The module it returned, {type(body).__name__}, has no "
            "parameters: there is nothing to train. Register layers as attributes, or "
            "in a torch.nn.ModuleList instead of a list."
        )
    tensors = [*parameters, *body.buffers()]
    if any(not nn.parameter.is_lazy(tensor) and tensor.is_meta for tensor in tensors):
        raise ValueError(
            f"{NEEDED}. The module it returned has weights on the device 'meta', which "
            "hold no values. Build it without `torch.device('meta')`."
        )
    packed = [m for m in body.modules() if "quantized" in type(m).__module__]
    if packed or any(tensor.is_quantized for tensor in tensors):
        raise ValueError(
            f"{NEEDED}. The module it returned is quantized, and can't be trained. "
            "Return the module before quantization."
        )


def _check_is_eager(body):
    """Check that no layer was compiled, which can't be copied, saved or probed."""
    for layer in body.modules():
        kind = type(layer)
        is_scripted = isinstance(layer, torch.jit.ScriptModule)
        if is_scripted or (kind.__name__, kind.__module__) == OPTIMIZED:
            made_by = "torch.jit" if is_scripted else "torch.compile"
            raise ValueError(
                f"{NEEDED}. It returned a module that {made_by} has compiled, or that "
                "holds one. Return the module as it was before, and set compile=True "
                "to train through torch.compile."
            )


OPTIMIZED = "OptimizedModule", "torch._dynamo.eval_frame"
"""Class and module of what torch.compile returns, which takes a second to import."""


def check_network(body, image_shape, n_outputs):
    """Run a network on a few images, and check what it returns.

    Parameters
    ----------
    body : nn.Module
        From images of shape (n, n_channels, height, width) to outputs.
    image_shape : tuple of three ints
        Height, width and number of channels.
    n_outputs : int
        Number of outputs per image that are needed.

    Returns
    -------
    outputs : ndarray of shape (2, n_outputs)
        The outputs for images of noise, which is always the same.
    heads : tuple of str
        Paths of the layers that make the outputs; empty where none is found.

    Raises
    ------
    ValueError
        If the network fails, or returns anything else. The message says what.
    """
    outputs, heads = _run_trial(body, image_shape, n_outputs)
    return outputs.detach().double().cpu().numpy(), heads


def find_heads(body, image_shape, n_outputs):
    """Find the heads as `check_network` does; weights may be on the device "meta"."""
    return _run_trial(body, image_shape, n_outputs)[1]


def _run_trial(body, image_shape, n_outputs):
    """Run a network on noise, in evaluation mode; give outputs and heads."""
    images = noise_like(body, image_shape, N_TRIED)
    with evaluating(body), torch.enable_grad():
        calls, outputs = _record_calls(body, images)
        _check_outputs(outputs, n_outputs)
        return outputs, _find_heads(calls, outputs)


def check_shape(outputs, n_rows, n_outputs):
    """Check what a network returned for a number of images.

    Raises
    ------
    ValueError
        If it is not one tensor of logits. The message says what came.
    """
    if isinstance(outputs, torch.Tensor) and outputs.shape == (n_rows, n_outputs):
        return
    came = f"a {type(outputs).__name__}"
    if isinstance(outputs, torch.Tensor):
        came = f"a tensor of shape {tuple(outputs.shape)}"
    raise ValueError(
        f"{NEEDED}. For {n_rows} images and {n_outputs} classes it returned {came}, "
        f"where a tensor of shape {(n_rows, n_outputs)} is needed."
    )


def _check_outputs(outputs, n_outputs):
    check_shape(outputs, N_TRIED, n_outputs)
    if not outputs.dtype.is_floating_point:
        raise ValueError(
            f"{NEEDED}. It returned a tensor of {outputs.dtype}, where floats are "
            "needed."
        )
    if not outputs.requires_grad:
        raise ValueError(
            f"{NEEDED}. What it returned depends on no parameter that can be trained: "
            "let some have requires_grad=True, and don't detach them."
        )


def noise_like(body, image_shape, n_images):
    """Make standard normal images, on the device and in the format of a network."""
    height, width, n_channels = image_shape
    noise = np.random.default_rng(0).standard_normal(
        (n_images, n_channels, height, width)
    )
    like = next(iter(body.parameters()))
    images = torch.as_tensor(noise, dtype=like.dtype, device=like.device)
    return images.contiguous(memory_format=torch.channels_last)


def _record_calls(body, images):
    """Run a network, and note which layers with weights were called.

    Returns
    -------
    calls : dict of {node: str}
        From the node of autograd that a layer's output comes from to its path.
    outputs : object
        What the network returns.
    """
    calls, handles = {}, []
    for path, module in body.named_modules():
        if path and {name for name, _ in module.named_children()} <= {
            "parametrizations"
        }:

            def note(module, inputs, output, path=path):
                node = getattr(output, "grad_fn", None)
                is_weighted = any(p.ndim > 1 for p in module.parameters())
                if node is not None and is_weighted:
                    calls[node] = path

            handles.append(module.register_forward_hook(note))
    try:
        return calls, body(images)
    except Exception as error:
        raise ValueError(
            f"{NEEDED}. On {N_TRIED} images of shape {tuple(images.shape[1:])} it "
            f"failed: {type(error).__name__}: {error}"
        ) from error
    finally:
        for handle in handles:
            handle.remove()


def _find_heads(calls, outputs):
    """Find the last layers with weights on all ways to the outputs.

    The graph of autograd is walked from the outputs to the first such layers.
    """
    heads, seen, nodes = {}, set(), [outputs.grad_fn]
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node in calls:
            heads[calls[node]] = None
        else:
            nodes += [following for following, _ in node.next_functions]
    return tuple(sorted(heads, key=list(calls.values()).index))
