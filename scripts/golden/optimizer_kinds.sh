#!/usr/bin/env bash
# Writes golden/optimizer-kinds on a processor with AVX-512: what optimizer_cases.py computes on all other kinds.
# Usage: scripts/golden/optimizer_kinds.sh   (PYTHON=... with PyTorch 2.3.1; a C compiler unless the processor is Intel's)
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
python=${PYTHON:-python3}
export PYTHONDONTWRITEBYTECODE=1

# MKL looks at the maker first; elsewhere its question is answered for it, so that it takes the kernels asked for
if ! grep -qm1 GenuineIntel /proc/cpuinfo; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    echo 'int mkl_serv_intel_cpu_true(void) { return 1; }' | cc -shared -fPIC -x c -o "$work/intel.so" -
    export LD_PRELOAD=$work/intel.so
fi

for kernels in AVX512 AVX2 SSE4_2; do
    for capability in avx2 default; do
        if [[ $kernels-$capability != AVX512-avx2 ]]; then # that one is golden/optimizer
            MKL_ENABLE_INSTRUCTIONS=$kernels ATEN_CPU_CAPABILITY=$capability "$python" optimizer_cases.py
        fi
    done
done
