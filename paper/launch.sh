#!/usr/bin/env bash
# Run a command on every GPU: bash paper/launch.sh smaug_run NOTEBOOK SECTION --params paper/params.yaml
# PROCESSES: how many on a machine; without it one a GPU, and one where there is none.
# In a SLURM job of several nodes it starts on all of them; they share this folder.
set -euo pipefail
count_gpus() {
  if [ -n "${CUDA_VISIBLE_DEVICES:-}" ]; then echo "$CUDA_VISIBLE_DEVICES" | tr ',' '\n' | grep -c .
  elif command -v nvidia-smi >/dev/null; then nvidia-smi -L | grep -c . || true
  else echo 0
  fi
}
gpus=$(count_gpus)
processes=${PROCESSES:-$(( gpus > 0 ? gpus : 1 ))}
nodes=${SLURM_JOB_NUM_NODES:-1}
if [ "$gpus" -eq 0 ]; then export ACCELERATE_USE_CPU=true; fi
if [ "$nodes" -gt 1 ]; then
  first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
  exec srun --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 \
    torchrun --nnodes "$nodes" --nproc-per-node "$processes" --rdzv-backend c10d --rdzv-id "$SLURM_JOB_ID" \
    --rdzv-endpoint "$first:$(( 20000 + SLURM_JOB_ID % 20000 ))" --no-python "$@"
elif [ "$processes" -gt 1 ]; then
  exec torchrun --standalone --nproc-per-node "$processes" --no-python "$@"
else
  exec "$@"
fi
