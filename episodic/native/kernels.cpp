// The arithmetic of an agent's episode for one CPU core: see episodic/native/__init__.py.
//
// Every function has a twin in PyTorch, named beside it, that defines what it computes. Arrays are dense, row-major
// float32, so both sides work on the same tensors. Shapes: T steps, B environments, I inputs, H hidden, K = I + H,
// G gates (o, i, f, [r,] g), A actions, N slots. No function keeps state: callers own all memory, and any number of
// threads may call at once. Scratch memory is bounded by blocks of environments, so every B works.

#include "games.hpp"
#include "slots.hpp"
#include "vectors.hpp"

// ---- What Python hands over -----------------------------------------------------------------------------------------

extern "C" {

struct LSTM {
    int64_t steps, batch, inputs, size, gate_count;
    const float *weight, *bias;  // [G H, K], [G H]
    float* packed;               // room for (K + 1) * padded(G H): the transposed weight, then the bias
    float *joint, *cells;        // [T + 1, B, K], [T + 1, B, H]
    float* gates;                // [T, B, G H], sigmoids all: that of the candidate g is of twice its input
};

struct Heads {
    int64_t steps, batch, size, actions;
    const float *weight, *bias;  // [A + 1, H], [A + 1]: the policy's logits, then the value
    const float* hidden;         // [T, B, H], rows `hidden_row` apart
    int64_t hidden_row;
    float* packed;               // room for (H + 1) * padded(A + 1): the transposed weight, then the bias
};

}  // extern "C"

namespace {

// ---- Steps of a block of environments -------------------------------------------------------------------------------

inline bool zero(const float* x, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (x[i] != 0.f) return false;
    return true;
}

// gates = sigmoid(W [x_t, h_{t-1}] + b);  c_t = i g + f c_{t-1}
void begin_block(const LSTM* net, int64_t t, Block block, float* scratch) {
    const int64_t H = net->size, K = net->inputs + H, GH = net->gate_count * H, row = padded(GH);
    const int64_t at = t * net->batch + block.first, count = block.count;
    const float *joint = net->joint + at * K, *bias = net->packed + K * row;
    const bool blank = zero(joint, count * K);  // as before the first step: all environments are alike
    if (!blank) multiply(count, row, K, {joint, K, 1}, net->packed, row, bias, 0, scratch, row);
    map(blank ? bias : scratch, scratch, (blank ? 1 : count) * row, sigmoid);
    for (int64_t b = 0; b < count; b++) {
        const float* __restrict gate = scratch + (blank ? 0 : b * row);
        const float* __restrict c = net->cells + (at + b) * H;
        float* __restrict next = net->cells + (at + net->batch + b) * H;
        const float *i = gate + H, *f = gate + 2 * H, *g = gate + GH - H;
        for (int64_t j = 0; j < H; j++) next[j] = f[j] * c[j] + i[j] * (2.f * g[j] - 1.f);
        std::memcpy(net->gates + (at + b) * GH, gate, 4 * GH);
    }
}

// c_t += r squashed, where something was recalled, [count, H] of the block;  h_t = o tanh(c_t)
void finish_block(const LSTM* net, int64_t t, const float* squashed, Block block, float* scratch) {
    const int64_t H = net->size, K = net->inputs + H, GH = net->gate_count * H;
    const int64_t at = t * net->batch + block.first, after = at + net->batch;
    for (int64_t b = 0; squashed && net->gate_count == 5 && b < block.count; b++) {
        const float* __restrict r = net->gates + (at + b) * GH + 3 * H;
        const float* __restrict s = squashed + b * H;
        float* __restrict c = net->cells + (after + b) * H;
        for (int64_t j = 0; j < H; j++) c[j] += r[j] * s[j];
    }
    map(net->cells + after * H, scratch, block.count * H, tanh_of);
    for (int64_t b = 0; b < block.count; b++) {
        const float *__restrict o = net->gates + (at + b) * GH, *__restrict x = scratch + b * H;
        float* __restrict h = net->joint + (after + b) * K + net->inputs;
        for (int64_t j = 0; j < H; j++) h[j] = o[j] * x[j];
    }
}

// Minus Gumbel noise, log(-log u), of uniform numbers u in [0, 1); an action with u = 0 is never taken.
inline Vector minus_gumbel(Vector u) {
    return u > 0.f ? logarithm(-logarithm(u)) : all(std::numeric_limits<float>::infinity());
}

// action = argmax(logits + Gumbel noise), a draw from the policy; or argmax(logits) without uniform numbers [B, A]
void choose_block(const Heads* heads, int64_t t, const float* uniform, int64_t* taken, Block block, float* scratch) {
    const int64_t H = heads->size, A = heads->actions, row = padded(A + 1);
    const float* hidden = heads->hidden + (t * heads->batch + block.first) * heads->hidden_row;
    multiply(block.count, row, H, {hidden, heads->hidden_row, 1}, heads->packed, row, heads->packed + H * row, 0,
             scratch, row);
    float* noise = scratch + block.count * row;
    if (uniform) map(uniform + block.first * A, noise, block.count * A, minus_gumbel);
    for (int64_t b = 0; b < block.count; b++) {
        float* preference = scratch + b * row;
        for (int64_t a = 0; uniform && a < A; a++) preference[a] -= noise[b * A + a];
        taken[block.first + b] = std::max_element(preference, preference + A) - preference;
    }
}

}  // namespace

