// Shards end to end, against an answerer in a thread of its own: the law rows == sent, under stops, cancels and a slow
// reader.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "../../native/engine.h"

#include "check.h"
#include "test.h"

using namespace anyprobe;

namespace {

// Answerer answers, forges or keeps silent, by the octet at the end of the query's id.
class Answerer {
 public:
  Answerer() : fd_(socket(AF_INET, SOCK_DGRAM, 0)) {
    timeval wake{0, 20000};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &wake, sizeof(wake));
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&here), sizeof(here)) == 0);
    socklen_t size = sizeof(here);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&here), &size);
    port_ = ntohs(here.sin_port);
    thread_ = std::thread([this] { answer(); });
  }
  ~Answerer() {
    stop_ = true;
    thread_.join();
    close(fd_);
  }
  uint16_t port() const { return port_; }

 private:
  void answer() {
    std::array<uint8_t, 512> octets;
    while (!stop_) {
      sockaddr_in peer;
      socklen_t size = sizeof(peer);
      ssize_t length = recvfrom(fd_, octets.data(), octets.size(), 0, reinterpret_cast<sockaddr*>(&peer), &size);
      if (length < 12) continue;
      auto send = [&](ssize_t count) {
        sendto(fd_, octets.data(), static_cast<size_t>(count), 0, reinterpret_cast<sockaddr*>(&peer), size);
      };
      send(length);  // a query is no answer
      octets[2] |= 0x80;
      if (octets[1] % 8 == 0) continue;
      send(7);
      octets[14] ^= 1;
      send(length);
      octets[14] ^= 1;
      send(length);
      if (octets[1] % 8 == 1) send(length);
    }
  }

  int fd_;
  uint16_t port_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class FlagBell : public Bell {
 public:
  std::atomic<uint32_t> rung{0};

 private:
  void wake() override { rung.fetch_add(1); }
};

