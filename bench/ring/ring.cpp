// mpmc.wat and spsc.wat in C++ over std::atomic: what the machine can do. Each ring twice: sequentially consistent everywhere, as
// WebAssembly's atomics are, and with the weakest orders that are right. `ring <prefix>`: for each line on stdin one round of the rings
// whose names begin so, and one line of JSON. Built and run by cpp.ts.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

constexpr std::uint32_t CAPACITY = 1024;
constexpr std::uint32_t MASK = CAPACITY - 1;
constexpr int PAIRS = 100'000;
constexpr int EMPTY = -1, RETRY = -2, FULL = -3;

struct SeqCst {
  static constexpr auto own = std::memory_order_seq_cst;
  static constexpr auto acquire = std::memory_order_seq_cst;
  static constexpr auto release = std::memory_order_seq_cst;
  static constexpr auto claim = std::memory_order_seq_cst;
};

struct Weakest {
  static constexpr auto own = std::memory_order_relaxed;
  static constexpr auto acquire = std::memory_order_acquire;
  static constexpr auto release = std::memory_order_release;
  static constexpr auto claim = std::memory_order_relaxed;
};

template <typename Order>
struct Mpmc {
  alignas(128) std::atomic<std::uint32_t> tail{0};
  std::atomic<std::uint32_t> headSeen{0};
  alignas(128) std::atomic<std::uint32_t> head{0};
  alignas(128) std::atomic<std::uint64_t> cells[CAPACITY];

  Mpmc() {
    for (std::uint32_t i = 0; i < CAPACITY; i++)
      cells[i].store(std::uint64_t(i - CAPACITY + 1) << 32, std::memory_order_relaxed);
  }

  int push(std::uint32_t value) {
    std::uint32_t t;
    do {
      t = tail.load(Order::own);
      std::uint32_t seen = headSeen.load(Order::acquire);  // pairs with the CAS below, of another producer
      if (std::int32_t(t - seen) > std::int32_t(MASK)) {
        std::uint32_t h = head.load(Order::acquire);  // pairs with the consumers' CAS: their reads come before our store
        if (std::int32_t(t - h) > std::int32_t(MASK)) return FULL;
        headSeen.compare_exchange_strong(seen, h, Order::release, Order::own);
      }
    } while (!tail.compare_exchange_strong(t, t + 1, Order::claim, Order::own));
    cells[t & MASK].store(std::uint64_t(t + 1) << 32 | value, Order::release);
    return 0;
  }

  int pop() {
    for (;;) {
      std::uint32_t h = head.load(Order::own);
      std::uint64_t cell = cells[h & MASK].load(Order::acquire);
      if (std::uint32_t(cell >> 32) != h + 1) {
        if (tail.load(Order::acquire) == h) return EMPTY;
        if (head.load(Order::acquire) != h) continue;
        return RETRY;
      }
      if (head.compare_exchange_strong(h, h + 1, Order::release, Order::own)) return int(cell);
    }
  }
};

template <typename Order>
struct Spsc {
  alignas(128) std::atomic<std::uint32_t> tail{0};
  std::uint32_t headSeen = 0;
  alignas(128) std::atomic<std::uint32_t> head{0};
  std::uint32_t tailSeen = 0;
  alignas(128) std::uint32_t cells[CAPACITY];

  int push(std::uint32_t value) {
    std::uint32_t t = tail.load(Order::own);
    if (std::int32_t(t - headSeen) > std::int32_t(MASK)) {
      headSeen = head.load(Order::acquire);
      if (std::int32_t(t - headSeen) > std::int32_t(MASK)) return FULL;
    }
    cells[t & MASK] = value;
    tail.store(t + 1, Order::release);
    return 0;
  }

  int pop() {
    std::uint32_t h = head.load(Order::own);
    if (h == tailSeen) {
      tailSeen = tail.load(Order::acquire);
      if (h == tailSeen) return EMPTY;
    }
    std::uint32_t value = cells[h & MASK];
    head.store(h + 1, Order::release);
    return int(value);
  }
};

Mpmc<Weakest> mpmc;
Mpmc<SeqCst> mpmcSeqCst;
Spsc<Weakest> spsc;
Spsc<SeqCst> spscSeqCst;

// Nanoseconds a pair, or the end of the program when the values that came out are not those that went in.
template <typename Ring>
double nsPerPair(Ring& ring) {
  auto start = std::chrono::steady_clock::now();
  std::int64_t sum = 0;
  for (int i = 0; i < PAIRS; i++) {
    ring.push(i);
    sum += ring.pop();
  }
  std::chrono::duration<double, std::nano> ns = std::chrono::steady_clock::now() - start;
  if (sum != std::int64_t(PAIRS) * (PAIRS - 1) / 2) {
    std::fprintf(stderr, "ring.cpp: wrong sum %lld\n", static_cast<long long>(sum));
    std::exit(1);
  }
  return ns.count() / PAIRS;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string prefix = argc > 1 ? argv[1] : "";
  std::printf("{}\n");  // ready
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    if (prefix == "mpmc") {
      std::printf("{\"mpmc_push_pop_cpp_ns\":%f,\"mpmc_push_pop_cpp_seqcst_ns\":%f}\n", nsPerPair(mpmc), nsPerPair(mpmcSeqCst));
    } else if (prefix == "spsc") {
      std::printf("{\"spsc_push_pop_cpp_ns\":%f,\"spsc_push_pop_cpp_seqcst_ns\":%f}\n", nsPerPair(spsc), nsPerPair(spscSeqCst));
    } else {
      std::fprintf(stderr, "usage: ring mpmc|spsc\n");
      return 2;
    }
    std::fflush(stdout);
  }
}
