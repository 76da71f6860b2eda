"""Descriptions of networks: resolved, saved and built again."""

import pytest
import torch
from torch import nn

from sklcnn.network._spec import CONVNET_DEFAULTS, NetworkSpec, describe_network


def convnet(**parameters):
    """Describe the built-in network for gray images of 8x6 and three classes."""
    return describe_network("convnet", (8, 6, 1), 3, CONVNET_DEFAULTS | parameters)[0]


def test_a_description_builds_equal_networks():
    """The layers follow from it, and the weights from torch's generator."""
    spec = NetworkSpec.from_dict(convnet(hidden_units=(5,)).as_dict())

    networks = []
    for _ in range(2):
        torch.manual_seed(0)
        networks.append(spec.build())

    states = [network.state_dict() for network in networks]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert networks[0].float()(torch.zeros(4, 8, 6, 1)).shape == (4, 3)
    assert networks[0].heads == (str(len(networks[0].body) - 1),)


def test_the_structure_takes_no_memory():
    """However large the layers are that a description asks for."""
    spec = convnet(hidden_units=(10**6, 10**6))

    structure = spec.build_structure()

    assert structure.state_dict()["body.17.weight"].numel() == 10**12


def test_a_function_builds_the_network():
    """It is part of the description, and gets two numbers."""
    calls = []

    def network(n_channels, n_classes):
        calls.append((n_channels, n_classes))
        return nn.Sequential(nn.Flatten(), nn.Linear(48, n_classes))

    spec, _ = describe_network(network, (8, 6, 1), 3, CONVNET_DEFAULTS)

    assert spec.build().float()(torch.zeros(4, 8, 6, 1)).shape == (4, 3)
    assert calls == [(1, 3)]
    assert NetworkSpec.from_dict(spec.as_dict()) == spec


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({}, []),
        ({"conv_channels": [16, 32, 64, 128]}, []),
        ({"conv_channels": (4,)}, ["conv_channels"]),
        ({"kernel_size": 5}, ["kernel_size"]),
        ({"stride": 2}, ["kernel_size", "pool_size", "stride"]),
        ({"pool_size": 1, "dropout": 0.5}, ["dropout", "pool_size"]),
        ({"hidden_units": (), "batch_norm": False}, ["hidden_units", "batch_norm"]),
    ],
)
def test_differences_are_named_by_parameters(change, names):
    """What is written otherwise and comes to the same is no difference."""
    assert convnet().find_differences(convnet(**change)) == names


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "resnet18"),
        ("kind", ["convnet"]),
        ("image_shape", [8, 6]),
        ("image_shape", [8, 6, 0]),
        ("image_shape", "861"),
        ("n_outputs", True),
        ("n_outputs", -1),
        ("heads", "14"),
        ("heads", [14]),
        ("function", len),
        ("layout", {}),
        ("layout", {"blocks": [{}], "hidden_units": []}),
        ("layout", {"blocks": [], "hidden_units": [2.5]}),
    ],
)
def test_fields_of_files_are_checked(field, value):
    """Before anything is built of them, or called."""
    fields = convnet().as_dict() | {field: value}

    with pytest.raises(ValueError, match="its network has"):
        NetworkSpec.from_dict(fields)
