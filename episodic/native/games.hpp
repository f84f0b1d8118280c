// What the actions of a step lead to in each task: the twins of `step` of the episodes in episodic/tasks.

#pragma once

#include "vectors.hpp"

namespace {

// Where the outcome of a step goes: rewards and observations of environments, rows apart.
struct Outcome {
    float* reward;
    int64_t reward_row;
    float* observation;  // zeros, unless the task has filled it in beforehand
    int64_t observation_row;
};

// Carries out the actions `taken` [B] at step t in a block of environments.
using Step = void (*)(const void* game, int64_t t, const int64_t* taken, Outcome outcome, Block block);

}  // namespace

extern "C" {

// Any task whose actions change nothing but the reward, which `payoffs` [T, B, A] holds for every action.
struct Payoffs {
    int64_t actions;
    const float* payoffs;
};

void payoffs_step(const Payoffs* game, int64_t t, const int64_t* taken, Outcome outcome, Block block) {
    const float* payoffs = game->payoffs + t * block.batch * game->actions;
    for (int64_t b = block.first; b < block.first + block.count; b++)
        outcome.reward[b * outcome.reward_row] = payoffs[b * game->actions + taken[b]];
}

struct Bandit {
    int64_t contexts, actions;
    const int64_t* context;             // [B], of the episode
    const float *probabilities, *luck;  // [B, C, A] of a reward, [T, B]
};

void bandit_step(const Bandit* game, int64_t t, const int64_t* taken, Outcome outcome, Block block) {
    const float* luck = game->luck + t * block.batch;
    for (int64_t b = block.first; b < block.first + block.count; b++) {
        const float* arms = game->probabilities + (b * game->contexts + game->context[b]) * game->actions;
        outcome.reward[b * outcome.reward_row] = luck[b] < arms[taken[b]];
    }
}

struct Compositional {
    const int64_t *good, *attended;         // [B], [T, B] positions
    const float *probabilities, *luck;  // [2] of a reward on the bad and the good arm, [T, B]
};

void compositional_step(const Compositional* game, int64_t t, const int64_t* taken, Outcome outcome, Block block) {
    const int64_t* attended = game->attended + t * block.batch;
    const float* luck = game->luck + t * block.batch;
    for (int64_t b = block.first; b < block.first + block.count; b++)
        outcome.reward[b * outcome.reward_row] =
            luck[b] < game->probabilities[(taken[b] ^ attended[b]) == game->good[b]];
}

struct Maze {
    int64_t actions;
    const int64_t *moves, *goals, *targets;  // [N, A] where an action leads; [B]; [T, B] where a jump leads
    const float* coordinates;                // [N, 2]
    int64_t* positions;                      // [T + 1, B], before each step; the first are given
    bool* reached;                           // [T, B]
};

void maze_step(const Maze* game, int64_t t, const int64_t* taken, Outcome outcome, Block block) {
    const int64_t B = block.batch;
    for (int64_t b = block.first; b < block.first + block.count; b++) {
        const int64_t entered = game->moves[game->positions[t * B + b] * game->actions + taken[b]];
        const bool reached = entered == game->goals[b];
        const int64_t position = reached ? game->targets[t * B + b] : entered;
        game->reached[t * B + b] = reached;
        game->positions[(t + 1) * B + b] = position;
        outcome.reward[b * outcome.reward_row] = reached;
        for (int i = 0; i < 2; i++)
            outcome.observation[b * outcome.observation_row + i] = game->coordinates[2 * position + i];
    }
}

struct TwoStep {
    int64_t per_trial;                          // steps in a trial
    const bool* uncommon;                       // [N, B]
    const float* pays;                          // [N, B, 2], of each state
    const int64_t* cued;                        // [N, B], the trial that is shown, or -1
    int64_t *chosen, *states;                   // [N, B]
    float* rewards;                             // [N, B]
};

void two_step_step(const TwoStep* game, int64_t t, const int64_t* taken, Outcome outcome, Block block) {
    const int64_t B = block.batch, trial = t / game->per_trial;
    if (t % game->per_trial) return;  // the second stage has no choice, and its reward was there when it began
    for (int64_t b = block.first; b < block.first + block.count; b++) {
        const int64_t at = trial * B + b, state = taken[b] ^ (int64_t)game->uncommon[at], earlier = game->cued[at] * B + b;
        const bool promised = game->cued[at] >= 0 && game->states[earlier] == state;
        const float reward = promised ? game->rewards[earlier] : game->pays[2 * at + state];
        game->chosen[at] = taken[b], game->states[at] = state, game->rewards[at] = reward;
        outcome.reward[b * outcome.reward_row] = reward;
        outcome.observation[b * outcome.observation_row + state] = 1.f;
    }
}

}  // extern "C"
