"""Fitted networks: what they compute, in threads and blocks, and how they are saved."""

import copy
import functools
import pickle
import threading
import tracemalloc

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklcnn.network import (
    FittedNetwork,
    check_numbers,
    check_outputs,
    number_likeliest,
)
from sklcnn.network._modules import ImageNetwork


@pytest.fixture
def network(fitted_network):
    """Give a network with a head, for images of 2x2."""
    torch.manual_seed(0)
    body = nn.Sequential(
        nn.Flatten(), nn.Linear(4, 5), nn.Dropout(0.5), nn.ReLU(), nn.Linear(5, 3)
    )
    return fitted_network(body, heads=["4"])


@pytest.fixture
def images():
    """Give 1,200 images, which are several batches."""
    return np.random.default_rng(0).random((1200, 2, 2, 1))


def test_outputs_are_those_of_the_module(network, images):
    """In rows of fixed blocks, in evaluation, with embeddings that fit the head."""
    logits = network.logits(images)

    network.module.eval()
    expected = network.module(torch.as_tensor(images)).detach()
    assert_allclose(logits, expected, atol=1e-12)
    head = network.module.body[4]
    embedded = torch.as_tensor(network.embeddings(images))
    assert embedded.shape == (1200, network.n_features)
    assert_allclose(head(embedded).detach(), logits, atol=1e-12)


def test_any_function_can_be_run(network, images):
    """Its outputs may have any shape."""
    planes = network.run(images, lambda module, batch: batch.permute(0, 3, 1, 2))

    assert planes.shape == (1200, 1, 2, 2)
    assert_array_equal(planes[:, 0], images[..., 0])


def test_misspelled_options_are_an_error(network, images):
    """They are not left out in silence."""
    methods = network.logits, network.embeddings
    methods += tuple(
        functools.partial(method, function=ImageNetwork.__call__)
        for method in (network.run, network.iterate)
    )

    for method in methods:
        with pytest.raises(TypeError, match="pixel_rnage"):
            method(images, pixel_rnage=None)


def test_a_range_to_warn_outside_of_can_be_chosen(network, images):
    """That of the training images, another one, or none."""
    with pytest.warns(UserWarning, match="The network was fitted on pixels"):
        network.logits(images * 100)
    with pytest.warns(UserWarning, match="This one was fitted on pixels"):
        network.logits(images, pixel_range=(0.0, 0.01), name="This one")
    network.logits(images * 100, pixel_range=None)


def test_gradients_can_be_asked_for(network, images):
    """They are those of the images, and the weights have none."""

    def saliency(module, batch):
        batch = batch.requires_grad_()
        (gradient,) = torch.autograd.grad(module(batch)[:, 1].sum(), batch)
        return gradient

    gradients = network.run(images[:40], saliency, grad=True)

    step = np.zeros_like(images[:40])
    step[:, 0, 1] = 1e-6
    logits = [network.logits(images[:40] + sign * step) for sign in (1, -1)]
    slope = (logits[0] - logits[1])[:, 1] / 2e-6
    assert_allclose(gradients[:, 0, 1, 0], slope, atol=1e-6)
    assert all(p.grad is None for p in network.module.parameters())


