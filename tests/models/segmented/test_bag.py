"""Bags of networks: which are run, what they add up to, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segment_networks import Counted, model, run
from streams import noise
from unmixcli.errors import ModelError
from unmixcli.models.segmented import Bag, ChunkScheme


def test_a_network_that_counts_for_nothing_wanted_is_not_run() -> None:
    networks = [Counted(), Counted(), Counted()]
    bag = Bag(networks, [[1, 0, 0], [0, 1, 0], [0, 0.5, 2]], [0])
    assert np.array_equal(
        run(model(bag, {"a": 0}), ChunkScheme(100)),
        run(model(Counted(), {"a": 0}), ChunkScheme(100)),
    )
    assert networks[0].shapes
    assert not networks[1].shapes
    assert not networks[2].shapes


@pytest.mark.parametrize("weight", [1, 0.3, 7])
def test_a_network_alone_in_a_bag_is_itself_bit_for_bit(weight: float) -> None:
    segments = torch.from_numpy(noise(500))[None]
    with torch.inference_mode():
        stems = Bag([Counted()], [[weight] * 3], [2, 0])(segments)
        assert stems.numpy().tobytes() == Counted()(segments)[:, [2, 0]].numpy().tobytes()


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([[1, 1, 1]], "2 networks need as many lists of weights"),
        ([[1, 1, 1], [1, 1]], "2 networks need as many lists of weights"),
        ([[1, 0, 1], [1, 0, 1]], "add up to nothing"),
        ([[1, float("nan"), 1], [1, 1, 1]], "add up to nothing"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weights: list[list[float]], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        Bag([Counted(), Counted()], weights, [0, 1])
