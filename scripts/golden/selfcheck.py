"""Checks the reference against published numbers and slow twins before any fixture is written."""

import math

import torch

from parity_cases import CASES, SEED, build, inputs_of
from golden_file import Draws
from losses_reference import training_loss
from sit_reference import SiT, SiTConfig, position_table, time_features, tokenise, unpatchify

VARIANTS = {"S": (384, 12, 6), "B": (768, 12, 12), "L": (1024, 24, 16), "XL": (1152, 28, 16)}
COUNTS = {  # (variant, patch): official with 2C rows, C rows, C rows + projector to 768
    ("S", 2): (32963360, 32957200, 39515664),
    ("B", 2): (130512416, 130500112, 137845008),
    ("B", 8): (130881536, 130684672, 138029568),
    ("L", 4): (458053760, 457988160, 465857344),
    ("XL", 2): (675129632, 675111184, 683242512),
}
REG_COUNTS = {"B": (131683600, 139028496), "L": (459664144, 467533328), "XL": (676886032, 685017360)}
MASKALIGN_COUNTS = {"B": (152940304, 160285200), "XL": (724696336, 732827664)}


def near(actual, expected, tolerance):
    actual = float(torch.as_tensor(actual).detach())
    assert abs(actual - expected) <= tolerance, f"expected {expected} but was {actual}"


def count(variant, **changes):
    """Parameters of a full-size model, computed from the shapes alone."""
    width, depth, heads = VARIANTS[variant]
    config = SiTConfig(hidden_size=width, depth=depth, num_heads=heads, **changes)
    with torch.device("meta"):
        model = SiT(config)
    return sum(p.numel() for p in model.parameters()), len(model.state_dict())


def check_counts():
    for (variant, p), expected in COUNTS.items():
        got = [count(variant, patch_size=p, **c)[0] for c in ({"learn_sigma": True}, {}, {"z_dims": (768,)})]
        assert tuple(got) == expected, f"{variant}/{p}: expected {expected} but was {got}"
    for variant, expected in REG_COUNTS.items():
        got = tuple(count(variant, cls_dim=768, z_dims=z)[0] for z in ((), (768,)))
        assert got == expected, f"REG {variant}: expected {expected} but was {got}"
    for variant, expected in MASKALIGN_COUNTS.items():
        got = tuple(count(variant, cls_dim=768, z_dims=z, mixer_layers=2)[0] for z in ((), (768,)))
        assert got == expected, f"MaskAlign {variant}: expected {expected} but was {got}"
    assert count("XL")[1] == 292 and count("B", z_dims=(768,))[1] == 138 and count("XL", z_dims=(768,))[1] == 298
    assert count("XL", z_dims=(768,), cls_dim=768)[1] == 304


def check_tables():
    table = position_table(768, 16)[3 * 16 + 5]
    for channel, value in {0: -0.95892427, 1: -0.99857347, 192: 0.28366219, 384: 0.14112001, 576: -0.9899925}.items():
        near(table[channel], value, 1e-7)
    features = time_features(torch.tensor([0.37]))[0]
    for channel, value in {0: 0.93232733, 1: 0.941308, 127: 1.0, 128: 0.36161545, 129: 0.33754882}.items():
        near(features[channel], value, 2e-7)


def check_layout():
    image = torch.arange(2 * 3 * 8 * 8.0).reshape(2, 3, 8, 8)
    tokens, p, g = tokenise(image, 2), 2, 4
    assert torch.equal(unpatchify(tokens, 2, 3), image)
    for i, j, a, b, c in [(0, 0, 0, 0, 0), (1, 2, 1, 0, 2), (3, 0, 0, 1, 1), (2, 3, 1, 1, 0)]:
        assert tokens[1, i * g + j, (a * p + b) * 3 + c] == image[1, c, i * p + a, j * p + b]


def naive_block(state, prefix, x, c, heads):
    """The block written with loops over heads and explicit formulas only."""
    def linear(name, value):
        return value @ state[f"{prefix}.{name}.weight"].T + state[f"{prefix}.{name}.bias"]

    def norm(value):
        mean = value.mean(-1, keepdim=True)
        return (value - mean) / ((value - mean).square().mean(-1, keepdim=True) + 1e-6).sqrt()

    width = x.shape[-1]
    d = width // heads
    table = linear("adaLN_modulation.1", c / (1 + (-c).exp()))
    shift1, scale1, gate1, shift2, scale2, gate2 = [table[:, None, k * width : (k + 1) * width] for k in range(6)]
    qkv = linear("attn.qkv", norm(x) * (1 + scale1) + shift1)
    mixed = []
    for h in range(heads):
        q, k, v = [qkv[..., part * width + h * d : part * width + (h + 1) * d] for part in range(3)]
        weights = (q @ k.transpose(1, 2) / math.sqrt(d)).exp()
        mixed.append(weights / weights.sum(-1, keepdim=True) @ v)
    x = x + gate1 * linear("attn.proj", torch.cat(mixed, -1))
    u = linear("mlp.fc1", norm(x) * (1 + scale2) + shift2)
    u = 0.5 * u * (1 + torch.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3)))
    return x + gate2 * linear("mlp.fc2", u)


