"""Writes golden/inception: features of the real classes of torch-fidelity and pytorch-fid with weights from a formula.

Neither may download: their constructors are given a state dict made here. The weights are hashed_weights.py's, so the
fixtures hold pictures and features alone.
"""

import contextlib
import tempfile
from pathlib import Path

import pytorch_fid.inception
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

import hashed_weights
from golden_file import Topic, write_safetensors

SEED = 20261205
TAPS = ["2048", "logits_unbiased", "logits"]
PICTURES = {"small": (3, 32, 32), "odd": (2, 57, 83), "large": (1, 320, 310), "exact": (1, 299, 299)}


class Shapes(Exception):
    """Carries a network's state dict out of its constructor."""


@contextlib.contextmanager
def without_weights(cls):
    """Lets the constructor build the network and stops it where it would load weights."""

    def stop(self, *_):
        raise Shapes({name: value.detach() for name, value in torch.nn.Module.state_dict(self).items()})

    original = cls.load_state_dict
    cls.load_state_dict = stop
    try:
        yield
    finally:
        cls.load_state_dict = original


def fidelity_state():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.pt"
        torch.save({}, path)
        try:
            with without_weights(FeatureExtractorInceptionV3):
                FeatureExtractorInceptionV3("inception-v3-compat", TAPS, feature_extractor_weights_path=str(path))
        except Shapes as shapes:
            return hashed_weights.state_dict(shapes.args[0])


def fidelity_network(state):
    """The real class, and its spatial tap read where ADM's evaluator reads the graph."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.pt"
        torch.save(state, path)
        network = FeatureExtractorInceptionV3("inception-v3-compat", TAPS, feature_extractor_weights_path=str(path))
    taps = {}
    network.Mixed_6d.branch1x1.register_forward_hook(lambda module, args, out: taps.update(spatial=out.clone()))

    def run(images):
        pooled, unbiased, _ = network(images)
        spatial = taps["spatial"][:, :7].permute(0, 2, 3, 1).reshape(len(images), -1)
        return pooled, spatial.contiguous(), unbiased

    return run


def pytorch_fid_network(state):
    """The real class with its own resize; only the download of the state dict is replaced."""
    pytorch_fid.inception.load_state_dict_from_url = lambda *_, **__: state
    network = pytorch_fid.inception.InceptionV3([3]).eval()

    def run(images):
        with torch.no_grad():
            return network(images.float() / 255)[0][:, :, 0, 0]

    return run


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)  # sums of other threads round differently
    topic = Topic(
        "maskalign-encoders",
        "inception",
        "inception_cases.py",
        SEED,
        {"features": 1e-4},
        [
            "images: uint8 (N, 3, H, W); weights: scripts/golden/hashed_weights.py, tensors numbered by sorted name.",
            "adm/*: torch-fidelity's FeatureExtractorInceptionV3, the 2015 graph with TensorFlow 1's resize.",
            "pytorch-fid/pooled: pytorch-fid's InceptionV3 with its own resize.",
            "spatial: the first 7 channels of Mixed_6d.branch1x1 after ReLU, (17, 17, 7) in a row; every 7th number.",
        ],
    )
    state = fidelity_state()
    adm, pytorch_fid_run = fidelity_network(state), pytorch_fid_network(state)
    for name, (n, height, width) in PICTURES.items():
        images = topic.draws(name).integers("images", (n, 3, height, width), 256).to(torch.uint8)
        images[0, :, : height // 2] = images[0, :, : height // 2] // 4 + 90  # two textures, not noise alone
        pooled, spatial, logits = adm(images)
        topic.write(
            name,
            {
                "images": images,
                "adm/pooled": pooled,
                "adm/spatial": spatial[:, ::7].contiguous(),
                "adm/logits": logits,
                "pytorch-fid/pooled": pytorch_fid_run(images).contiguous(),
            },
            {"pictures": n},
        )
    topic.close()


if __name__ == "__main__":
    with torch.inference_mode():
        main()
