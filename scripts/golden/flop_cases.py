"""Multiply-adds of a forward pass, counted by PyTorch's own `FlopCounterMode` on models without numbers ("meta" tensors).

Writes maskalign-examples/src/test/resources/golden/flops/flops.json: for each case its configuration and the floating point
operations (two per multiply-add) of the matrix products and convolutions of one picture's forward pass in training
(with a subset, where there is one) and of one in sampling (all tokens, no projector).
"""

import json
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from masked_reference import Decoder, MaskedSiT
from micro_cases import MicroSiT
from sit_reference import SiT, SiTConfig
from sparse_reference import Sparse, SparseSiT

SIZES = {
    "b": dict(hidden_size=768, depth=12, num_heads=12, encoder_depth=4),
    "l": dict(hidden_size=1024, depth=24, num_heads=16, encoder_depth=8),
    "xl": dict(hidden_size=1152, depth=28, num_heads=16, encoder_depth=8),
}
TREAD = dict(placement="ROUTE", route_start=2)
METHODS = {
    "sit": (dict(), 0.0),
    "repa": (dict(z_dims=(768,)), 0.0),
    "reg": (dict(z_dims=(768,), cls_dim=768), 0.0),
    "maskalign": (dict(z_dims=(768,), cls_dim=768, mixer_layers=2, placement="DROP"), 0.25),
    "repa-maskalign": (dict(z_dims=(768,), mixer_layers=2, placement="DROP"), 0.25),
    "tread": (TREAD, 0.5),
    "reinsert": (dict(placement="DROP_REINSERT"), 0.5),
    "loss-only": (dict(z_dims=(768, 384), placement="LOSS_ONLY"), 0.25),
}


def forward_flops(config: SiTConfig, kept) -> int:
    with torch.device("meta"):
        model = SiT(config).eval()
        side = config.input_size
        x = torch.empty(1, config.in_channels, side, side)
        t, y = torch.empty(1), torch.empty(1, dtype=torch.int64)
        cls = torch.empty(1, config.cls_dim) if config.cls_dim else None
        keep = torch.empty(1, kept, dtype=torch.int64) if kept else None
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(x, t, y, cls, keep)
    return counter.get_total_flops()


OUT = Path(__file__).resolve().parents[2] / "maskalign-examples/src/test/resources/golden/flops/flops.json"


def counted(model, config, kept) -> int:
    """Forward passes that look at numbers, as those of sparse and masked references do: one picture of zeros."""
    side = config.input_size
    keep = None
    if kept:
        keep = torch.arange(0, config.tokens, config.tokens // kept)[None]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(
            torch.zeros(1, config.in_channels, side, side), torch.zeros(1), torch.zeros(1, dtype=torch.int64), None, keep
        )
    return counter.get_total_flops()


def relatives():
    """SPRINT's, MaskDiT's and MicroDiT's parts around SiT-B/2."""
    config = SiTConfig()
    made = [
        ("sprint-b", SparseSiT(config, Sparse(dense=2)), 0.75, "SPARSE"),
        ("maskdit-b", MaskedSiT(config, Decoder(layers=4, width=384, heads=12)), 0.5, "DROP_REINSERT"),
        ("microdit-b", MicroSiT(config, layers=4, width=576, heads=9), 0.75, "DROP"),
    ]
    for name, model, ratio, placement in made:
        yield dict(
            name=name,
            config=asdict(replace(config, placement="NONE")) | {"placement": placement},
            ratio=ratio,
            train_forward=counted(model, config, int(config.tokens * (1 - ratio))),
            sample_forward=counted(model, config, None),
        )


def main():
    cases = list(relatives())
    for size, numbers in SIZES.items():
        for method, (parts, ratio) in METHODS.items():
            config = SiTConfig(**numbers, **parts)
            if config.placement == "ROUTE":
                config = replace(config, route_end=config.depth - 4)
            kept = int(config.tokens * (1 - ratio)) if ratio else None
            sampled = replace(config, z_dims=(), placement="NONE")
            cases.append(
                dict(
                    name=f"{method}-{size}",
                    config=asdict(config),
                    ratio=ratio,
                    train_forward=forward_flops(config, kept),
                    sample_forward=forward_flops(sampled, None),
                )
            )
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
