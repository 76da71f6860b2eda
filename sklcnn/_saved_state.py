"""What the saved states of estimators with a fitted network have in common."""

import os

from sklcnn.network import FittedNetwork


def with_plain_paths(state):
    """Copy a state, with paths as strings, which any system can load."""

    def plain(value):
        if isinstance(value, dict):
            return with_plain_paths(value)
        return os.fspath(value) if isinstance(value, os.PathLike) else value

    return {key: plain(value) for key, value in state.items()}


def restore_network(fitted, sealed, name):
    """Make the fitted network of a saved estimator.

    Parameters
    ----------
    fitted : dict
        What `FittedNetwork.state` gave.
    sealed : callable
        Gives the values of the estimator that the digest covers; an AttributeError
        tells that one is missing.
    name : str
        Name of the estimator, for messages.

    Returns
    -------
    network : FittedNetwork

    Raises
    ------
    ValueError
        If the state is damaged.
    """
    try:
        values = sealed()
    except AttributeError as error:
        raise ValueError(f"The saved {name} is damaged: {error}.") from error
    return FittedNetwork.from_state(fitted, values, name=name)
