"""Weights that networks own: no two of them may share one."""

import weakref

_OWNED = weakref.WeakValueDictionary()
"""All parameters of networks that were built by functions, by their ids."""


class SharedWeightsError(ValueError):
    """A network function that returned weights of a network built before."""


def take_ownership(body):
    """Note down that a network was built of these weights.

    Raises
    ------
    SharedWeightsError
        If another one was, in this process: a training would change both, or go on
        from where the other ended.
    """
    for name, parameter in body.named_parameters():
        if _OWNED.get(id(parameter)) is parameter:
            raise SharedWeightsError(
                "network= needs a function that returns a new module each time it is "
                f"called. The {type(body).__name__} it returned has weights, such as "
                f"{name!r}, of a module that it returned before: a fit would change "
                "earlier models, or go on from them. Return `copy.deepcopy(module)`, "
                "and don't keep modules in a global variable or a cache."
            )
    _OWNED.update({id(parameter): parameter for parameter in body.parameters()})
