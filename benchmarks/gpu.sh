#!/usr/bin/env bash
# Everything that a borrowed GPU should tell, in at most nine minutes: the most important first, each
# part with its own time limit, its output written at once to a file of its own.
#
#     bash benchmarks/gpu.sh RESULTS [CROPS.zip [PART ...]]
#
# RESULTS  folder for the parts' outputs and the trained generator.
# CROPS    training images, made elsewhere (`python -m pipeline crop`, then
#          `python -m benchmarks.gpu_crops pack . crops.zip`); without it, or with `drawn`, the project
#          draws 300 dogs.
# PART     names of the parts to run; without any, all. Those behind prepare need what it wrote.
#
# Needs Python 3.11 or newer with torch and the packages of pyproject.toml, and no network. Where
# some of these are missing (pydantic, ruamel.yaml, pytest-xdist …) they can travel as wheels:
# pip install --no-index --no-deps --target SITE *.whl && export PYTHONPATH=SITE.
# GPU_DEVICE=cpu and GPU_TINY=1 try the script itself, with tiny sizes, where there is no GPU.
set -uo pipefail
cd "$(dirname "$0")/.."
known="tests bench_train prepare train generate score nccl"
for name in "${@:3}"; do
  [[ " $known " == *" $name "* ]] || { echo "gpu.sh: no part $name; there are $known" >&2; exit 1; }
done
results=$(mkdir -p "$1" && cd "$1" && pwd)
crops=${2:-drawn}
parts=" ${*:3} "
device=${GPU_DEVICE:-cuda}
tiny=${GPU_TINY:-}
python=${PYTHON:-python}
export PYTHONUNBUFFERED=1

part() { # part NAME SECONDS COMMAND...: run it within its time, keep what it prints
  local name=$1 seconds=$(($2 * limit_factor)) start=$SECONDS code=0
  shift 2
  [[ $parts == *[a-z]* && $parts != *" $name "* ]] && return
  timeout --kill-after=5 "$seconds" "$@" >"$results/$name.txt" 2>&1 || code=$?
  echo "$name: exit code $code after $((SECONDS - start)) s (limit $seconds s)" | tee -a "$results/summary.txt"
}

sizes=(--channels 64 128 --rounds 3)
compile=--compile
train=(train.batch_size=64 train.time_limit_hours=0.05)
score_images=10000
limit_factor=1
if [ -n "$tiny" ]; then
  sizes=(--channels 4 --rounds 1 --steps 1 --batch-size 4)
  compile=
  train=(train.batch_size=8 train.images=64 data.drawn.pictures=24 model.dcgan.channels=4 train.log_every_images=16 train.sample_every_images=32)
  score_images=64
  limit_factor=10 # a shared machine without a GPU is slow; the sizes are what is tried here
fi

: >"$results/summary.txt"
"$python" -c "
import torch
print('torch', torch.__version__)
print(torch.cuda.get_device_name() if torch.cuda.is_available() else 'no CUDA GPU')
" >"$results/machine.txt" 2>&1

# 1. Is it right?
[ -n "$tiny" ] || part tests 100 "$python" -m pytest -m gpu -rs -n 4 -p no:cacheprovider tests/test_gpu.py
# 2. How fast is a step, without and with torch.compile?
part bench_train 130 "$python" -m benchmarks.bench_train --device "$device" $compile "${sizes[@]}"
# 3. What does the kernel's recipe give in three minutes? Its generator is kept for scoring elsewhere.
run=$results/run
mkdir -p "$run/data"
part prepare 30 "$python" -m benchmarks.gpu_run prepare "$run" "$crops" device="$device" \
  generate.count=$score_images "${train[@]}"
part train 200 "$python" -m pipeline --root "$run" --params "$run/params.yaml" train
# 4. How long do 10,000 images take to generate and to score?
part generate 25 "$python" -m pipeline --root "$run" --params "$run/params.yaml" generate
part score 25 "$python" -m benchmarks.gpu_run score "$run"
# 5. Does NCCL start, with one process under torchrun?
part nccl 30 "$python" -m torch.distributed.run --nproc-per-node=1 -m pipeline --root "$run" \
  --params "$run/one_step.yaml" train
cp "$run/outputs/generator.pt" "$run/outputs/samples.png" "$run/outputs/history.csv" "$results/" 2>/dev/null
cat "$results/summary.txt"
