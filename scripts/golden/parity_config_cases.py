"""Writes golden/parity_config/*.safetensors: cases whose config names parts that the model has not.

The official projects write every key for every family: a width of the class token where there is none, layers of a
mixer, widths of encoders. Which parts there are is the family's. The MLP ratio is that of trunk and mixer.
"""

import torch

from golden_file import Topic
from parity_cases import MODULE, base, write

SEED = 20261129
SMALL = dict(hidden_size=24, num_heads=3, depth=2)

# name: (the case as in parity_cases, what its config says beside it)
CASES = {
    "sit-foreign-parts": (("sit", base(**SMALL), 2, 0, True, True, "names a class token and a mixer"),
                          {"cls_dim": 20, "mixer_layers": 2}),
    "sit-official-foreign-parts": (("sit-official", base(**SMALL, learn_sigma=True), 2, 0, True, True,
                                    "names a class token, a mixer and an encoder"),
                                   {"cls_dim": 20, "mixer_layers": 2, "z_dims": [20]}),
    "repa-foreign-parts": (("repa", base(**SMALL, z_dims=(20,)), 2, 0, True, True, "names a class token and a mixer"),
                           {"cls_dim": 20, "mixer_layers": 2}),
    "reg-foreign-parts": (("reg", base(**SMALL, z_dims=(12,), cls_dim=12), 2, 0, True, True, "names a mixer"),
                          {"mixer_layers": 2}),
    "maskalign-ratio2": (("maskalign", base(input_size=12, in_channels=3, hidden_size=24, num_heads=2, depth=2,
                                            mlp_ratio=2.0, encoder_depth=1, z_dims=(16,), projector_dim=28, cls_dim=16,
                                            mixer_layers=2), 2, 27, True, True, "MLP ratio 2 in trunk and mixer"), {}),
    "maskalign-ratio-1.5": (("maskalign", base(hidden_size=32, num_heads=4, depth=2, mlp_ratio=1.5, encoder_depth=1,
                                               z_dims=(12,), projector_dim=20, cls_dim=12, mixer_layers=1), 3, 11,
                             False, True, "MLP ratio 1.5, one mixer block"), {}),
}


def main():
    torch.set_num_threads(1)
    topic = Topic(MODULE, "parity_config", "parity_config_cases.py", SEED, {"outputs": 1e-5, "grads": 1e-4}, [
        "As golden/parity; configs that name parts which the family has not, and other MLP ratios.",
    ])
    for name, (case, named_only) in CASES.items():
        write(topic, name, case, named_only)
    topic.close()


if __name__ == "__main__":
    main()
