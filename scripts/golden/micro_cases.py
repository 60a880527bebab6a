"""Writes golden/micro: the training loss, with all gradients, of MicroDiT's mixer of another width between norms."""

import torch
from torch import nn

from golden_file import Topic, single
from losses_reference import alignment_loss, linear, noised, velocity_target
from masked_reference import ConditionedBlock
from parity_cases import base, random_state
from sit_reference import Output, SiT, gather, tokenise, with_class_token

SEED = 20261204
BETA, COEFF = 0.03, 0.5

# name: (config, class token, kept of 16, layers, width, heads)
CASES = {
    "narrow": ({}, False, 4, 2, 12, 3),
    "wide-cls-align": ({"z_dims": (20,)}, True, 5, 1, 32, 4),
    "all-tokens": ({}, True, 0, 1, 12, 2),
}


class MicroSiT(SiT):
    """Order: norm and linear map to the mixer's width, mixer on all tokens, drop, norm and linear map back, blocks, head."""

    def __init__(self, config, layers, width, heads):
        super().__init__(config)
        d = config.hidden_size
        parts = {str(i): ConditionedBlock(width, d, heads, 2.0) for i in range(layers)}
        parts["down"] = nn.Sequential(nn.LayerNorm(d, eps=1e-6), nn.Linear(d, width))
        parts["up"] = nn.Sequential(nn.LayerNorm(width, eps=1e-6), nn.Linear(width, d))
        self.mixer = nn.ModuleDict(parts)
        self.layers = layers

    def forward(self, x, t, y, cls=None, keep=None):
        c = self.t_embedder(t) + self.y_embedder(y)
        x = self.x_embedder(x)
        if cls is not None:
            x = torch.cat([self.wg_norm(self.cls_projectors2(cls))[:, None], x], dim=1)
        x = self.mixer["down"](x + self.pos_embed)
        for i in range(self.layers):
            x = self.mixer[str(i)](x, c)
        if keep is not None:
            x = gather(x, keep if cls is None else with_class_token(keep))
        x, z = self.mixer["up"](x), []
        for i, block in enumerate(self.blocks, 1):
            x = block(x, c)
            if i == self.config.encoder_depth:
                z = [head(x) for head in getattr(self, "projectors", [])]
        x = self.final_layer(x, c)
        out_cls = self.final_layer.linear_cls(x[:, 0]) if cls is not None else None
        return Output(self.final_layer.linear(x if cls is None else x[:, 1:]), z, out_cls)


def main():
    topic = Topic("maskalign-sit", "micro", "micro_cases.py", SEED, {"losses": 1e-5, "grads": 1e-4}, [
        "losses/total = velocity of the kept patches + beta cls + coeff align, linear path, float64.",
        "mixer_width, mixer_heads and mixer_count in the metadata; its MLP ratio is 2.",
    ])
    for name, (changes, cls, kept, layers, width, heads) in CASES.items():
        draws = topic.draws(name)
        config = base(**{"hidden_size": 24, "depth": 2, "encoder_depth": 1, "z_dims": (), "projector_dim": 28,
                         "cls_dim": 20 if cls else 0, **changes})
        model = MicroSiT(config, layers, width, heads).double().eval()
        state = random_state(model, draws)
        model.load_state_dict({key: value.double() for key, value in state.items()})
        n, t, p = 3, config.tokens, config.patch_size
        image = (n, config.in_channels, config.input_size, config.input_size)
        inputs = {"x": draws.normal("x", image), "noise": draws.normal("noise", image),
                  "t": draws.uniform("t", (n,), 0.05, 0.95), "y": draws.integers("y", (n,), config.num_classes)}
        if config.z_dims or cls:
            inputs["targets.0"] = draws.normal("targets.0", (n, 1 + t, 20), 1.5)
        if kept:
            inputs["keep"] = draws.subset("keep", n, t, kept)
        if cls:
            inputs["cls_noise"] = draws.normal("cls_noise", (n, 20))
        given = {key: value.double() if value.is_floating_point() else value for key, value in inputs.items()}
        target, keep, time = given.get("targets.0"), given.get("keep"), given["t"]
        g = noised(linear, target[:, 0], given["cls_noise"], time) if cls else None
        out = model(noised(linear, given["x"], given["noise"], time), time, given["y"], g, keep)
        wanted = tokenise(velocity_target(linear, given["x"], given["noise"], time), p)
        found = {"velocity": (out.velocity - (wanted if keep is None else gather(wanted, keep))).square().mean()}
        total = found["velocity"]
        if cls:
            wished = velocity_target(linear, target[:, 0], given["cls_noise"], time)
            found["class"] = (out.cls - wished).square().mean()
            total = total + BETA * found["class"]
        if config.z_dims:
            found["align"] = alignment_loss(out.z[0], gather(target, with_class_token(keep)))
            total = total + COEFF * found["align"]
        found["total"] = total
        total.backward()
        grads = {key: value.grad for key, value in model.named_parameters() if value.requires_grad}
        assert all(grad is not None and grad.norm() > 1e-7 for grad in grads.values()), name
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {f"inputs/{key}": value for key, value in inputs.items()}
        tensors |= {f"losses/{key}": value.detach() for key, value in found.items()}
        tensors |= {f"grads/{key}": single(grad) for key, grad in grads.items()}
        metadata = {"config": config.parity_json(), "mixer_count": layers, "mixer_width": width,
                    "mixer_heads": heads, "beta": BETA, "coeff": COEFF}
        topic.write(name, tensors, metadata, class_token=cls)
    topic.close()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
