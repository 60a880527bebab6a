#!/usr/bin/env bash
# Usage: eval "$(scripts/fakegpu/build.sh [FOLDER])"
# Builds the pretended GPU into FOLDER (target/fakegpu), if it is missing or older than its sources, and prints the settings
# with which a program on DJL finds it. The first time it downloads libtorch's headers, 87 MB, from PyPI into
# ${XDG_CACHE_HOME:-~/.cache}/maskalign-fakegpu, of which it keeps 48 MB.
set -euo pipefail

fail() { echo "error: $1" >&2; exit 1; }

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
out=$(realpath -m "${1:-$here/../../target/fakegpu}")
version=2.3.1 # the libtorch that pom.xml names
cache=${XDG_CACHE_HOME:-$HOME/.cache}/maskalign-fakegpu
headers=$cache/torch-$version/include

command -v g++ >/dev/null || fail "the pretended GPU is written in C++ and no g++ was found: install g++ (apt-get install g++)"
command -v python3 >/dev/null || fail "no python3 was found, which fetches libtorch's headers: install python3 with pip"

mkdir -p "$cache" "$out"
exec 9>"$out/.lock" # two modules or shells at once: the first builds
flock 9
if [[ ! -d $headers ]]; then
  python3 -m pip --version >/dev/null 2>&1 || fail "no pip was found, which fetches libtorch's headers: install it (apt-get install python3-pip)"
  work=$(mktemp -d "$cache/.tmp-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  # headers are the same for every processor; of the wheels for Linux this one is the smallest
  python3 -m pip download -q --no-deps --only-binary=:all: --platform manylinux2014_aarch64 --implementation cp --python-version 311 \
    --abi cp311 -d "$work" "torch==$version" >&2 || fail "pip could not download the headers of torch==$version, see above"
  python3 - "$work" <<'PYTHON'
import glob, sys, zipfile
with zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0]) as wheel:
    wheel.extractall(sys.argv[1], [n for n in wheel.namelist() if n.startswith("torch/include/") and ".." not in n])
PYTHON
  mkdir -p "$(dirname "$headers")"
  mv -T "$work/torch/include" "$headers" 2>/dev/null || [[ -d $headers ]] || fail "cannot write $headers"
  rm -rf "$work"
fi

newest() { [[ -e $1 && ! $here/$2 -nt $1 && ! $here/build.sh -nt $1 ]]; }
if ! newest "$out/libfakegpu.so" fakegpu.cpp || ! newest "$out/libcudart.so" cudart.cpp; then
  # empty libraries with the names of libtorch's: the linker notes them, and the ones that DJL has loaded are used
  for name in torch_cpu c10; do
    g++ -shared -Wl,-soname,lib$name.so -o "$out/lib$name.so" -x c++ /dev/null
  done
  g++ -std=c++17 -O1 -fPIC -shared -Wall -Wextra -D_GLIBCXX_USE_CXX11_ABI=1 -isystem "$headers" -o "$out/.libfakegpu.so" \
    "$here/fakegpu.cpp" -L"$out" -Wl,--no-as-needed -ltorch_cpu -lc10 || fail "g++ failed, see above"
  rm "$out/libtorch_cpu.so" "$out/libc10.so"
  g++ -O1 -fPIC -shared -Wall -o "$out/.libcudart.so" "$here/cudart.cpp" || fail "g++ failed, see above"
  mv "$out/.libcudart.so" "$out/libcudart.so"
  mv "$out/.libfakegpu.so" "$out/libfakegpu.so"
fi
printf 'export PYTORCH_EXTRA_LIBRARY_PATH=%q LD_LIBRARY_PATH=%q\n' "$out/libfakegpu.so" "$out${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
