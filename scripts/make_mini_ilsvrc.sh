#!/usr/bin/env bash
# Draws a miniature of ImageNet's training archive, with a small random autoencoder and a small random DINOv2.
# Usage: scripts/make_mini_ilsvrc.sh DIR [PICTURES_PER_CLASS]
set -euo pipefail
[[ $# -ge 1 && $# -le 2 ]] || { sed -n '2,3p' "${BASH_SOURCE[0]}" >&2; exit 2; }
"$(dirname "${BASH_SOURCE[0]}")"/bench/workbench mini-ilsvrc "$1" --per-class "${2:-12}"
