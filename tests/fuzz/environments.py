"""Environment variables that launchers set, with values that they would never set."""

GARBAGE = ("", "abc", "-1", "1.5", "99999999999999999999", "\x1b[31m", "nan", "0x1", "1 2", " ", "two\nlines")
RANKS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "PL_GLOBAL_SEED", "NODE_RANK", "GROUP_RANK", "LOCAL_WORLD_SIZE")
SLURM = (
    "SLURM_NTASKS",
    "SLURM_PROCID",
    "SLURM_LOCALID",
    "SLURM_NODEID",
    "SLURM_JOB_ID",
    "SLURM_NTASKS_PER_NODE",
    "SLURM_NNODES",
)
OTHERS = ("EPISODIC_RUN_VERSION", "PL_SEED_WORKERS", "MASTER_PORT", "MASTER_ADDR", "PL_FAULT_TOLERANT_TRAINING")
VARIABLES = (*RANKS, *SLURM, *OTHERS)
#: With these Lightning believes that SLURM, torchrun, MPI or LSF started it.
SETTINGS: tuple[dict[str, str], ...] = (
    {"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "train"},
    {"SLURM_NTASKS": "1", "SLURM_JOB_NAME": "train", "SLURM_PROCID": "x"},
    {"SLURM_NTASKS": "2", "SLURM_JOB_NAME": "train", "SLURM_NTASKS_PER_NODE": "1"},
    {"SLURM_NTASKS": "abc", "SLURM_JOB_NAME": "train"},
    {"SLURM_NTASKS": "1", "SLURM_JOB_NAME": "train", "SLURM_JOB_ID": "x", "SLURM_NODEID": "x", "SLURM_LOCALID": "x"},
    {"TORCHELASTIC_RUN_ID": "1", "RANK": "0", "LOCAL_RANK": "0", "GROUP_RANK": "0"},
    {"TORCHELASTIC_RUN_ID": "1", "RANK": "x", "LOCAL_RANK": "0", "GROUP_RANK": "0", "WORLD_SIZE": "1"},
    {"RANK": "3"},
    {"LOCAL_RANK": "1"},
    {"WORLD_SIZE": "7"},
    {"CUDA_VISIBLE_DEVICES": "abc"},
    {"LSB_JOBID": "1", "LSB_DJOB_RANKFILE": "/nosuch", "JSM_NAMESPACE_SIZE": "x", "JSM_NAMESPACE_RANK": "x"},
    {"KUBERNETES_PORT": "1", "MASTER_ADDR": "nosuch", "MASTER_PORT": "x"},
    {"PL_GLOBAL_SEED": "-1"},
)
