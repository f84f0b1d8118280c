"""Episodic memory for reinforcement-learning agents, in plain PyTorch.

Import from the packages, each of which lists its public names in `__all__`:

- `episodic.memory`: episodic memories, their kernels and update rules, fuzzy c-means.
- `episodic.tasks`: the task protocol, bandits, barcodes, ideal and classical players.
- `episodic.networks`: the episodic LSTM, actor-critic heads, autoencoders and embedders.
- `episodic.objectives`: losses of agents and encoders, and schedules.
- `episodic.agents`: agents built of networks and memories, rollouts, and learners of keys.
- `episodic.metrics`: few-shot accuracy, retrieval, separation, and reward by exposure.
- `episodic.drawings`: Omniglot files and protocols, generated handwriting, deformations.
- `episodic.environments`: every task as a Gymnasium environment, vectorised.
- `episodic.plots`: matplotlib pictures of arrays.
- `episodic.checkpoints`: safe reading of checkpoints, `load_embedder`, and shipped encoders.
- `episodic.errors`: `InputError`, raised for every invalid argument or file.

`import episodic` loads none of them.
"""
