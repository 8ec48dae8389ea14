#!/bin/bash
# A sweep on several nodes of a SLURM cluster. Submit it again, and it goes on where it was:
#
#     sbatch examples/cluster/slurm.sh my.yaml /shared/me/my-sweep
#
# Both paths, and paretune itself, must be on a file system that all nodes mount. Five minutes before the time is up
# running trials end at their next report, and the job puts itself into the queue again until the sweep is finished.
#SBATCH --job-name=paretune
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=4
#SBATCH --time=08:00:00
#SBATCH --signal=B:TERM@300
#SBATCH --requeue
#SBATCH --open-mode=append

set -euo pipefail

file=${1:?the sweep file}
out=${2:?the folder of the sweep}

# Anyone who reaches the ports of a Ray without a token can run code in your name.
umask 077
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(head -c 24 /dev/urandom | base64 | tr -d '+/=')
export RAY_AUTH_TOKEN
export RAY_USAGE_STATS_ENABLED=0
export RAY_TMPDIR=/tmp/ray-$SLURM_JOB_ID # of this job alone; a long path is too long for Ray's sockets

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
cpus=${SLURM_CPUS_PER_TASK:-1}
gpus=${SLURM_GPUS_ON_NODE:-0}
port=$((20000 + SLURM_JOB_ID % 10000)) # Ray gives 10002 to 19999 to its workers
address=$(srun --nodes=1 --ntasks=1 --nodelist="${nodes[0]}" hostname --ip-address | awk '{print $1}'):$port

# Not by 'ray stop': that ends the Ray of every other job of yours on these nodes too.
steps=()
trap 'set +e; kill "${steps[@]}" 2> /dev/null; wait "${steps[@]}" 2> /dev/null; rm -rf "$RAY_TMPDIR"' EXIT

srun --nodes=1 --ntasks=1 --overlap --nodelist="${nodes[0]}" \
    ray start --block --head --node-ip-address="${address%:*}" --port="$port" --ray-client-server-port=$((port + 10000)) \
    --include-dashboard=false --num-cpus="$cpus" --num-gpus="$gpus" &
steps+=($!)
until (: < "/dev/tcp/${address%:*}/$port") 2> /dev/null; do
    kill -0 "${steps[0]}" # no head will come
    sleep 1
done
if ((${#nodes[@]} > 1)); then
    srun --nodes=$((${#nodes[@]} - 1)) --ntasks=$((${#nodes[@]} - 1)) --overlap --exclude="${nodes[0]}" \
        ray start --block --address="$address" --num-cpus="$cpus" --num-gpus="$gpus" &
    steps+=($!)
fi

# All of them, since nodes that join later are not asked whether they can run the trials.
python - "$address" "${#nodes[@]}" << 'EOF'
import sys, time

import ray

address, nodes, end = sys.argv[1], int(sys.argv[2]), time.monotonic() + 300
ray.init(address, logging_level="ERROR")
while (there := sum(node["Alive"] for node in ray.nodes())) < nodes:
    if time.monotonic() > end:
        sys.exit(f"{there} of {nodes} nodes have joined the Ray at {address}")
    time.sleep(1)
EOF

if [[ -e $out/sweep.json ]]; then
    paretune resume "$out" --address "$address" &
else
    paretune sweep "$file" --out "$out" --set "search.address=$address" &
fi
sweep=$!
trap 'kill -TERM "$sweep"' TERM INT

code=0
wait "$sweep" || code=$?
if ((code > 128)) && kill -0 "$sweep" 2> /dev/null; then # the signal ended the waiting, not the sweep
    code=0
    wait "$sweep" || code=$?
fi
if ((code == 130)); then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
