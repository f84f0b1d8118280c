# syntax=docker/dockerfile:1
# The checkout with everything installed, for a CPU (default) or for NVIDIA GPUs:
#
#     docker build --tag episodic .
#     docker build --tag episodic:cuda --build-arg DEVICE=cuda .
#     docker run --rm --volume "$PWD/runs:/lab/runs" episodic fit --config configs/barcode_bandit.yaml
#     docker run --rm --gpus all --volume "$PWD/runs:/lab/runs" episodic:cuda fit --config configs/barcode_bandit.yaml
FROM python:3.11-slim

# cpu: torch from CPU_INDEX, the address of PyTorch's index of CPU builds (about 1 GB). cuda: torch with its CUDA
# libraries (about 5 GB).
ARG DEVICE=cpu
ARG CPU_INDEX=
ARG EXTRAS=train,experiments,environments

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1

RUN useradd --create-home lab && mkdir /lab && chown lab /lab
WORKDIR /lab

COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY episodic ./episodic
# The CPU build's versions of torch and torchvision carry a suffix, which the constraint `==` accepts. Without an index
# of CPU builds, torch comes with its CUDA libraries, and runs on a CPU all the same.
RUN case "$DEVICE" in \
      cpu) pip install --constraint constraints.txt ${CPU_INDEX:+--index-url "$CPU_INDEX"} torch torchvision ;; \
      cuda) ;; \
      *) echo "DEVICE is $DEVICE: it must be cpu or cuda" >&2; exit 2 ;; \
    esac \
    && pip install --constraint constraints.txt --editable ".[$EXTRAS]"

COPY --chown=lab . .
USER lab
ENTRYPOINT ["python", "cli.py"]
CMD ["--help"]
