"""Writes golden/vit: a small encoder of the DINOv2 architecture, both outputs and all gradients."""

import torch

from golden_file import Topic, single
from vit_reference import Vit

SEED = 20260610
CASES = {
    "vit-p4-d48": dict(image_size=32, patch_size=4, width=48, depth=2, heads=3),
    "vit-p8-d24": dict(image_size=32, patch_size=8, width=24, depth=3, heads=2),
    "vit-p8-d24-enlarged": dict(image_size=32, patch_size=8, width=24, depth=1, heads=2),
    "vit-p8-d24-reduced": dict(image_size=48, patch_size=8, width=24, depth=1, heads=2),
}
# height and width of pictures that do not have the position table's grid
PICTURES = {"vit-p8-d24-enlarged": (48, 40), "vit-p8-d24-reduced": (24, 32)}


def random_state(model, draws):
    state = {}
    for key, value in model.state_dict().items():
        if key.endswith("gamma"):
            state[key] = draws.normal(key, value.shape, 0.2, mean=0.6)
        elif "norm" in key and key.endswith("weight"):
            state[key] = draws.normal(key, value.shape, 0.2, mean=1.0)
        elif key.endswith("bias"):
            state[key] = draws.normal(key, value.shape, 0.1)
        elif value.dim() < 4 and "token" in key or key == "pos_embed":
            state[key] = draws.normal(key, value.shape, 0.3)
        else:
            state[key] = draws.normal(key, value.shape, min(0.2, value[0].numel() ** -0.5))
    return state


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-encoders", "vit", "vit_cases.py", SEED, {"outputs": 1e-5, "grads": 1e-4}, [
        "inputs/image (N, 3, H, W) is already standardised; pos_embed is resampled (bicubic, antialias) where its grid differs.",
        "outputs/x_norm_clstoken (N, D), outputs/x_norm_patchtokens (N, T, D), both after the final norm.",
        "grads/* are of L = sum(cls * cotangents/cls) + sum(patches * cotangents/patches); mask_token is unused.",
    ])
    for name, shape in CASES.items():
        draws = topic.draws(name)
        model = Vit(**shape).double().eval()
        state = random_state(model, draws)
        model.load_state_dict({key: value.double() for key, value in state.items()})
        image = draws.normal("image", (2, 3, *PICTURES.get(name, [shape["image_size"]] * 2)))
        leaf = image.double().requires_grad_()
        cls, patches = model(leaf)
        cot_cls, cot_patches = draws.normal("cot/cls", cls.shape), draws.normal("cot/patches", patches.shape, 0.2)
        ((cls * cot_cls).sum() + (patches * cot_patches).sum()).backward()
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {"inputs/image": image, "cotangents/cls": cot_cls, "cotangents/patches": cot_patches}
        tensors |= {"outputs/x_norm_clstoken": single(cls), "outputs/x_norm_patchtokens": single(patches)}
        grads = {key: value.grad for key, value in model.named_parameters() if key != "mask_token"}
        tensors |= {f"grads/{key}": single(grad) for key, grad in grads.items()}
        tensors["grads/image"] = single(leaf.grad)
        metadata = {"family": "dinov2", "loss": "dot", **shape}
        topic.write(name, tensors, metadata)
    topic.close()


if __name__ == "__main__":
    main()
