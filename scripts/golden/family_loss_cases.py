"""Writes golden/family-losses: the whole training loss of MaskAlign's relatives, with all gradients.

Hidden tokens and attention are read with PyTorch's forward hooks from the model that sit_reference.py describes.
"""

import json

import torch
import torch.nn.functional as F
from torch import nn

from family_terms_cases import attention_distillation, dispersive, spatial_norm
from golden_file import Topic, single
from losses_reference import alignment_loss, linear, noised, velocity_loss, velocity_target
from parity_cases import base, random_state
from sit_reference import SiT, SiTConfig, gather, tokenise, with_class_token

SEED = 20261130
BETA, COEFF = 0.03, 0.5

# name: (config, class token, kept of 16, terms)
CASES = {
    "layersync": ({}, False, 0, {"layerSync": {"coeff": 0.2, "block": 1, "target": 3}}),
    "layersync-drop": ({"mixer_layers": 1, "placement": "DROP"}, True, 9,
                       {"layerSync": {"coeff": 0.7, "block": 1, "target": 2}}),
    "dispersive": ({}, False, 0, {"dispersive": {"coeff": 0.5}}),
    "dispersive-2": ({"z_dims": (20,)}, True, 0, {"dispersive": {"coeff": 0.5, "block": 2}}),
    "contrastive": ({}, False, 0, {"contrastive": {"coeff": 0.05}}),
    "contrastive-drop": ({"mixer_layers": 1, "placement": "DROP", "z_dims": (20,)}, True, 9,
                         {"contrastive": {"coeff": 0.05}}),
    "irepa": ({"z_dims": (20,)}, False, 0, {"irepa": {"kernel": 3, "gamma": 0.6}}),
    "irepa-loss-only": ({"z_dims": (20,), "placement": "LOSS_ONLY"}, False, 9, {"irepa": {"kernel": 1, "gamma": 1.0}}),
    "haste": ({"z_dims": (20,)}, False, 0, {"attention": {"coeff": 0.5, "blocks": [1, 2], "encoderBlocks": [3, 5]}}),
    "haste-cls": ({"z_dims": (20,)}, True, 0, {"attention": {"coeff": 0.5, "blocks": [2], "encoderBlocks": [4]}}),
    "all": ({"z_dims": (20,)}, True, 0, {
        "layerSync": {"coeff": 0.2, "block": 1, "target": 3}, "dispersive": {"coeff": 0.5, "block": 2},
        "contrastive": {"coeff": 0.05}, "attention": {"coeff": 0.5, "blocks": [1], "encoderBlocks": [2]}}),
}


