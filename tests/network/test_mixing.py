"""MixUp and CutMix mix pixels and labels in the same shares."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from torch import nn

from sklcnn.network._batches import Batch
from sklcnn.network._mixing import mix
from sklcnn.network._net import Net


def numbered_images(n=6, shape=(8, 10, 3), dtype=torch.float64):
    """Make images all of whose pixels are their number."""
    return torch.arange(n, dtype=dtype).view(-1, 1, 1, 1).expand(n, *shape).clone()


def mixed(seed, n=6, shape=(8, 10, 3), **parameters):
    """Mix numbered images; give them, their partners, and the share."""
    options = {"mixup": 0.0, "cutmix": 0.0} | parameters
    return mix(numbered_images(n, shape), np.random.default_rng(seed), **options)


def weights_of(model):
    """Give all weights of a model as one vector."""
    state = model.net_.module_.state_dict()
    return np.concatenate([tensor.double().ravel() for tensor in state.values()])


@pytest.mark.parametrize("parameters", [{"mixup": 0.4}, {"cutmix": 1.0}])
@pytest.mark.parametrize("shape", [(8, 10, 3), (7, 5, 1), (1, 9, 2), (1, 1, 1)])
def test_labels_are_mixed_in_the_shares_of_the_pixels(parameters, shape):
    """The mean pixel of a mixed image is the mixed number of the two images."""
    for seed in range(20):
        images, partners, share = mixed(seed, shape=shape, **parameters)

        expected = share * np.arange(6) + (1 - share) * partners.numpy()
        assert_allclose(images.mean(dim=(1, 2, 3)), expected, atol=1e-12)
        assert 0 <= share <= 1
        assert sorted(partners.tolist()) == list(range(6))


def test_mixup_adds_whole_images():
    """Every pixel is the sum of both, in the same shares."""
    images, partners, share = mixed(0, mixup=1.0)

    expected = share * numbered_images() + (1 - share) * numbered_images()[partners]
    assert_allclose(images, expected, atol=1e-12)


def test_cutmix_takes_a_rectangle_of_the_other_image():
    """Pixels are of one image or the other; those of the other fill a rectangle."""
    for seed in range(20):
        images, partners, share = mixed(seed, n=2, cutmix=1.0)
        if partners[0] == 0:
            continue

        is_other = images[0, ..., 0].numpy() == 1
        rows, columns = is_other.any(axis=1), is_other.any(axis=0)
        assert set(images.unique().tolist()) <= {0, 1}
        assert_array_equal(is_other, rows[:, np.newaxis] & columns)
        assert np.count_nonzero(np.diff(np.r_[0, rows, 0])) <= 2
        assert np.count_nonzero(np.diff(np.r_[0, columns, 0])) <= 2
        assert is_other.mean() == pytest.approx(1 - share)
        assert_array_equal(images[0], 1 - images[1])


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_mixup_draws_its_shares_from_the_beta_distribution(alpha):
    """Mean and variance are those of Beta(alpha, alpha)."""
    rng, image = np.random.default_rng(0), numbered_images(1, (1, 1, 1))

    shares = [mix(image, rng, mixup=alpha, cutmix=0)[2] for _ in range(4000)]

    assert np.mean(shares) == pytest.approx(0.5, abs=0.03)
    assert np.var(shares) == pytest.approx(1 / (8 * alpha + 4), rel=0.1)


def test_cutmix_draws_areas_from_the_beta_distribution():
    """Where the rim cuts nothing off, areas are 1 less a number of Beta(1, 1)."""
    rng, images = np.random.default_rng(0), numbered_images(1, (64, 64, 1))

    areas = np.array(
        [1 - mix(images, rng, mixup=0, cutmix=1.0)[2] for _ in range(2000)]
    )

    # a rectangle of side s about a uniform point keeps s - s**2 / 4 of each side
    sides = np.sqrt(np.random.default_rng(1).uniform(size=100_000))
    centers = np.random.default_rng(2).uniform(size=(2, 100_000))
    kept = [
        np.minimum(1, center + sides / 2) - np.maximum(0, center - sides / 2)
        for center in centers
    ]
    expected = kept[0] * kept[1]
    assert areas.mean() == pytest.approx(expected.mean(), abs=0.02)
    quantiles = [0.1, 0.25, 0.5, 0.75, 0.9]
    assert_allclose(
        np.quantile(areas, quantiles), np.quantile(expected, quantiles), atol=0.04
    )


def test_where_both_are_on_every_batch_draws_one_of_them():
    """About half of the batches are cut, the others added."""
    rng = np.random.default_rng(0)
    pixels = numbered_images(2, (8, 8, 1))

    kinds = []
    for _ in range(1000):
        images, partners, share = mix(pixels, rng, mixup=1.0, cutmix=1.0)
        if partners[0] == 1 and 0 < share < 1:
            kinds.append(len(images[0].unique()) == 2)

    assert np.mean(kinds) == pytest.approx(0.5, abs=0.08)


def test_mixing_leaves_the_images_it_is_given_alone():
    """And draws the same from equal generators."""
    for parameters in ({"mixup": 1.0}, {"cutmix": 1.0}):
        images = numbered_images()
        options = {"mixup": 0, "cutmix": 0} | parameters

        first = mix(images, np.random.default_rng(0), **options)
        second = mix(images, np.random.default_rng(0), **options)

        assert_array_equal(images, numbered_images())
        assert_array_equal(first[0], second[0])
        assert first[2] == second[2]


@pytest.mark.parametrize("alpha", [1e-300, 1e-3, 1e300])
def test_extreme_parameters_give_shares(alpha):
    """No parameter that is allowed gives a share that is none."""
    for parameters in ({"mixup": alpha}, {"cutmix": alpha}):
        assert 0 <= mixed(0, **parameters)[2] <= 1


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_the_loss_is_that_of_soft_targets(fitted_network, label_smoothing):
    """Torch's cross-entropy of mixed one-hot targets is the same number."""
    rng = np.random.default_rng(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 4)).double()
    network = fitted_network(module, image_shape=(2, 2, 3), n_outputs=4)
    net = Net(
        network, classes=range(4), criterion__label_smoothing=label_smoothing
    ).initialize(draw_weights=False)
    images = torch.from_numpy(rng.random((5, 2, 2, 3)))
    targets, partners = torch.tensor([0, 1, 2, 3, 1]), torch.tensor([3, 1, 0, 0, 2])
    ones = torch.ones(5, dtype=torch.float64)
    batch = Batch(images, targets, ones, (partners, ones), 0.3)

    losses, logits = net.compute_losses(batch)

    hot = nn.functional.one_hot(targets, 4), nn.functional.one_hot(partners, 4)
    soft = 0.3 * hot[0].double() + 0.7 * hot[1].double()
    expected = nn.functional.cross_entropy(
        logits, soft, reduction="none", label_smoothing=label_smoothing
    )
    assert_allclose(losses.detach(), expected.detach(), atol=1e-12)


