"""Writes golden/masked: MaskDiT's training loss with all gradients."""

import json

import torch

from golden_file import Topic, single
from losses_reference import alignment_loss, cosine, linear, noised, velocity_target
from masked_reference import Decoder, MaskedSiT, painted_loss
from parity_cases import base, random_state
from sit_reference import gather, tokenise, with_class_token

SEED = 20261203
BETA, COEFF = 0.03, 0.5

# name: (config, class token, kept of 16, path, terms)
CASES = {
    "decoder": ({}, False, 8, "LINEAR", {}),
    "mae": ({}, False, 8, "LINEAR", {"mae": {"coeff": 0.1}}),
    "mae-cosine": ({}, False, 5, "COSINE", {"mae": {"coeff": 0.5}}),
    "mae-cls-align": ({"z_dims": (20,), "mixer_layers": 1}, True, 6, "LINEAR",
                      {"mae": {"coeff": 0.3}, "contrastive": {"coeff": 0.05}}),
    "all-tokens": ({}, True, 0, "LINEAR", {"mae": {"coeff": 0.1}}),
}


def clean_of(path, v, x, t):
    """What a velocity points back to, by solving x = alpha c + sigma e, v = alpha' c + sigma' e for each sample."""
    out = []
    for n in range(len(x)):
        p = path(t[n])
        matrix = torch.stack([torch.stack([p.alpha, p.sigma]), torch.stack([p.alpha_dot, p.sigma_dot])])
        pair = torch.stack([x[n].flatten(), v[n].flatten()])
        out.append(torch.linalg.solve(matrix, pair)[0].view(x[n].shape))
    return torch.stack(out)


def main():
    topic = Topic("maskalign-sit", "masked", "masked_cases.py", SEED, {"losses": 1e-5, "grads": 1e-4}, [
        "losses/total = velocity + beta cls + coeff align + the terms by their weights, contrastive subtracted; float64.",
        "decoder in the metadata: layers, width, heads. The velocity counts on kept patches alone, mae on the others.",
        "mae: the clean picture that the velocity points back to against the noised patch, normalised as MAE does.",
    ])
    decoder = Decoder(2, 20, 5)
    for name, (changes, cls, kept, along, terms) in CASES.items():
        draws = topic.draws(name)
        config = base(**{"hidden_size": 24, "depth": 2, "encoder_depth": 1, "z_dims": (), "projector_dim": 28,
                         "cls_dim": 20 if cls else 0, **changes})
        path = linear if along == "LINEAR" else cosine
        model = MaskedSiT(config, decoder).double().eval()
        state = random_state(model, draws)
        state["decoder_pos_embed"] = model.decoder_pos_embed.detach().float()
        model.load_state_dict({key: value.double() for key, value in state.items()})
        n, t, p = 3, config.tokens, config.patch_size
        image = (n, config.in_channels, config.input_size, config.input_size)
        inputs = {"x": draws.normal("x", image), "noise": draws.normal("noise", image),
                  "t": draws.uniform("t", (n,), 0.05, 0.95), "y": draws.integers("y", (n,), config.num_classes)}
        if config.z_dims or cls:
            inputs["targets.0"] = draws.normal("targets.0", (n, 1 + t, 20), 1.5)
        if kept:
            inputs["keep"] = draws.subset("keep", n, t, kept, ordered=False)
        if cls:
            inputs["cls_noise"] = draws.normal("cls_noise", (n, 20))
        given = {key: value.double() if value.is_floating_point() else value for key, value in inputs.items()}
        target, keep, time = given.get("targets.0"), given.get("keep"), given["t"]
        g = noised(path, target[:, 0], given["cls_noise"], time) if cls else None
        state_t = noised(path, given["x"], given["noise"], time)
        out = model(state_t, time, given["y"], g, keep)
        goal = velocity_target(path, given["x"], given["noise"], time)
        seen, wanted = tokenise(out.velocity, p), tokenise(goal, p)
        rows = keep if keep is not None else torch.arange(t).expand(n, t)
        found = {"velocity": (gather(seen, rows) - gather(wanted, rows)).square().mean()}
        total = found["velocity"]
        if cls:
            wished = velocity_target(path, target[:, 0], given["cls_noise"], time)
            found["class"] = (out.cls - wished).square().mean()
            total = total + BETA * found["class"]
        if config.z_dims:
            aim = target if cls else target[:, 1:]
            found["align"] = alignment_loss(out.z[0], gather(aim, with_class_token(keep) if cls else keep))
            total = total + COEFF * found["align"]
        if "contrastive" in terms:
            before = tokenise(torch.roll(goal, 1, 0), p)
            found["contrastive"] = (gather(seen, rows) - gather(before, rows)).square().mean()
            total = total - terms["contrastive"]["coeff"] * found["contrastive"]
        if "mae" in terms and keep is not None:
            found["mae"] = painted_loss(clean_of(path, out.velocity, state_t, time), state_t, keep, p)
            total = total + terms["mae"]["coeff"] * found["mae"]
        found["total"] = total
        total.backward()
        grads = {key: torch.zeros_like(value) if value.grad is None else value.grad
                 for key, value in model.named_parameters() if value.requires_grad}
        nothing = [key for key, grad in grads.items() if grad.norm() <= 1e-7 and (kept or key != "mask_token")]
        assert not nothing, (name, nothing)
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {f"inputs/{key}": value for key, value in inputs.items()}
        tensors |= {f"losses/{key}": value.detach() for key, value in found.items()}
        tensors |= {f"grads/{key}": single(grad) for key, grad in grads.items()}
        metadata = {"config": config.parity_json(), "decoder": json.dumps(decoder), "path": along, "beta": BETA,
                    "coeff": COEFF, "terms": json.dumps(terms, sort_keys=True)}
        topic.write(name, tensors, metadata, terms=sorted(terms))
    topic.close()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