class GridConvolution(nn.Module):
    """A convolution over the grid of tokens (N, T, D)."""

    def __init__(self, width, out, kernel):
        super().__init__()
        conv = nn.Conv2d(width, out, kernel, padding=kernel // 2)
        self.weight, self.bias, self.pad = conv.weight, conv.bias, kernel // 2

    def forward(self, x):
        n, t, d = x.shape
        side = round(t**0.5)
        z = F.conv2d(x.mT.reshape(n, d, side, side), self.weight, self.bias, padding=self.pad)
        return z.flatten(2).mT


class Taps:
    """Hidden tokens behind each block, and the logits of its attention, by block number from 1."""

    def __init__(self, model):
        self.hidden, self.attention = {}, {}
        for i, block in enumerate(model.blocks, 1):
            block.register_forward_hook(lambda module, inputs, out, i=i: self.hidden.__setitem__(i, out))
            block.attn.register_forward_hook(lambda module, inputs, out, i=i: self.look(i, module, inputs[0]))

    def look(self, i, module, x):
        n, t, width = x.shape
        d = width // module.heads
        q, k, _ = module.qkv(x).view(n, t, 3, module.heads, d).permute(2, 0, 3, 1, 4)
        self.attention[i] = (q @ k.mT) / d**0.5  # (N, h, T, T)


def main():
    topic = Topic("maskalign-sit", "family-losses", "family_loss_cases.py", SEED, {"losses": 1e-5, "grads": 1e-4}, [
        "losses/total = velocity + beta cls + coeff align + the terms by their weights, contrastive subtracted.",
        "terms in the metadata, as in a config's section; irepa stands for align.projector, kernel, spatialNorm.",
        "inputs as in placements; attention.k are an encoder's logits (N, H, 1+T, 1+T), class row first.",
    ])
    for name, (changes, cls, kept, terms) in CASES.items():
        draws = topic.draws(name)
        placement = changes.get("placement", "NONE")
        config = base(**{"hidden_size": 24, "z_dims": (), "projector_dim": 28, "cls_dim": 20 if cls else 0,
                         **{key: value for key, value in changes.items() if key != "placement"}})
        config = SiTConfig(**{**vars(config), "placement": placement})
        model = SiT(config).double().eval()
        irepa = terms.get("irepa")
        if irepa:
            model.projectors = nn.ModuleList(
                [GridConvolution(config.hidden_size, z, irepa["kernel"]).double() for z in config.z_dims])
        state = random_state(model, draws)
        model.load_state_dict({key: value.double() for key, value in state.items()})
        taps = Taps(model)

        n, size, t = 3, config.input_size, config.tokens
        image = (n, config.in_channels, size, size)
        inputs = {"x": draws.normal("x", image), "noise": draws.normal("noise", image),
                  "t": draws.uniform("t", (n,), 0.05, 0.95), "y": draws.integers("y", (n,), config.num_classes)}
        if config.z_dims or cls:
            inputs["targets.0"] = draws.normal("targets.0", (n, 1 + t, 20), 1.5)
        if kept:
            inputs["keep"] = draws.subset("keep", n, t, kept)
        if cls:
            inputs["cls_noise"] = draws.normal("cls_noise", (n, 20))
        for k in terms.get("attention", {}).get("encoderBlocks", []):
            inputs[f"attention.{k}"] = draws.normal(f"attention.{k}", (n, 2, 1 + t, 1 + t), 2.0)

        given = {key: value.double() if value.is_floating_point() else value for key, value in inputs.items()}
        keep, target, g = given.get("keep"), given.get("targets.0"), None
        if cls:
            g = noised(linear, target[:, 0], given["cls_noise"], given["t"])
        out = model(noised(linear, given["x"], given["noise"], given["t"]), given["t"], given["y"], g, keep)
        goal = velocity_target(linear, given["x"], given["noise"], given["t"])
        losses = {"velocity": velocity_loss(out.velocity, goal, config.patch_size, keep).mean()}
        total = losses["velocity"]
        if cls:
            losses["class"] = (out.cls - velocity_target(linear, target[:, 0], given["cls_noise"], given["t"])).square().mean()
            total = total + BETA * losses["class"]
        if config.z_dims:
            z, aim = out.z[0], target if cls else target[:, 1:]
            if irepa:
                aim = spatial_norm(aim, irepa["gamma"])
            if keep is not None:
                index = with_class_token(keep) if cls else keep
                aim = gather(aim, index)
                z = gather(z, index) if placement == "LOSS_ONLY" else z
            losses["align"] = alignment_loss(z, aim)
            total = total + COEFF * losses["align"]
        if "layerSync" in terms:
            term = terms["layerSync"]
            h, later = taps.hidden[term["block"]], taps.hidden[term["target"]].detach()
            losses["layerSync"] = -F.cosine_similarity(h, later, dim=-1).mean()
            total = total + term["coeff"] * losses["layerSync"]
        if "dispersive" in terms:
            term = terms["dispersive"]
            losses["dispersive"] = dispersive(taps.hidden[term.get("block", 0) or config.depth])
            total = total + term["coeff"] * losses["dispersive"]
        if "contrastive" in terms:
            before = torch.roll(goal, 1, 0)
            if keep is not None:
                before = gather(tokenise(before, config.patch_size), keep)
            losses["contrastive"] = (out.velocity - before).square().mean()
            total = total - terms["contrastive"]["coeff"] * losses["contrastive"]
        if "attention" in terms:
            term = terms["attention"]
            pairs = []
            for block, of_encoder in zip(term["blocks"], term["encoderBlocks"]):
                logits = taps.attention[block]
                logits = logits[:, :, 1:, 1:] if cls else logits
                pairs.append(attention_distillation(logits, given[f"attention.{of_encoder}"]))
            losses["attention"] = sum(pairs) / len(pairs)
            total = total + term["coeff"] * losses["attention"]
        losses["total"] = total
        total.backward()
        grads = {key: value.grad for key, value in model.named_parameters() if value.requires_grad}
        assert all(grad is not None and grad.norm() > 1e-7 for grad in grads.values()), name
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {f"inputs/{key}": value for key, value in inputs.items()}
        tensors |= {f"losses/{key}": value.detach() for key, value in losses.items()}
        tensors |= {f"grads/{key}": single(grad) for key, grad in grads.items()}

        metadata = {"family": "reg" if cls else "repa" if config.z_dims else "sit", "config": config.parity_json(),
                    "placement": placement, "beta": BETA, "coeff": COEFF, "terms": json.dumps(terms, sort_keys=True)}
        topic.write(name, tensors, metadata, terms=sorted(terms))
    topic.close()


if __name__ == "__main__":
    main()