Plan plan_for(uint16_t port, uint32_t targets, double rate_qps, uint64_t count, int64_t timeout_ns) {
  Plan plan;
  std::vector<uint8_t> query(29);
  query[5] = 1;
  std::memcpy(query.data() + 12, "\6health\4test\0\0\1\0\1", 17);
  plan.templates.emplace_back(query.data(), query.size(), 0, 17);
  std::vector<uint8_t> payload(20, 0x55);
  plan.templates.emplace_back(payload.data(), payload.size(), -1, 0);
  for (uint32_t i = 0; i < targets; ++i) {
    plan.targets.push_back({i, i % 5 == 4, i % 3 == 2});
    plan.starts.push_back({static_cast<int64_t>(i) * 100'000, 5'000'000, {}});
  }
  // Port 1 is nobody's: ICMP errors come between the answers.
  for (uint16_t one : {port, uint16_t{1}}) {
    Peer peer;
    peer.v4.sin_family = AF_INET;
    peer.v4.sin_port = htons(one);
    peer.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    plan.peers.push_back(peer);
  }
  plan.schedule.rate_qps = rate_qps;
  plan.schedule.count = count;
  plan.schedule.timeout_ns = timeout_ns;
  return plan;
}

EngineOptions options_of(uint32_t shards, uint32_t ring_rows, uint32_t answer_octets) {
  EngineOptions options;
  options.shards = shards;
  options.ring_rows = ring_rows;
  options.answer_octets = answer_octets;
  return options;
}

struct Tally {
  std::array<uint64_t, 7> outcomes{};
  uint64_t rows = 0;
};

// Drains what is there; a block of few octets makes answers end batches.
void drain(Engine& engine, Tally& tally) {
  constexpr uint32_t kRows = 64;
  alignas(8) static thread_local uint8_t block[kColumnOctets * kRows + 600];
  const double* rtt_ns = reinterpret_cast<const double*>(block) + 2 * kRows;
  const uint8_t* outcome = block + (8 * 3 + 4 * 2 + 2 * 4) * kRows;
  while (uint32_t rows = engine.drain(block, kRows, sizeof(block) - kColumnOctets * kRows)) {
    for (uint32_t i = 0; i < rows; ++i) {
      CHECK(outcome[i] < 7 && rtt_ns[i] >= 0);
      ++tally.outcomes[outcome[i]];
    }
    tally.rows += rows;
  }
}

void every_probe_has_its_row(uint32_t shards, uint32_t ring_rows) {
  Answerer answerer;
  FlagBell bell;
  Tally tally;
  Engine engine(options_of(shards, ring_rows, 64), bell);
  uint32_t rate, interval, cancelled, trains, window;
  CHECK(!engine.submit(plan_for(answerer.port(), 10, 5000, 3000, 100'000'000), &rate));
  CHECK(!engine.submit(plan_for(answerer.port(), 20, 0, 0, 50'000'000), &interval));
  CHECK(!engine.submit(plan_for(answerer.port(), 7, 2000, 0, 10'000'000'000), &cancelled));
  Plan many = plan_for(answerer.port(), 10, 10000, 4000, 100'000'000);
  many.schedule.poisson = true;
  many.schedule.ports = 5;
  many.schedule.train = 16;
  many.schedule.train_ns = 10'000'000;
  many.schedule.transmit_stamps = true;
  CHECK(!engine.submit(many, &trains));
  Plan closed = plan_for(answerer.port(), 2, 0, 2000, 50'000'000);
  closed.schedule.inflight = 20;
  closed.schedule.ports = 3;
  closed.schedule.train = 64;
  CHECK(!engine.submit(closed, &window));
  Plan replay = plan_for(answerer.port(), 3000, 0, 0, 100'000'000);
  replay.schedule.replay = true;
  replay.schedule.start_ns = 1;
  replay.schedule.ports = 4;
  CHECK(!engine.submit(replay, &window));
  Plan raw = plan_for(answerer.port(), 10, 5000, 2000, 100'000'000);
  raw.schedule.raw = true;
  raw.schedule.ports = 8;
  if (SystemError refused = engine.submit(raw, &window)) {
    CHECK(refused.errnum == EPERM);
    std::puts("without CAP_NET_RAW nothing is sent raw");
  }
  for (int i = 0; i < 80; ++i) {
    usleep(10000);
    // Now and then the reader is late, and the ring runs full.
    if (i % 20 < 15) drain(engine, tally);
    engine.pace(interval, static_cast<uint32_t>(i % 20), i % 2 ? 3'000'000 : 0, 0);
    engine.burst(interval, static_cast<uint32_t>(i % 25), 3, 100'000);
    engine.count(kSent);
    if (i == 40) engine.cancel(cancelled);
  }
  engine.stop();
  drain(engine, tally);
  CHECK(engine.count(kSent) > 3000 && engine.count(kRows) == engine.count(kSent) && tally.rows == engine.count(kSent));
  for (Outcome outcome : {Outcome::kAnswered, Outcome::kTimeout, Outcome::kUnreachable, Outcome::kCancelled}) {
    CHECK(tally.outcomes[static_cast<size_t>(outcome)] > 0);
  }
  CHECK(tally.outcomes[static_cast<size_t>(Outcome::kSendFailed)] == 0);
  CHECK(engine.count(kTrains) > 0 && engine.count(kTrainsRefused) == 0);
  CHECK(bell.rung > 0 && engine.count(kMalformed) > 0 && engine.count(kForeign) > 0 && engine.count(kLate) > 0);
}

void engines_end_at_any_moment() {
  Answerer answerer;
  for (int i = 0; i < 40; ++i) {
    FlagBell bell;
    Tally tally;
    Engine engine(options_of(2, 64, 0), bell);
    uint32_t run;
    CHECK(!engine.submit(plan_for(answerer.port(), 6, 20000, 0, 1'000'000'000), &run));
    usleep(static_cast<useconds_t>(i * 100));
    if (i % 2) engine.cancel(run);
    engine.stop();
    drain(engine, tally);
    CHECK(tally.rows == engine.count(kSent));
  }
}

}  // namespace

void test_engine() {
  every_probe_has_its_row(1, 4096);
  every_probe_has_its_row(3, 128);
  engines_end_at_any_moment();
}
