// Vectors, elementary functions and products of matrices, for one CPU core.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>

namespace {

// ---- Vectors of the widest kind that the processor has ------------------------------------------------------------

#if defined(__AVX512F__)
constexpr int W = 16, WIDE = 4;  // numbers in a vector; vectors in a tile of a product: 6 x 4 of 32 registers
#elif defined(__AVX__)
constexpr int W = 8, WIDE = 2;  // 6 x 2 of 16 registers
#elif defined(__aarch64__)
constexpr int W = 4, WIDE = 4;
#else
constexpr int W = 4, WIDE = 2;
#endif
constexpr int BLOCK = 64;  // environments that are worked on together, so that their numbers stay in the cache

struct Block {  // environments `first` to `first + count - 1`
    explicit Block(int64_t batch) : batch(batch), first(0), count(std::min<int64_t>(BLOCK, batch)) {}
    void next() {
        first += count;
        count = std::min<int64_t>(BLOCK, batch - first);
    }
    int64_t batch, first, count;
};

typedef float Vector __attribute__((vector_size(4 * W)));
typedef int32_t Integers __attribute__((vector_size(4 * W)));
typedef float Unaligned __attribute__((vector_size(4 * W), aligned(4), may_alias));

inline Vector load(const float* p) { return *reinterpret_cast<const Unaligned*>(p); }
inline void store(float* p, Vector x) { *reinterpret_cast<Unaligned*>(p) = x; }
inline Vector all(float x) { return x - Vector{}; }
inline Vector at_least(Vector x, float low) { return x < low ? all(low) : x; }
inline float total(Vector x) {
    float part[W];
    store(part, x);
    for (int half = W / 2; half; half /= 2)
        for (int i = 0; i < half; i++) part[i] += part[i + half];
    return part[0];
}
constexpr int64_t padded(int64_t n) { return (n + W - 1) / W * W; }

// Numbers that a function works with; not cleared, since most are written before they are read.
struct Scratch {
    explicit Scratch(int64_t size) : data(new float[size]), size(size) {}
    Scratch(int64_t size, float fill) : Scratch(size) { std::fill_n(data.get(), size, fill); }
    operator float*() const { return data.get(); }
    std::unique_ptr<float[]> data;
    int64_t size;
};

// e^x to 2e-7, between e^-87 and e^88; NaN stays NaN. x = n ln 2 + r, and e^r by a polynomial (Cephes' expf).
inline Vector exponential(Vector x) {
    Vector y = at_least(x > 88.f ? all(88.f) : x, -87.f);
    Vector shifted = y * 1.44269504f + 12582912.f;  // rounds to a whole number in the low bits
    Integers n = (Integers)shifted - 0x4B400000;
    Vector whole = shifted - 12582912.f;
    Vector r = y - whole * 0.693359375f + whole * 2.12194440e-4f;
    Vector p = all(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.f;
    Vector result = (Vector)((Integers)p + (n << 23));
    return x == x ? result : x;
}
inline Vector sigmoid(Vector x) { return 1.f / (1.f + exponential(-x)); }
inline Vector tanh_of(Vector x) { return 2.f * sigmoid(2.f * x) - 1.f; }

// Natural logarithm of positive normal numbers to 1e-7 (Cephes' logf).
inline Vector logarithm(Vector x) {
    Integers bits = (Integers)x, exponent = ((bits >> 23) & 255) - 126;
    Vector m = (Vector)((bits & 0x007FFFFF) | 0x3F000000);  // in [0.5, 1)
    Integers low = m < 0.707106781f;
    Vector e = __builtin_convertvector(exponent + low, Vector);  // `low` is -1 where true
    m = (low ? m + m : m) - 1.f;
    Vector z = m * m, p = all(7.0376836292e-2f);
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    return m + (m * z * p + e * -2.12194440e-4f - 0.5f * z) + e * 0.693359375f;
}

// y = f(x) of n numbers; neither array needs room beyond them.
template <typename F> inline void map(const float* x, float* y, int64_t n, F f) {
    int64_t i = 0;
    for (; i + W <= n; i += W) store(y + i, f(load(x + i)));
    if (i == n) return;
    float tail[W] = {};
    std::memcpy(tail, x + i, 4 * (n - i));
    store(tail, f(load(tail)));
    std::memcpy(y + i, tail, 4 * (n - i));
}

// sum_k x_k y_k
inline float product(const float* x, const float* y, int64_t n) {
    Vector sum{};
    int64_t i = 0;
    for (; i + W <= n; i += W) sum += load(x + i) * load(y + i);
    float rest = 0;
    for (; i < n; i++) rest += x[i] * y[i];
    return n < W ? rest : rest + total(sum);
}

// sum_k f(x_k - y_k)
template <typename F> inline float distance(const float* x, const float* y, int64_t n, F f) {
    Vector sum{};
    int64_t i = 0;
    for (; i + W <= n; i += W) sum += f(load(x + i) - load(y + i));
    float rest = 0;
    for (; i < n; i++) rest += f(x[i] - y[i]);
    return n < W ? rest : rest + total(sum);
}

inline bool finite(const float* x, int64_t n) {
    Vector sum{};  // 0 x is NaN where x is not finite
    int64_t i = 0;
    for (; i + W <= n; i += W) sum += 0.f * load(x + i);
    float rest = 0;
    for (; i < n; i++) rest += 0.f * x[i];
    return rest + total(sum) == 0.f;
}

// ---- Products of matrices -----------------------------------------------------------------------------------------

// One tile of R rows and V vectors of columns: c = start + a b over the inner index k.
template <int R, int V>
inline void tile(int64_t inner, const float* a, int64_t row, int64_t k_step, const float* b, int64_t b_row,
                 const float* start, int64_t start_row, float* c, int64_t c_row) {
    Vector sum[R][V];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++) sum[r][v] = start ? load(start + r * start_row + v * W) : Vector{};
    for (int64_t k = 0; k < inner; k++) {
        Vector right[V];
        for (int v = 0; v < V; v++) right[v] = load(b + k * b_row + v * W);
        for (int r = 0; r < R; r++) {
            Vector left = all(a[r * row + k * k_step]);
            for (int v = 0; v < V; v++) sum[r][v] += left * right[v];
        }
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++) store(c + r * c_row + v * W, sum[r][v]);
}

struct Matrix {  // element (r, k) at data[r * row + k * step]
    const float* data;
    int64_t row, step;
};

template <int V>
void columns_of(int64_t rows, int64_t inner, Matrix a, const float* b, int64_t b_row, const float* start,
                int64_t start_row, float* c, int64_t c_row) {
    int64_t r = 0;
    auto run = [&](auto tile_of, int count) {
        for (; r + count <= rows; r += count)
            tile_of(inner, a.data + r * a.row, a.row, a.step, b, b_row, start ? start + r * start_row : nullptr,
                    start_row, c + r * c_row, c_row);
    };
    run(tile<6, V>, 6);
    run(tile<4, V>, 4);
    run(tile<2, V>, 2);
    run(tile<1, V>, 1);
}

// c [rows, columns] = start + a b. `columns` is a multiple of W; b, start and c have that many in memory.
// A start without `start_row` is one row for all. It may be c itself.
void multiply(int64_t rows, int64_t columns, int64_t inner, Matrix a, const float* b, int64_t b_row,
              const float* start, int64_t start_row, float* c, int64_t c_row) {
    int64_t q = 0;
    auto run = [&](auto columns_at, int vectors) {
        for (; q + vectors * W <= columns; q += vectors * W)
            columns_at(rows, inner, a, b + q, b_row, start ? start + q : nullptr, start_row, c + q, c_row);
    };
    run(columns_of<WIDE>, WIDE);
    run(columns_of<2>, 2);
    run(columns_of<1>, 1);
}

// Copies [rows, columns] into rows that are padded by zeros.
void pad_rows(int64_t rows, int64_t columns, const float* from, int64_t from_row, float* to, int64_t to_row) {
    for (int64_t r = 0; r < rows; r++) {
        std::memcpy(to + r * to_row, from + r * from_row, 4 * columns);
        std::memset(to + r * to_row + columns, 0, 4 * (to_row - columns));
    }
}

// to [columns, to_row] = transposed from [rows, columns], padded by zeros; rows from `scaled` on are multiplied.
void transpose(int64_t rows, int64_t columns, const float* from, int64_t from_row, float* to, int64_t to_row,
               int64_t scaled, float scale) {
    for (int64_t k = 0; k < columns; k++) {
        for (int64_t r = 0; r < scaled; r++) to[k * to_row + r] = from[r * from_row + k];
        for (int64_t r = scaled; r < rows; r++) to[k * to_row + r] = scale * from[r * from_row + k];
        std::memset(to + k * to_row + rows, 0, 4 * (to_row - rows));
    }
}

}  // namespace
