#!/usr/bin/env bash
# The paper's run as a SLURM job: sbatch paper/slurm.sh, with your partition and account. Started again, it goes on.
#SBATCH --job-name=smaug-paper
#SBATCH --nodes=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=48
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --output=smaug-paper-%j.log
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"
source .venv/bin/activate
# before the time is up the job goes back into the queue: the stage that runs has saved its state (save_every)
trap 'scontrol requeue "$SLURM_JOB_ID"' USR1
dvc repro -k "$@" paper/dvc.yaml &
wait $!