def test_threads_get_what_one_gets(network, images):
    """However many run different functions at a time."""
    expected = network.logits(images), network.embeddings(images)
    found = {}

    def ask(number):
        method = (network.logits, network.embeddings)[number % 2]
        found[number] = [method(images) for _ in range(5)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for number, results in found.items():
        for result in results:
            assert_array_equal(result, expected[number % 2])


def test_prediction_waits_for_the_end_of_an_epoch(network, images):
    """What another thread trains is seen as it was, or as it is then."""
    expected, seen = network.logits(images[:3]), []
    changed, stop = threading.Event(), threading.Event()

    def train():
        with network.lock.writing():
            with torch.no_grad():
                network.module.body[4].bias += 1
            changed.set()
            stop.wait(0.3)
            with torch.no_grad():
                network.module.body[4].bias += 1

    thread = threading.Thread(target=train)
    thread.start()
    changed.wait()
    seen.append(network.logits(images[:3]))
    thread.join()

    assert_allclose(seen[0], expected + 2)


def test_the_trainer_may_predict_in_its_epoch(network, images):
    """Callbacks do so, also after every batch."""
    with network.lock.writing():
        network.module.train()
        logits = network.logits(images[:3])
        assert network.module.body[2].training

    assert_array_equal(logits, network.logits(images[:3]))


def test_a_state_holds_all_that_outputs_depend_on(tiny, noise):
    """Nothing else is asked when it is loaded; copies do not share weights."""
    X, y = noise
    network = tiny.set_params(precision="bfloat16").fit(X, y)._network
    state = pickle.loads(pickle.dumps(network.state({"seed": 3})))

    loaded = FittedNetwork.from_state(state, {"seed": 3}, name="CNN")
    copied = copy.deepcopy(network)

    for other in (loaded, copied):
        assert_array_equal(other.logits(X), network.logits(X))
        assert other.pixel_range == network.pixel_range
        assert other.bfloat16 == (True, True)
        with torch.no_grad():
            other.module.body[-1].bias += 1
    assert not np.array_equal(loaded.logits(X), network.logits(X))


def test_a_newer_format_says_so(tiny, noise):
    """It is no damage, and the mend is another one."""
    state = tiny.fit(*noise)._network.state()

    with pytest.raises(ValueError, match=r"by a newer version of sklcnn, in format 2"):
        FittedNetwork.from_state(state | {"format": 2}, name="CNN")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", "1"),
        ("format", 0),
        ("spec", {}),
        ("spec", None),
        ("weights", {}),
        ("weights", None),
        ("pixel_range", [0.0, 2.0]),
        ("pixel_range", None),
        ("dtype", "float16"),
        ("bfloat16", [True, True]),
        ("device", "cpu:7"),
        ("digest", "0"),
    ],
)
def test_changes_of_a_state_are_damage(tiny, noise, key, value):
    """All of it is covered by the digest."""
    state = tiny.fit(*noise)._network.state({"seed": 3})
    sealed = {"seed": 3}

    with pytest.raises(ValueError, match="The saved CNN is damaged"):
        FittedNetwork.from_state(state | {key: value}, sealed, name="CNN")
    with pytest.raises(ValueError, match="The saved CNN is damaged"):
        FittedNetwork.from_state(state, {"seed": 4}, name="CNN")


def test_initial_weights_are_drawn_anew(tiny, noise):
    """By the seed; the statistics of the pixels stay."""
    network = tiny.fit(*noise)._network
    mean = network.module.standardize.mean.clone()

    weights = []
    for seed in (0, 0, 1):
        network.draw_weights(seed)
        weights.append(network.module.body[-1].weight.detach().clone())

    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(network.module.standardize.mean, mean)


def test_weights_are_drawn_anew_once_nobody_reads(tiny, noise):
    """Another thread predicts with the old ones or with the new ones, not with both."""
    network = tiny.fit(*noise)._network
    before = copy.deepcopy(network.module.state_dict())
    thread = threading.Thread(target=network.draw_weights, args=(1,))

    with network.lock.reading() as hold, hold:
        thread.start()
        thread.join(0.5)
        while_read = copy.deepcopy(network.module.state_dict())
    thread.join()

    after = network.module.state_dict()
    assert all(torch.equal(while_read[name], before[name]) for name in before)
    assert not torch.equal(after["body.0.weight"], before["body.0.weight"])


def test_labels_hold_one_batch_of_logits(fitted_network):
    """Memory beside the labels does not grow with the number of classes and rows."""
    body = nn.Sequential(nn.Flatten(), nn.Linear(4, 1000))
    network = fitted_network(body, heads=["1"], n_outputs=1000)
    images = np.zeros((20_000, 2, 2, 1))
    largest = []

    def likeliest(logits):
        largest.append(logits.shape)
        return number_likeliest(logits)

    tracemalloc.start()
    numbers = network.run(images, ImageNetwork.__call__, finish=likeliest)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    expected = network.logits(images[:1]).argmax()
    assert_array_equal(numbers, np.full(20_000, expected))
    assert max(largest) == (512, 1000)
    assert peak < 20e6  # where all logits are 160e6


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_labels_of_outputs_that_are_not_finite_are_an_error(value):
    """The row is named, in whichever batch it is."""
    logits = np.zeros((5, 3))
    logits[3, 1] = value

    with pytest.raises(ValueError, match="for the image in row 3 of X"):
        check_numbers(number_likeliest(logits), name="CNN")
    with pytest.raises(ValueError, match="for the image in row 3 of X"):
        check_outputs(logits, name="CNN")


@pytest.mark.parametrize(
    ("shape", "size"), [((8, 8), 512), ((96, 96, 3), 16), ((224, 224, 3), 4)]
)
def test_large_images_are_predicted_in_small_batches(shape, size, tiny):
    """A single image costs a whole batch, which is as small as serves many images."""
    X = np.random.default_rng(0).random((4, *shape), dtype=np.float32)

    model = tiny.fit(X, [0, 1, 0, 1])

    assert model.net_.network.prediction_batch_size() == size
