"""Features of the embedded judge: the weights of the shipped archive in a network written here, in float64."""

import torch
import torch.nn.functional as F
from golden_file import ROOT, Topic, single

SEED = 20261129
ARCHIVE = ROOT / "maskalign-encoders/src/main/resources/io/github/maskalign/encoders/emoji-judge.pt"
GROUPS = 8


def pictures(draws):
    """Discs and bars of random colours on white, (4, 3, 64, 64) bytes."""
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    out = torch.full((4, 3, 64, 64), 255, dtype=torch.uint8)
    colours = draws.integers("colours", (4, 2, 3), 256)
    places = draws.integers("places", (4, 3), 20) + 20
    for i in range(4):
        disc = (x - places[i, 0]) ** 2 + (y - places[i, 1]) ** 2 < places[i, 2] ** 2
        bar = (x - y).abs() < 4 + 2 * i
        for c in range(3):
            out[i, c][disc] = colours[i, 0, c].to(torch.uint8)
            out[i, c][bar] = colours[i, 1, c].to(torch.uint8)
    return out


def judge(state, image):
    def conv(x, name, stride):
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride=stride, padding=1)

    def active(x, name):
        return F.group_norm(x, GROUPS, state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-5).clamp(min=0)

    x = conv(image, "stem", 2)
    for k in range(3):
        stage = f"stages.{k}"
        x = conv(x.clamp(min=0), f"{stage}.down", 2)
        h = conv(active(x, f"{stage}.norm1"), f"{stage}.conv1", 1)
        x = x + conv(active(h, f"{stage}.norm2"), f"{stage}.conv2", 1)
    cells = active(x, "norm").flatten(2).transpose(1, 2)
    return cells.mean(1), cells


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-encoders", "judge", "judge_cases.py", SEED, {"outputs": 1e-4}, [
        "inputs/pictures (N, 3, 64, 64), bytes.",
        "outputs/feature (N, 192) and outputs/cells (N, 16, 192) by the shipped weights; they change when those do.",
    ])
    state = {key: value.double() for key, value in torch.jit.load(str(ARCHIVE)).state_dict().items()}
    shown = pictures(topic.draws("features"))
    feature, cells = judge(state, shown.double() / 127.5 - 1)
    topic.write("features", {
        "inputs/pictures": shown, "outputs/feature": single(feature), "outputs/cells": single(cells)}, {})
    topic.close()


if __name__ == "__main__":
    main()
