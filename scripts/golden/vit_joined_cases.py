"""Writes golden/vit-joined: the tokens of the last blocks of timm's vision transformers, each behind the closing norm."""

import torch
from timm.models.vision_transformer import VisionTransformer

from golden_file import Topic, single
from vit_attention_cases import CASES, SHAPE, dinov2_names
from vit_cases import random_state

SEED = 20261218


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-encoders", "vit-joined", "vit_joined_cases.py", SEED, {"outputs": 1e-5}, [
        "Models as in vit-attention. outputs/patches.k (N, T, k D) and, where there is a class token, outputs/class.k (N, k D):",
        "those of the last k blocks side by side, the last block's last, by timm's get_intermediate_layers with norm.",
    ])
    for name, more in CASES.items():
        draws = topic.draws(name)
        model = VisionTransformer(**SHAPE, **more).double().eval()
        state = random_state(model, draws)
        model.load_state_dict({key: value.double() for key, value in state.items()})
        image = draws.normal("image", (2, 3, 24, 24))
        registers = more.get("reg_tokens", 0)
        tensors = {f"weights/{key}": value for key, value in dinov2_names(state, registers).items()}
        tensors["inputs/image"] = image
        for k in (2, 3):
            with torch.no_grad():
                found = model.get_intermediate_layers(image.double(), n=k, norm=True, return_prefix_tokens=True)
            found = [layer if isinstance(layer, tuple) else (layer, None) for layer in found]
            tensors[f"outputs/patches.{k}"] = single(torch.cat([patches for patches, _ in found], 2))
            if more.get("class_token", True):
                tensors[f"outputs/class.{k}"] = single(torch.cat([before[:, 0] for _, before in found], 1))
        topic.write(name, tensors, {"registers": registers})
    topic.close()


if __name__ == "__main__":
    main()