def check_model():
    """Every case: a model of explicit formulas agrees in float64, and float32 stays far inside the tolerance."""
    for name, (family, config, batch, kept, ordered, exact_table, _) in CASES.items():
        draws = Draws(SEED, f"parity/{name}")
        if family == "maskalign":
            config = SiTConfig(**{**vars(config), "placement": "DROP"})
        model, state = build(config, draws, exact_table)
        inputs = inputs_of(config, family, batch, kept, ordered, draws)
        given = {key: value.double() if value.is_floating_point() else value for key, value in inputs.items()}
        output = model(**given)
        double = {key: value.double() for key, value in state.items()}
        v, z = naive_model(double, config, **given)
        near((v - output.velocity).norm() / v.norm(), 0, 1e-12)
        for mine, theirs in zip(z, output.z):
            near((mine - theirs).norm() / mine.norm(), 0, 1e-12)
        error = (model.float()(**inputs).velocity - v).norm() / v.norm()
        near(error, 0, 2e-6)


def naive_model(state, config, x, t, y, cls=None, keep=None):
    """Velocity and projected tokens from explicit formulas, loops over patches and a list of tokens."""
    def linear(name, value):
        return value @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def silu(value):
        return value / (1 + (-value).exp())

    def norm(value):
        mean = value.mean(-1, keepdim=True)
        return (value - mean) / ((value - mean).square().mean(-1, keepdim=True) + 1e-6).sqrt()

    p, g, n = config.patch_size, config.grid, len(t)
    f = torch.tensor([math.exp(-math.log(10000) * k / 128) for k in range(128)], dtype=torch.float64)
    angles = t[:, None] * f
    c = linear("t_embedder.mlp.2", silu(linear("t_embedder.mlp.0", torch.cat([angles.cos(), angles.sin()], 1))))
    c = c + state["y_embedder.embedding_table.weight"][y]
    kernel = state["x_embedder.proj.weight"].flatten(1)
    tokens = [x[:, :, i * p : i * p + p, j * p : j * p + p].flatten(1) @ kernel.T + state["x_embedder.proj.bias"]
              for i in range(g) for j in range(g)]
    if cls is not None:
        tokens.insert(0, norm(linear("cls_projectors2", cls)) * state["wg_norm.weight"] + state["wg_norm.bias"])
    h = torch.stack(tokens, 1) + state["pos_embed"]
    for i in range(config.mixer_layers):
        h = naive_block(state, f"mixer.{i}", h, c, config.num_heads)
    if keep is not None:
        h = torch.stack([torch.stack([h[s, 0], *[h[s, 1 + k] for k in keep[s]]]) for s in range(n)])
    z = []
    for i in range(config.depth):
        h = naive_block(state, f"blocks.{i}", h, c, config.num_heads)
        if i + 1 == config.encoder_depth:
            for k in range(len(config.z_dims)):
                u = silu(linear(f"projectors.{k}.0", h))
                z.append(linear(f"projectors.{k}.4", silu(linear(f"projectors.{k}.2", u))))
    shift, scale = linear("final_layer.adaLN_modulation.1", silu(c))[:, None].chunk(2, -1)
    out = linear("final_layer.linear", norm(h) * (1 + scale) + shift)[:, 0 if cls is None else 1 :]
    if keep is not None:
        return out, z
    channels = config.in_channels * (2 if config.learn_sigma else 1)
    v = torch.zeros(n, config.in_channels, g * p, g * p, dtype=torch.float64)
    for ch in range(config.in_channels):
        for a in range(p):
            for b in range(p):
                v[:, ch, a::p, b::p] = out[..., (a * p + b) * channels + ch].view(n, g, g)
    return v, z