extern "C" {

// ---- The episodic LSTM: episodic/networks/lstm_tape.py --------------------------------------------------------------

int64_t lstm_packed_size(int64_t inputs, int64_t size, int64_t gate_count) {
    return (inputs + size + 1) * padded(gate_count * size);
}

// The candidate's rows are doubled: tanh(x) = 2 sigmoid(2 x) - 1, so that one sigmoid serves all gates.
void lstm_pack(const LSTM* net) {
    const int64_t columns = net->inputs + net->size, all_gates = net->gate_count * net->size, row = padded(all_gates);
    const int64_t doubled = all_gates - net->size;
    transpose(all_gates, columns, net->weight, columns, net->packed, row, doubled, 2.f);
    transpose(all_gates, 1, net->bias, 1, net->packed + columns * row, row, doubled, 2.f);
}

// The first half of step t: gates and the cell state without reinstatement.
void lstm_begin(const LSTM* net, int64_t t) {
    const Scratch scratch(BLOCK * padded(net->gate_count * net->size));
    for (Block block(net->batch); block.count; block.next()) begin_block(net, t, block, scratch);
}

// The second half of step t: reinstatement and the hidden state.
void lstm_finish(const LSTM* net, int64_t t, const float* squashed) {
    const Scratch scratch(BLOCK * net->size);
    for (Block block(net->batch); block.count; block.next())
        finish_block(net, t, squashed ? squashed + block.first * net->size : nullptr, block, scratch);
}

// Backpropagation through time. Gradients of all states before the first step are left out.
struct Gradients {
    const float *joint;             // [T, B, K], the tape's or, with other inputs, its twin
    const float *recalled;          // [T, B, H] with a stride for T, or null: nothing recalled
    int64_t recalled_step;          // its stride from step to step; 0: the same at all steps
    const float* hidden;            // [T, B, H], gradient by the hidden states
    float *weight, *bias;           // [G H, K], [G H], results
    float *by_inputs, *by_recalled;  // [T, B, I], [T, B, H], results where they are wanted, or null
};

// With dh_t and dc_t the gradients by h_t and c_t, and ' the derivative of a gate by its input:
//   dc_t = dh_t o (1 - tanh^2 c_t) + f_{t+1} dc_{t+1};  do = dh_t tanh(c_t) o'
//   di = dc_t g i';  df = dc_t c_{t-1} f';  dr = dc_t tanh(recalled) r';  dg = dc_t i g'
//   dh_{t-1} += U^T (do, di, df, dr, dg);  dW += (do, ...) [x_t, h_{t-1}]^T
void lstm_gradients(const LSTM* net, const Gradients* result) {
    const int64_t T = net->steps, B = net->batch, I = net->inputs, H = net->size, K = I + H, G = net->gate_count;
    const int64_t GH = G * H, row = padded(GH), wide = padded(H), narrow = padded(I);
    const bool reinstates = G == 5;
    const Scratch to_hidden(GH * wide), to_inputs(result->by_inputs ? GH * narrow : 0);
    pad_rows(GH, H, net->weight + I, K, to_hidden, wide);
    if (result->by_inputs) pad_rows(GH, I, net->weight, K, to_inputs, narrow);
    const Scratch d_weight(K * row, 0), d_bias(row, 0), squashed(BLOCK * H, 0);  // sums; 0 where nothing is recalled
    const Scratch slopes(BLOCK * row), d_hidden(BLOCK * wide), carried(BLOCK * H), squashed_cell(BLOCK * H);
    const Scratch d_inputs(result->by_inputs ? BLOCK * narrow : 0);
    for (int64_t first = 0; first < B; first += BLOCK) {
        const int64_t count = std::min<int64_t>(BLOCK, B - first);
        std::fill_n((float*)carried, carried.size, 0.f);
        for (int64_t t = T - 1; t >= 0; t--) {
            const int64_t at = t * B + first;  // the row of this step's first environment
            pad_rows(count, H, result->hidden + at * H, H, d_hidden, wide);
            if (t < T - 1)
                multiply(count, wide, GH, {slopes, row, 1}, to_hidden, wide, d_hidden, wide,
                         d_hidden, wide);
            map(net->cells + (at + B) * H, squashed_cell, count * H, tanh_of);
            if (reinstates && result->recalled && (t == T - 1 || result->recalled_step))
                map(result->recalled + t * result->recalled_step + first * H, squashed, count * H, tanh_of);
            for (int64_t b = 0; b < count; b++) {
                const float *gate = net->gates + (at + b) * GH, *c = net->cells + (at + b) * H;
                const float* x = &squashed_cell[b * H];
                const float *dh = &d_hidden[b * wide], *s = &squashed[b * H];
                float *d = &slopes[b * row], *carry = &carried[b * H];
                const float *O = gate, *In = gate + H, *F = gate + 2 * H, *R = gate + 3 * H, *Half = gate + GH - H;
                float *d_i = d + H, *d_f = d + 2 * H, *d_r = d + 3 * H, *d_g = d + GH - H;
                float* by_recalled = result->by_recalled ? result->by_recalled + (at + b) * H : nullptr;
#pragma GCC ivdep
                for (int64_t j = 0; j < H; j++) {
                    const float o = O[j], i = In[j], f = F[j], half = Half[j];
                    const float dc = carry[j] + dh[j] * o * (1.f - x[j] * x[j]);
                    d[j] = dh[j] * x[j] * o * (1.f - o);
                    d_i[j] = dc * (2.f * half - 1.f) * i * (1.f - i);
                    d_f[j] = dc * c[j] * f * (1.f - f);
                    d_g[j] = dc * i * 4.f * half * (1.f - half);
                    carry[j] = dc * f;
                    if (reinstates) d_r[j] = dc * s[j] * R[j] * (1.f - R[j]);
                    if (by_recalled) by_recalled[j] = dc * R[j] * (1.f - s[j] * s[j]);
                }
                std::memset(d + GH, 0, 4 * (row - GH));
                for (int64_t q = 0; q < row; q += W) store(&d_bias[q], load(&d_bias[q]) + load(d + q));
            }
            if (!zero(result->joint + at * K, count * K))
                multiply(K, row, count, {result->joint + at * K, 1, K}, slopes, row, d_weight, row, d_weight, row);
            if (!result->by_inputs) continue;
            multiply(count, narrow, GH, {slopes, row, 1}, to_inputs, narrow, nullptr, 0, d_inputs,
                     narrow);
            for (int64_t b = 0; b < count; b++)
                std::memcpy(result->by_inputs + (at + b) * I, &d_inputs[b * narrow], 4 * I);
        }
    }
    for (int64_t g = 0; g < GH; g++)
        for (int64_t k = 0; k < K; k++) result->weight[g * K + k] = d_weight[k * row + g];
    std::memcpy(result->bias, d_bias, 4 * GH);
}

// ---- Choices and their loss: episodic/agents/choices.py, episodic/objectives/actor_critic.py ---------------------

int64_t heads_packed_size(int64_t size, int64_t actions) { return (size + 1) * padded(actions + 1); }

void heads_pack(const Heads* heads) {
    const int64_t outputs = heads->actions + 1, row = padded(outputs), H = heads->size;
    transpose(outputs, H, heads->weight, H, heads->packed, row, outputs, 1.f);
    transpose(outputs, 1, heads->bias, 1, heads->packed + H * row, row, outputs, 1.f);
}

// The choices of step t; `feedback`, if any, gets a 1 at each: [B, ...] with rows `feedback_row` apart.
void choose(const Heads* heads, int64_t t, const float* uniform, int64_t* taken, float* feedback,
            int64_t feedback_row) {
    const Scratch scratch(BLOCK * 2 * padded(heads->actions + 1));
    for (Block block(heads->batch); block.count; block.next()) choose_block(heads, t, uniform, taken, block, scratch);
    for (int64_t b = 0; feedback && b < heads->batch; b++) feedback[b * feedback_row + taken[b]] = 1.f;
}

// A write of an episode: after step `after` each environment stores a value under a key.
struct Write {
    int64_t after;
    const float *key, *value;  // [B, K], [B, V]
    const int64_t* label;      // [B], which is also the stack's number
    const float* source;       // [B, S] or null
};

enum Source : int64_t { GIVEN, INPUT, CELL, HIDDEN };  // of queries: known beforehand, or made of the tape at each step
enum Read : int64_t { NOTHING = -2, KEEP = -1 };       // instead of the number of a search

struct Memory {
    const Slots* slots;
    int64_t source, seen;     // of the queries; an INPUT leads them with its first `seen` numbers
    const int64_t* reads;     // [T]: the number of the step's search, or one of `Read`
    float* const* queries;    // [T], [B, K] of each step that needs one, else null
    Recalled recalled;        // [S, B, ...] of the S searches
    int64_t writes;
    const Write* write;       // [writes], in order of time
};

struct Episode {
    const float* uniform;  // [T, B, A] for the choices, or null
    int64_t* taken;        // [T, B]
    float* inputs;         // [T + 1, B, I], the tape's, with this stride from step to step and from row to row
    int64_t input_step, input_row;
    int64_t feedback;      // whether what was taken is shown: a 1 in the next input
    int64_t observation;   // where the observation begins in an input
    Step step;
    const void* game;
    float* rewards;        // [T, B]
    int64_t reward_step, reward_row;
    const float* const* squashed;  // [T], what each step reinstates, [B, H], or null; null with `memory`
    const Memory* memory;  // null: all reads were made before, and no writes are due
};

// The query of step t, between the two halves of the step.
void query_block(const LSTM* net, const Memory* memory, int64_t t, Block block) {
    const int64_t H = net->size, GH = net->gate_count * H, I = net->inputs, K = memory->slots->key_size;
    for (int64_t b = block.first; b < block.first + block.count; b++) {
        float* query = memory->queries[t] + b * K;
        const int64_t at = t * net->batch + b;
        const float *cell = net->cells + (at + net->batch) * H, *o = net->gates + at * GH;
        if (memory->source == INPUT) std::memcpy(query, net->joint + at * (I + H), 4 * memory->seen);
        if (memory->source == CELL) std::memcpy(query, cell, 4 * H);
        if (memory->source != HIDDEN) continue;
        map(cell, query, H, tanh_of);
        for (int64_t j = 0; j < H; j++) query[j] *= o[j];
    }
}

// A whole episode. Returns -1, or the number of a write that must be refused: a number in it is not finite, or a label
// is negative.
int64_t play(const LSTM* net, const Heads* heads, const Episode* episode) {
    const int64_t T = net->steps, B = net->batch, H = net->size, A = heads->actions;
    const Memory* memory = episode->memory;
    const Slots* slots = memory ? memory->slots : nullptr;
    const Scratch scratch(BLOCK * std::max(padded(net->gate_count * H), 2 * padded(A + 1)));
    const Scratch squashed(memory ? BLOCK * H : 0), search(memory ? recall_scratch(slots) : 0);
    const int64_t begun = memory && slots->numbers ? *slots->uses : 0;
    int64_t time = begun;
    for (Block block(B); block.count; block.next()) {
        const float* reinstated = nullptr;
        int64_t due = 0;
        time = begun;
        for (int64_t t = 0; t < T; t++) {
            begin_block(net, t, block, scratch);
            if (memory) {
                if (memory->source != GIVEN && memory->queries[t]) query_block(net, memory, t, block);
                const int64_t read = memory->reads[t];
                if (read >= 0) {
                    const Recalled all = memory->recalled;
                    const Recalled part{all.value + read * B * H, all.label + read * B, all.similarity + read * B,
                                        all.slot + read * B};
                    recall_block(slots, memory->queries[t], part, ++time, block, search);
                    map(part.value + block.first * H, squashed, block.count * H, tanh_of);
                    reinstated = squashed;
                }
                finish_block(net, t, read == NOTHING ? nullptr : reinstated, block, scratch);
            } else {
                const float* given = episode->squashed[t];
                finish_block(net, t, given ? given + block.first * H : nullptr, block, scratch);
            }
            int64_t* taken = episode->taken + t * B;
            choose_block(heads, t, episode->uniform ? episode->uniform + t * B * A : nullptr, taken, block, scratch);
            float* next = episode->inputs + (t + 1) * episode->input_step;
            for (int64_t b = block.first; episode->feedback && b < block.first + block.count; b++)
                next[b * episode->input_row + taken[b]] = 1.f;
            episode->step(episode->game, t, taken,
                          {episode->rewards + t * episode->reward_step, episode->reward_row,
                           next + episode->observation, episode->input_row},
                          block);
            for (; memory && due < memory->writes && memory->write[due].after == t; due++) {
                const Write& write = memory->write[due];
                const Stored part{write.key, write.value, write.label, slots->numbers ? write.label : nullptr,
                                  write.source};
                if (!storable(slots, part, block)) return due;
                store_block(slots, part, ++time, block);
            }
        }
    }
    if (memory && slots->numbers) *slots->uses = time;
    return -1;
}

struct ActorCritic {
    const int64_t* taken;   // [T, B]
    const float* rewards;   // [T, B] with rows `reward_row` apart
    int64_t reward_row;
    float discount, trace, value_weight, entropy_weight;
    float *parts;                      // [4]: total, policy, value, entropy
    float *by_hidden, *by_weight, *by_bias;  // [T, B, H], [A + 1, H], [A + 1]
};

// Generalised advantages, A_t = delta_t + discount trace A_{t+1}, and the loss with its gradient in closed form:
//   dL/dlogit_a = (A_t (pi_a - 1[a taken]) + entropy_weight pi_a (log pi_a + H)) / (T B)
//   dL/dv = -value_weight A_t / (T B)
void actor_critic(const Heads* heads, const ActorCritic* loss) {
    const int64_t T = heads->steps, B = heads->batch, H = heads->size, A = heads->actions;
    const int64_t row = padded(A + 1), wide = padded(H), lane = BLOCK + W;
    const float share = 1.f / ((float)T * (float)B), decay = loss->discount * loss->trace;
    const Scratch outputs((A + 1) * T * lane, 0), reward(lane, 0);  // lanes beyond the environments stay finite
    const Scratch policy(A * lane), advantage(lane), next_value(lane);
    const Scratch logits(BLOCK * row), by_outputs(BLOCK * row, 0), by_hidden(BLOCK * wide), weight((A + 1) * wide);
    const Scratch d_weight(H * row, 0), d_bias(row, 0);
    pad_rows(A + 1, H, heads->weight, H, weight, wide);
    double policy_sum = 0, value_sum = 0, entropy_sum = 0;
    for (int64_t first = 0; first < B; first += BLOCK) {
        const int64_t count = std::min<int64_t>(BLOCK, B - first);
        for (int64_t t = 0; t < T; t++) {  // transposed, so that vectors run over environments
            const float* hidden = heads->hidden + (t * B + first) * heads->hidden_row;
            multiply(count, row, H, {hidden, heads->hidden_row, 1}, heads->packed, row, heads->packed + H * row, 0,
                     logits, row);
            for (int64_t b = 0; b < count; b++)
                for (int64_t q = 0; q <= A; q++) outputs[(t * (A + 1) + q) * lane + b] = logits[b * row + q];
        }
        std::fill_n((float*)advantage, advantage.size, 0.f);
        std::fill_n((float*)next_value, next_value.size, 0.f);
        for (int64_t t = T - 1; t >= 0; t--) {
            float* output = &outputs[t * (A + 1) * lane];
            const int64_t* taken = loss->taken + t * B + first;
            for (int64_t b = 0; b < count; b++) reward[b] = loss->rewards[(t * B + first + b) * loss->reward_row];
            for (int64_t b = 0; b < count; b += W) {
                Vector highest = load(output + b), sum{}, minus_entropy{};
                for (int64_t a = 1; a < A; a++) {
                    Vector x = load(output + a * lane + b);
                    highest = x > highest ? x : highest;
                }
                for (int64_t a = 0; a < A; a++) sum += exponential(load(output + a * lane + b) - highest);
                Vector log_sum = highest + logarithm(sum);
                for (int64_t a = 0; a < A; a++) {
                    Vector log_policy = load(output + a * lane + b) - log_sum, p = exponential(log_policy);
                    minus_entropy += p * log_policy;
                    store(&policy[a * lane + b], p);
                    store(output + a * lane + b, log_policy);
                }
                Vector value = load(output + A * lane + b);
                Vector error = load(&reward[b]) + loss->discount * load(&next_value[b]) - value;
                Vector gain = error + decay * load(&advantage[b]);
                store(&advantage[b], gain);
                store(&next_value[b], value);
                for (int64_t a = 0; a < A; a++) {
                    Vector p = load(&policy[a * lane + b]), log_policy = load(output + a * lane + b);
                    store(&policy[a * lane + b],
                          share * p * (gain + loss->entropy_weight * (log_policy - minus_entropy)));
                }
                for (int64_t i = b; i < std::min<int64_t>(b + W, count); i++) {
                    policy_sum -= gain[i - b] * output[taken[i] * lane + i];
                    value_sum += gain[i - b] * gain[i - b];
                    entropy_sum -= minus_entropy[i - b];
                }
            }
            for (int64_t b = 0; b < count; b++) {
                float* by = &by_outputs[b * row];
                for (int64_t a = 0; a < A; a++) by[a] = policy[a * lane + b];
                by[taken[b]] -= share * advantage[b];
                by[A] = -share * loss->value_weight * advantage[b];
                for (int64_t q = 0; q < row; q += W) store(&d_bias[q], load(&d_bias[q]) + load(by + q));
            }
            multiply(count, wide, A + 1, {by_outputs, row, 1}, weight, wide, nullptr, 0, by_hidden, wide);
            for (int64_t b = 0; b < count; b++)
                std::memcpy(loss->by_hidden + (t * B + first + b) * H, &by_hidden[b * wide], 4 * H);
            multiply(H, row, count, {heads->hidden + (t * B + first) * heads->hidden_row, 1, heads->hidden_row},
                     by_outputs, row, d_weight, row, d_weight, row);
        }
    }
    for (int64_t q = 0; q <= A; q++)
        for (int64_t k = 0; k < H; k++) loss->by_weight[q * H + k] = d_weight[k * row + q];
    std::memcpy(loss->by_bias, d_bias, 4 * (A + 1));
    const double mean = 1.0 / ((double)T * (double)B);
    loss->parts[1] = (float)(policy_sum * mean);
    loss->parts[2] = (float)(value_sum * mean / 2);
    loss->parts[3] = (float)(entropy_sum * mean);
    loss->parts[0] = loss->parts[1] + loss->value_weight * loss->parts[2] - loss->entropy_weight * loss->parts[3];
}

// ---- Updates: episodic/objectives/native_adam.py ---------------------------------------------------------------------

// Scales the gradients of all parameters to at most `limit` together, as torch.nn.utils.clip_grad_norm_ does.
void clip_gradients(int64_t count, float* const* gradients, const int64_t* sizes, float limit) {
    double squares = 0;
    for (int64_t p = 0; p < count; p++) {
        Vector sum{};
        int64_t i = 0;
        for (; i + W <= sizes[p]; i += W) sum += load(gradients[p] + i) * load(gradients[p] + i);
        double rest = total(sum);
        for (; i < sizes[p]; i++) rest += (double)gradients[p][i] * gradients[p][i];
        squares += rest;
    }
    const float factor = limit / ((float)std::sqrt(squares) + 1e-6f);
    if (factor >= 1.f) return;  // not so for NaN, which spreads to all
    for (int64_t p = 0; p < count; p++)
        for (int64_t i = 0; i < sizes[p]; i++) gradients[p][i] *= factor;
}

struct Adam {
    int64_t count;          // parameters
    const int64_t* sizes;   // numbers in each
    float *const *weights, *const *gradients, *const *means, *const *squares, *const *steps;  // steps: one number each
    double rate, beta1, beta2, epsilon;
};

// torch.optim.Adam: m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;
//                   w <- w - rate / (1 - b1^n) * m / (sqrt(v) / sqrt(1 - b2^n) + epsilon) in step n
void adam(const Adam* call) {
    const float b2 = (float)call->beta2, rest1 = (float)(1 - call->beta1), rest2 = (float)(1 - call->beta2);
    const float epsilon = (float)call->epsilon;
    for (int64_t p = 0; p < call->count; p++) {
        const double step = *call->steps[p] += 1.f;
        const float pace = (float)(call->rate / (1 - std::pow(call->beta1, step)));
        const float root = (float)std::sqrt(1 - std::pow(call->beta2, step));
        float *weight = call->weights[p], *mean = call->means[p], *square = call->squares[p];
        const float* gradient = call->gradients[p];
        for (int64_t i = 0; i < call->sizes[p]; i++) {
            const float g = gradient[i];
            mean[i] += rest1 * (g - mean[i]);
            square[i] = b2 * square[i] + rest2 * g * g;
            weight[i] -= pace * mean[i] / (std::sqrt(square[i]) / root + epsilon);
        }
    }
}

}  // extern "C"
