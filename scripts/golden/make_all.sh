#!/usr/bin/env bash
# Regenerates every golden fixture, byte for byte on the pinned versions.
# Usage: scripts/golden/make_all.sh          (PYTHON=... chooses the interpreter)
#        scripts/golden/make_all.sh --check  (fails if a committed fixture would change)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${PYTHON:-python3}
export PYTHONDONTWRITEBYTECODE=1

if [[ $# -gt 1 || ($# -eq 1 && $1 != --check) ]]; then
    sed -n '2,4p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi

cd "$here"
for script in selfcheck parity_cases parity_config_cases core_cases qk_norm_cases parity_kind_cases draws_cases optimizer_cases adan_cases sampler_cases transport_cases joint_cases placement_cases family_terms_cases family_loss_cases auto_stop_cases align_depths_cases sparse_cases redi_cases repae_cases reglue_cases masked_cases micro_cases self_align_cases route_guidance_cases dit_cases mdtv2_cases flop_cases checkpoint_cases vit_cases judge_cases vit_attention_cases vit_joined_cases preprocess_cases torchscript_samples encoder_cases teacher_cases export_samples image_cases safetensors_samples vae_cases patch_autoencoder_cases npy_cases text_cases metric_cases analysis_cases inception_cases repa_layout_cases picture_zip_cases; do
    "$python" "$script.py"
done
"$python" -W ignore torchfile_samples.py stream
"$python" -W ignore torchfile_samples.py current # and, by hand, 2.3 with that version of PyTorch

cd "$root"
find maskalign-*/src/test/resources/golden -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum > scripts/golden/SHA256SUMS

if [[ ${1:-} == --check ]]; then
    changed=$(git status --porcelain -- '*/src/test/resources/golden' scripts/golden/SHA256SUMS)
    if [[ -n $changed ]]; then
        printf 'These fixtures changed:\n%s\n' "$changed" >&2
        exit 1
    fi
    echo 'All fixtures are as committed.'
fi
