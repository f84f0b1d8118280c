// The slots of an episodic memory: episodic/memory/native_slots.py.

#pragma once

#include "vectors.hpp"

extern "C" {

struct Slots {
    int64_t batch, slots, key_size, value_size, source_size, kernel;
    float *keys, *key_scales, *values, *sources, *vacancy;  // [B, N, K], [B, N], [B, N, V], [B, N, S] or null, [B, N]
    int64_t *labels, *written, *clock;                      // [B, N], [B, N], [B]
    int64_t *numbers, *used, *uses;                         // of stacks by label: [B, N], [B, N], [1]; else null
    float threshold, slack;                                 // of reads
};

struct Recalled {
    float* value;        // [B, V]
    int64_t* label;      // [B]
    float* similarity;   // [B]
    int64_t* slot;       // [B]
};

struct Stored {
    const float *key, *value;        // [B, K], [B, V]
    const int64_t *label, *number;   // [B] each or null; the number is that of the stack
    const float* source;             // [B, S] or null
};

}  // extern "C"

namespace {

enum Kernel : int64_t { COSINE, L2, L1 };

// Similarities of a query to the first `count` keys. `query` and `scratch` have room for padded(K) numbers.
inline void similarities(const Slots* memory, int64_t b, int64_t count, const float* query, float* near) {
    const int64_t N = memory->slots, K = memory->key_size, wide = padded(K);
    const float *keys = memory->keys + b * N * K, *scales = memory->key_scales + b * N;
    int64_t n = 0;
    if (memory->kernel == COSINE) {
        // Whole vectors reach into the next key, where the query is zero; the environment's last keys have none.
        const int64_t whole = std::min(count, (N * K - wide) / K + 1);
        for (; n + 4 <= whole; n += 4) {
            const float* key = keys + n * K;
            Vector sum[4] = {};
            for (int64_t k = 0; k < wide; k += W) {
                const Vector q = load(query + k);
                for (int i = 0; i < 4; i++) sum[i] += q * load(key + i * K + k);
            }
            for (int i = 0; i < 4; i++) near[n + i] = total(sum[i]) * scales[n + i];
        }
    }
    for (; n < count; n++) {
        const float* key = keys + n * K;
        if (memory->kernel == COSINE) near[n] = product(query, key, K) * scales[n];
        if (memory->kernel == L2) near[n] = -std::sqrt(distance(query, key, K, [](auto x) { return x * x; }));
        if (memory->kernel == L1) near[n] = -distance(query, key, K, [](auto x) { return x < 0.f ? -x : x; });
    }
}

inline int64_t recall_scratch(const Slots* memory) { return memory->slots + padded(memory->key_size); }

// Recalls the nearest key, the newest among equals, in a block of environments; see `newest_nearest` and
// `NearestMemory.read`. Stacks that are recalled are marked as used at `time`.
void recall_block(const Slots* memory, const float* queries, Recalled result, int64_t time, Block block,
                  float* scratch) {
    const int64_t N = memory->slots, K = memory->key_size, V = memory->value_size;
    const float tie = 1e-6f, nothing = -std::numeric_limits<float>::infinity();
    float *near = scratch, *unit = scratch + N;
    std::fill_n(unit, padded(K), 0.f);
    for (int64_t b = block.first; b < block.first + block.count; b++) {
        const float* query = queries + b * K;
        const int64_t* written = memory->written + b * N;
        float factor = 1.f, best = nothing;
        if (memory->kernel == COSINE) factor = 1.f / std::max(std::sqrt(product(query, query, K)), 1e-8f);
        for (int64_t k = 0; k < K; k++) {
            unit[k] = query[k] * factor;
            best = unit[k] == unit[k] ? best : NAN;
        }
        int64_t count = N;
        while (count && !written[count - 1]) count--;
        similarities(memory, b, count, unit, near);
        for (int64_t n = 0; n < count; n++) {
            if (!written[n]) near[n] = nothing;
            if (best == best && !(near[n] <= best)) best = near[n];  // a NaN stays
        }
        const float lowest = best - tie * (std::fabs(best) + 1.f) - memory->slack;
        int64_t newest = 0, chosen = 0;
        for (int64_t n = 0; n < count; n++)
            if (near[n] >= lowest && written[n] > newest) newest = written[n], chosen = n;
        const float nearest = newest && !(memory->slack > 0) ? std::min(near[chosen], best) : best;
        const bool found = newest && nearest >= memory->threshold;
        result.similarity[b] = nearest;
        result.slot[b] = found ? chosen : -1;
        result.label[b] = found ? memory->labels[b * N + chosen] : -1;
        if (found) std::memcpy(result.value + b * V, memory->values + (b * N + chosen) * V, 4 * V);
        else std::memset(result.value + b * V, 0, 4 * V);
        if (found && memory->numbers) memory->used[b * N + chosen] = time;
    }
}

// Whether a block may be stored: all numbers are finite, and no label is negative.
bool storable(const Slots* memory, Stored part, Block block) {
    auto is_finite = [&](const float* x, int64_t size) { return !x || finite(x + block.first * size, block.count * size); };
    auto is_label = [&](const int64_t* x) {
        return !x || std::all_of(x + block.first, x + block.first + block.count, [](int64_t y) { return y >= 0; });
    };
    return is_finite(part.key, memory->key_size) && is_finite(part.value, memory->value_size) &&
           is_finite(part.source, memory->source_size) && is_label(part.label) && is_label(part.number);
}

// Stores one memory in each environment of a block, in the next slot or in that of its stack; see `Memory.write`.
void store_block(const Slots* memory, Stored part, int64_t time, Block block) {
    const int64_t N = memory->slots, K = memory->key_size, V = memory->value_size, S = memory->source_size;
    for (int64_t b = block.first; b < block.first + block.count; b++) {
        int64_t slot = memory->clock[b] % N;
        if (memory->numbers) {  // the stack's slot, else a free one, used at time 0, else the least recently used
            const int64_t *numbers = memory->numbers + b * N, *used = memory->used + b * N;
            slot = 0;
            for (int64_t n = 0; n < N; n++) {
                if (numbers[n] == part.number[b]) {
                    slot = n;
                    break;
                }
                if (used[n] < used[slot]) slot = n;
            }
            memory->numbers[b * N + slot] = part.number[b];
            memory->used[b * N + slot] = time;
        }
        const int64_t at = b * N + slot;
        const float* key = part.key + b * K;
        memory->written[at] = ++memory->clock[b];
        memory->labels[at] = part.label ? part.label[b] : slot;
        memory->vacancy[at] = 0.f;
        memory->key_scales[at] = 1.f / std::max(std::sqrt(product(key, key, K)), 1e-8f);
        std::memcpy(memory->keys + at * K, key, 4 * K);
        std::memcpy(memory->values + at * V, part.value + b * V, 4 * V);
        if (part.source) std::memcpy(memory->sources + at * S, part.source + b * S, 4 * S);
    }
}

}  // namespace

extern "C" {

void recall(const Slots* memory, const float* query, float* value, int64_t* label, float* similarity, int64_t* slot) {
    const Scratch scratch(recall_scratch(memory));
    const int64_t time = memory->numbers ? ++*memory->uses : 0;
    for (Block block(memory->batch); block.count; block.next())
        recall_block(memory, query, {value, label, similarity, slot}, time, block, scratch);
}

// Returns 1, or 0 without having stored anything where a number is not finite or a label is negative.
int64_t store_memory(const Slots* memory, const float* key, const float* value, const int64_t* label,
                     const int64_t* number, const float* source) {
    const Stored part{key, value, label, number, source};
    for (Block block(memory->batch); block.count; block.next())
        if (!storable(memory, part, block)) return 0;
    const int64_t time = memory->numbers ? ++*memory->uses : 0;
    for (Block block(memory->batch); block.count; block.next()) store_block(memory, part, time, block);
    return 1;
}

}  // extern "C"
