# syntax=docker/dockerfile:1
# The checkout with everything installed, for a CPU (default) or for NVIDIA GPUs:
#
#     docker build --tag episodic --build-arg CPU_INDEX=ADDRESS .
#     docker build --tag episodic:cuda --build-arg DEVICE=cuda .
#     mkdir -p runs
#     docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD/runs:/lab/runs" episodic fit --config configs/barcode_bandit.yaml
#     docker run --rm --gpus all --user "$(id -u):$(id -g)" --volume "$PWD/runs:/lab/runs" episodic:cuda fit --config configs/barcode_bandit.yaml
#
# `--user` lets the container write to the mounted folder, which belongs to you.
FROM python:3.11-slim

# cpu: torch from CPU_INDEX, PyTorch's index of CPU builds (about 1 GB); without it, torch comes with its CUDA libraries
# (about 5 GB) and runs on a CPU all the same. cuda: torch with its CUDA libraries.
ARG DEVICE=cpu
ARG CPU_INDEX=
ARG EXTRAS=train,experiments,environments

# The native kernels are compiled at first use.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1 \
    HOME=/lab/home USER=lab

# Any user may write caches and runs, so that `--user` works.
RUN mkdir --mode 1777 --parents /lab /lab/home /lab/runs
WORKDIR /lab

COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY episodic ./episodic
# The CPU build of a version has a suffix, such as 2.9.0+cpu. The constraint `==` accepts it, and pip prefers it.
RUN case "$DEVICE" in \
      cpu) pip install --constraint constraints.txt ${CPU_INDEX:+--extra-index-url "$CPU_INDEX"} torch torchvision ;; \
      cuda) ;; \
      *) echo "DEVICE is $DEVICE: it must be cpu or cuda" >&2; exit 2 ;; \
    esac \
    && pip install --constraint constraints.txt --editable ".[$EXTRAS]"

COPY . .
USER nobody
ENTRYPOINT ["python", "cli.py"]
CMD ["--help"]