def check_placements():
    """Keeping every token changes nothing; bypassed tokens arrive unchanged; dropped ones leave no gradient."""
    draws = Draws(SEED, "selfcheck")
    config = SiTConfig(**{**vars(CASES["reg-p2"][1]), "depth": 4, "route_start": 1, "route_end": 2})
    plain, state = build(config, draws)
    inputs = inputs_of(config, "maskalign", 2, 16, False, draws)
    given = {key: value.double() if value.is_floating_point() else value for key, value in inputs.items()}
    everything = given.pop("keep")
    expected = plain(**given)
    for placement in ("DROP", "LOSS_ONLY", "ROUTE", "DROP_REINSERT"):
        model = SiT(SiTConfig(**{**vars(config), "placement": placement})).double()
        model.load_state_dict(plain.state_dict(), strict=False)
        out = model(**given, keep=everything)
        v = out.velocity
        if placement == "DROP":
            rows = torch.empty_like(v)
            for s in range(len(v)):
                rows[s, everything[s]] = v[s]
            v = unpatchify(rows, config.patch_size, config.in_channels)
        near((v - expected.velocity).abs().max(), 0, 1e-12)
        near((out.cls - expected.cls).abs().max(), 0, 1e-12)

        keep = everything[:, :6]
        dropped = everything[:, 6:]
        model.zero_grad()
        model.pos_embed.requires_grad_()
        output = model(**{key: value[:1] for key, value in given.items()}, keep=keep[:1])
        output.velocity.square().mean().backward()
        gradient = model.pos_embed.grad[0, 1:][dropped[0]]
        assert (gradient == 0).all() == placement.startswith("DROP"), placement
    identity = SiT(SiTConfig(**{**vars(config), "placement": "ROUTE"})).double()
    identity.load_state_dict({key: value.double() for key, value in state.items()})
    short = SiT(SiTConfig(**{**vars(config), "depth": 2})).double()
    for model in (identity, short):  # the route's blocks act on kept tokens, so skipping them shows on the others
        model.final_layer.load_state_dict(plain.final_layer.state_dict())
    short.load_state_dict({key: value for key, value in identity.state_dict().items() if "blocks.2" not in key
                           and "blocks.3" not in key}, strict=False)
    short.blocks[1] = torch.nn.Identity()
    short.blocks[1].forward = lambda x, c: x
    identity.blocks[3].forward = lambda x, c: x
    mine, theirs = identity(**given, keep=keep).velocity, short(**given).velocity
    mine, theirs = tokenise(mine, config.patch_size), tokenise(theirs, config.patch_size)
    for s in range(len(mine)):
        near((mine[s, dropped[s]] - theirs[s, dropped[s]]).abs().max(), 0, 1e-12)
        assert (mine[s, keep[s]] - theirs[s, keep[s]]).abs().max() > 1e-3


def check_losses():
    """The paper's loss, with loops over samples and tokens."""
    draws = Draws(SEED, "selfcheck/losses")
    config = SiTConfig(**{**vars(CASES["maskalign-no-mixer"][1]), "placement": "DROP"})
    model, _ = build(config, draws)
    inputs = inputs_of(config, "maskalign", 2, 7, False, draws)
    x, t, y, keep = inputs["x"].double(), inputs["t"].double(), inputs["y"], inputs["keep"]
    noise, cls_noise = draws.normal("noise", x.shape).double(), draws.normal("cls", (2, 20)).double()
    targets = draws.normal("targets", (2, 17, 20)).double()
    losses = training_loss(model, x, noise, t, y, [targets], keep, cls_noise)
    velocity = cls = align = 0.0
    for s in range(2):
        one = slice(s, s + 1)
        mixed = (1 - t[s]) * torch.stack([x[s].flatten()]) + t[s] * noise[s].flatten()
        g = targets[s, 0]
        out = model(mixed.view_as(x[one]), t[one], y[one], ((1 - t[s]) * g + t[s] * cls_noise[s])[None], keep[one])
        cls += (out.cls[0] - cls_noise[s] + g).square().sum() / (2 * 20)
        for row, token in enumerate([-1, *keep[s].tolist()]):
            z, r = out.z[0][0, row], targets[s, 1 + token]
            align -= z @ r / (z @ z).sqrt() / (r @ r).sqrt() / (2 * 8)
            if token >= 0:
                i, j = divmod(token, config.grid)
                wanted = (noise - x)[s, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].permute(1, 2, 0).flatten()
                velocity += (out.velocity[0, row - 1] - wanted).square().sum() / (2 * 7 * 16)
    for actual, expected in zip(losses, (velocity + 0.03 * cls + 0.5 * align, velocity, cls, align)):
        near(actual, float(expected.detach()), 1e-12)


def main():
    torch.set_num_threads(1)
    for check in (check_tables, check_layout, check_counts, check_model, check_placements, check_losses):
        check()
        print(f"{check.__name__}: ok")


if __name__ == "__main__":
    main()