@pytest.mark.parametrize("parameter", ["mixup", "cutmix"])
def test_zero_is_off_and_anything_else_is_not(tiny, noise, parameter):
    """0 gives the bits of a classifier without, and training repeats itself."""
    expected = weights_of(clone(tiny).fit(*noise))

    off, on, again = (
        weights_of(clone(tiny).set_params(**{parameter: alpha}).fit(*noise))
        for alpha in (0, 1.0, 1.0)
    )

    assert_array_equal(off, expected)
    assert not np.allclose(on, expected)
    assert_array_equal(on, again)


@pytest.mark.parametrize("parameter", ["mixup", "cutmix"])
def test_weights_of_rows_are_mixed_with_them(tiny, noise, parameter):
    """A row of weight 0 is no partner either; weights count by their ratio."""
    X, y = noise
    weights = np.r_[np.linspace(0.5, 2, 20), np.zeros(10)]
    model = clone(tiny).set_params(**{parameter: 1.0}, precision="float64")

    weighted = weights_of(clone(model).fit(X, y, weights))

    assert_array_equal(
        weighted, weights_of(clone(model).fit(X[:20], y[:20], weights[:20]))
    )
    assert_allclose(weighted, weights_of(clone(model).fit(X, y, 4 * weights)))
    assert not np.allclose(weighted, weights_of(clone(model).fit(X[:20], y[:20])))


def test_a_batch_of_one_image_is_mixed_with_itself(tiny):
    """Even one image may be mixed."""
    X, y = np.random.default_rng(0).random((3, 8, 8)), [0, 1, 0]

    model = tiny.set_params(mixup=0.2, cutmix=1.0, batch_size=1).fit(X, y)

    assert np.isfinite(model.history_[-1]["train_loss"])


@pytest.mark.parametrize("parameters", [{"mixup": 0.2}, {"cutmix": 1.0}])
def test_mixed_digits_are_learnt(digits, tiny, parameters):
    """What is trained on mixed images knows true ones."""
    X, y = digits
    tiny.set_params(conv_channels=(16, 32), max_epochs=15, **parameters)

    assert tiny.fit(X[:150], y[:150]).score(X[150:], y[150:]) > 0.8
