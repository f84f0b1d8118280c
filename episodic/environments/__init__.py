"""Every task as a Gymnasium environment, vectorised over the batched task. Importing this package registers them.

```python
import gymnasium
import episodic.environments

envs = gymnasium.make_vec("episodic/BarcodeBandit-v0", num_envs=64)  # 64 blocks at once
env = gymnasium.make("episodic/BarcodeBandit-v0", bits=20)  # one block, with another parameter of the task
```

`TaskVectorEnv` and `TaskEnv` make environments of any `Task`; `BlockPlay` plays blocks step by step, without
Gymnasium's conventions.
"""

from episodic.environments.block_play import BlockPlay
from episodic.environments.registration import ENVIRONMENTS, register_environments
from episodic.environments.task_env import TaskEnv
from episodic.environments.task_vector_env import TaskVectorEnv

__all__ = ["ENVIRONMENTS", "BlockPlay", "TaskEnv", "TaskVectorEnv", "register_environments"]

register_environments()
