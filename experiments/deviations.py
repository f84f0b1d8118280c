"""In what our runs of the two bandits differ from the paper's: a section of the reproduction page.

`tests/experiments/test_deviations.py` holds its numbers to the configs.
"""

DEVIATIONS = """## Deviations, each named

The bandits themselves are the paper's: 10 arms, one pays with probability 0.9 and the others with 0.1; 10 contexts,
each met 10 times a block, in an order drawn from a bag; 10 pulls an episode; a new mapping and an empty memory for
each block; an LSTM of 50 units that starts each episode from zero; one memory an episode, the LSTM's final cell state
under the context's cue. *Our choice* marks what may or may not differ: the paper's own setting is not known to us.

**The memory**

- **A threshold.** The paper's memory always hands back its nearest neighbour. Ours hands back nothing (zeros) where
  no stored key is similar enough: a cosine of 0.99 for barcodes, 0.45 for drawings. So a first exposure recalls
  nothing instead of another context's state. The rows and lines *nearest* are the same agents tested without it; they
  were trained with it. What one that was trained without it earns is in [barcode_bandit.md](barcode_bandit.md).
- **A slack** (Omniglot). Keys that are less similar than the nearest by no more than 0.1 count as equally similar,
  and the newest of them is recalled. The rows *nearest* are without it too.
- **A tanh.** What is recalled passes a tanh before the reinstatement gate: `c = i g + f c + r tanh(c_recalled)`.
- **Capacity** (our choice). One slot for each of a block's 100 episodes: nothing is ever written over.
- **The cue is a key only** (our choice). epL2RL's LSTM does not see it; its input is the last action and the last
  reward.

**Learning**

- **Synchronous advantage actor-critic.** 64 environments play an episode, then the weights are updated once; the
  paper trained asynchronous workers. The gradient goes back through the ten pulls of that episode, and not into the
  states that were stored earlier.
- **Settings** (our choice, made on these tasks). Discount 0.3, plain returns (a trace of 1), value weight 0.4, an
  entropy weight that falls linearly from 0.05 to 0, Adam with a learning rate that falls linearly from 0.015 to a
  hundredth of it, gradients clipped at norm 1.
- **Fewer episodes.** 640,000 with a memory and 320,000 without; the paper's training has 1,000,000.
  `configs/barcode_bandit_paper.yaml` trains for as many.
- **More runs.** The paper's curves are means of 3 runs.

**Evaluation**

- **Rewards of a test.** The paper's are those at the end of its training. Ours are of the checkpoint with the best
  validation reward, with its weights fixed, on 204,800 episodes that are in no training and the same for all runs.
  Actions are drawn from the policy, as in training, not taken greedily. The curves are rewards of training, each
  point of one block of 6,400 episodes.
- **New characters.** Test blocks of the Omniglot bandit are made of the evaluation alphabets, whose characters
  neither encoder nor agent has seen, and validation blocks of five background alphabets that are kept apart.
- **Regret is expected regret** (our choice): the best arm's probability of a reward less that of the arm that was
  pulled, added up.
- **The paper's regrets are read off its figure**, to about 0.1.
- **The other players.** Thompson sampling and the Gittins index (discount 0.9) begin with a uniform prior for each
  arm; UCB1 tries every arm once first, which in ten pulls is all it does.

**Cues**

- **The encoder of drawings.** A residual network trained by a softmax over the background alphabets' characters and
  their quarter turns ([omniglot_encoders.md](omniglot_encoders.md)), with 128 numbers as in the paper, whose network
  was trained by the memory loss of Kaiser et al. 2017. An embedding is the mean of those of the drawing and of four
  slight deformations.
- **Embeddings of length 1.** L2RL+context gets 128 numbers of about 0.09 each beside the last reward; in the paper
  that agent stays at chance.
- **No barcode of zeros.** It has no direction for a cosine.
"""
