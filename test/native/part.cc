// The parts of the engine that need no socket: shuffle, table, ring, coalesced packets, the reading of plans.
#include <netinet/udp.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "../../native/batch.h"
#include "../../native/inflight.h"
#include "../../native/plan.h"
#include "../../native/ring.h"
#include "../../native/shard.h"
#include "../../native/wire.h"
#include "check.h"
#include "test.h"

using namespace anyprobe;

void shuffle_is_a_bijection() {
  for (int keys = 0; keys < 3; ++keys) {
    Shuffle shuffle;
    std::vector<bool> seen(65536);
    uint32_t consecutive = 0;
    for (uint32_t sequence = 0; sequence < 65536; ++sequence) {
      uint16_t id = shuffle.id_of(static_cast<uint16_t>(sequence));
      CHECK(!seen[id]);
      seen[id] = true;
      CHECK(shuffle.sequence_of(id) == sequence);
      if (id == static_cast<uint16_t>(shuffle.id_of(static_cast<uint16_t>(sequence - 1)) + 1)) ++consecutive;
    }
    CHECK(consecutive < 50);
  }
}

uint32_t reserve_one(InFlight& table, uint32_t target) {
  uint32_t reserved = InFlight::kNone;
  table.reserve(1, [&](uint32_t at, Slot& slot) {
    slot.target = target;
    reserved = at;
  });
  return reserved;
}

// The table against a plain model: any mix of reserving, finding and releasing.
void in_flight_holds_what_it_was_given() {
  std::mt19937 random(7);
  for (uint32_t slots : {1u, 2u, 64u, 1024u, 65536u}) {
    InFlight table(slots, std::make_shared<Shuffle>());
    struct Known {
      uint32_t at;
      uint16_t id;
      uint32_t target;
    };
    std::vector<Known> known;  // in the order of sending
    std::set<uint16_t> released;
    for (int step = 0; step < 20000; ++step) {
      bool reserve = known.empty() || (random() % 3 != 0 && table.room() > 0);
      if (reserve) {
        uint32_t target = static_cast<uint32_t>(random());
        uint32_t at = reserve_one(table, target);
        uint16_t id = table[at].id;
        for (const Known& other : known) CHECK(other.id != id && other.at != at);
        known.push_back({at, id, target});
        released.erase(id);
      } else {
        size_t which = random() % 4 == 0 ? random() % known.size() : 0;
        table.release(table[known[which].at]);
        released.insert(known[which].id);
        known.erase(known.begin() + static_cast<long>(which));
      }
      CHECK(table.size() == known.size());
      CHECK(table.oldest() == (known.empty() ? InFlight::kNone : known.front().at));
      if (!known.empty()) {
        const Known& one = known[random() % known.size()];
        CHECK(table.find(one.id) == one.at && table[one.at].target == one.target);
        if (known.size() > 1) CHECK(table.after(known[known.size() - 2].at) == known.back().at);
        CHECK(table.after(known.back().at) == InFlight::kNone);
      }
      if (!released.empty()) CHECK(table.find(*released.begin()) == InFlight::kNone);
      if (known.size() > 200) {
        for (const Known& one : known) table.release(table[one.at]);
        known.clear();
      }
    }
  }
}

void in_flight_passes_over_a_probe_that_stays() {
  InFlight table(8, std::make_shared<Shuffle>());
  uint32_t stays = reserve_one(table, 0);
  uint16_t lost = table[stays].id;
  for (int i = 0; i < 1000000; ++i) {
    uint32_t at = reserve_one(table, 1);
    CHECK(at != stays && table[at].id != lost && table.oldest() == stays);
    if (i < 1000) CHECK(table.after(stays) == at);
    table.release(table[at]);
  }
  CHECK(table.find(lost) == stays && table.oldest() == stays && table.size() == 1);
}

void ring_loses_nothing_between_two_threads() {
  constexpr uint32_t kRows = 1'000'000;
  constexpr uint32_t kOctets = 8;
  Ring ring(1024, kOctets);
  std::thread writer([&] {
    for (uint32_t i = 0; i < kRows; ++i) {
      while (ring.room() == 0) {
        ring.publish();
        std::this_thread::yield();
      }
      uint8_t answer[kOctets];
      std::fill(answer, answer + kOctets, static_cast<uint8_t>(i));
      Row row{};
      row.probe = i;
      row.answer_length = static_cast<uint16_t>(i % (kOctets + 1));
      ring.write(row, answer);
      if (i % 7 == 0) ring.publish();
    }
    ring.publish();
  });
  uint32_t next = 0;
  while (next < kRows) {
    uint32_t refuse_at = next + 300;
    uint32_t got = ring.read(500, [&](const Row& row, const uint8_t* answer) {
      if (row.probe == refuse_at) return false;  // as where a batch is full
      CHECK(row.probe == next && row.answer_length == next % (kOctets + 1));
      for (uint32_t i = 0; i < row.answer_length; ++i) CHECK(answer[i] == static_cast<uint8_t>(next));
      ++next;
      return true;
    });
    if (got == 0) std::this_thread::yield();
  }
  writer.join();
  CHECK(ring.room() == 1024);
}

// The reader sleeps between rings, as the event loop does: a lost wake-up would hang it.
class CountingBell : public Bell {
 public:
  std::atomic<uint32_t> rung{0};

 private:
  void wake() override {
    rung.fetch_add(1);
    rung.notify_one();
  }
};

void bell_never_loses_a_wake_up() {
  constexpr uint32_t kRows = 200'000;
  Ring ring(256, 0);
  CountingBell bell;
  std::thread writer([&] {
    for (uint32_t i = 0; i < kRows; ++i) {
      while (ring.room() == 0) std::this_thread::yield();
      Row row{};
      row.probe = i;
      const uint8_t no_answer = 0;
      ring.write(row, &no_answer);
      if (i % 3 == 0 || i + 1 == kRows || ring.room() == 0) {
        ring.publish();
        bell.ring();
      }
    }
  });
  uint32_t next = 0;
  uint32_t heard = 0;
  while (next < kRows) {
    bell.rung.wait(heard);
    heard = bell.rung.load();
    uint32_t got;
    do {
      bell.arm();
      got = ring.read(64, [&](const Row& row, const uint8_t*) { return row.probe == next++; });
    } while (got > 0);
  }
  writer.join();
}

// packet_of and each give the answers of a coalesced packet, whatever the kernel says of its segments.
void coalesced_packets_come_apart() {
  for (size_t length : {0u, 1u, 40u, 41u, 80u, 119u, 65536u}) {
    for (int segment : {-1, 0, 1, 40, 41, 70000}) {
      std::vector<uint8_t> octets(length);
      octets.shrink_to_fit();
      Peer peer;
      iovec vector{octets.data(), octets.size()};
      alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))] = {};
      msghdr header{&peer, sizeof(peer), &vector, 1, control, sizeof(control), 0};
      cmsghdr* c = CMSG_FIRSTHDR(&header);
      *c = {CMSG_LEN(sizeof(int)), SOL_UDP, UDP_GRO};
      std::memcpy(CMSG_DATA(c), &segment, sizeof(segment));
      size_t sum = 0, count = 0;
      packet_of(header, length).each([&](const uint8_t* at, size_t part, size_t following) {
        CHECK(at == octets.data() + sum && (part + following * part <= length - sum));
        size_t more = following / 2;
        sum += part + more * part;
        count += 1 + more;
        return more;
      });
      size_t each = segment > 0 ? static_cast<size_t>(segment) : std::max<size_t>(length, 1);
      CHECK(sum == length && count == std::max<size_t>(1, (length + each - 1) / each));
    }
  }
}

// unpack reads any octets without touching what is not theirs (the sanitizer watches), and takes good ones.
void unpack_bears_anything() {
  PackedTemplate head{29, 0, 17, 0};
  std::vector<uint8_t> templates(sizeof(head) + 29);
  std::memcpy(templates.data(), &head, sizeof(head));
  PackedTarget row{};
  row.interval_ns = 1e6;
  row.port = 53;
  row.family = 4;
  std::vector<uint8_t> table(2 * sizeof(row));
  std::memcpy(table.data(), &row, sizeof(row));
  std::memcpy(table.data() + sizeof(row), &row, sizeof(row));
  Plan good;
  good.schedule.timeout_ns = 1000;
  CHECK(unpack(templates.data(), templates.size(), table.data(), table.size(), &good).empty());
  CHECK(good.templates.size() == 1 && good.targets.size() == 2);
  std::mt19937 random(11);
  uint32_t taken = 0;
  for (int i = 0; i < 200000; ++i) {
    auto scribbled = [&](const std::vector<uint8_t>& octets) {
      // Of the exact size, so that reading beyond it is seen.
      std::vector<uint8_t> copy(octets.begin(), octets.begin() + static_cast<long>(random() % 3 ? octets.size() : random() % (octets.size() + 1)));
      copy.shrink_to_fit();
      for (uint32_t changes = random() % 3; changes > 0 && !copy.empty(); --changes) copy[random() % copy.size()] = static_cast<uint8_t>(random());
      return copy;
    };
    std::vector<uint8_t> a = scribbled(templates), b = scribbled(table);
    Plan plan;
    plan.schedule.timeout_ns = 1000;
    if (!unpack(a.data(), a.size(), b.data(), b.size(), &plan).empty()) continue;
    ++taken;
    CHECK(plan.starts.size() == plan.targets.size());
    for (const Start& start : plan.starts) CHECK(start.interval_ns >= 0 && start.interval_ns <= kLongestNs);
    for (const Target& target : plan.targets) {
      CHECK(target.query < plan.templates.size());
      const Template& query = plan.templates[target.query];
      CHECK(query.id_at < 0 || static_cast<size_t>(query.id_at) + 2 <= query.length);
      if (query.dns()) CHECK(kDnsHeader + query.question_length <= query.length);
    }
  }
  CHECK(taken > 1000);
}

void compare_bears_anything() {
  std::mt19937 random(13);
  std::vector<uint8_t> query(12 + 17);
  for (uint8_t& octet : query) octet = static_cast<uint8_t>(random());
  for (int i = 0; i < 200000; ++i) {
    std::vector<uint8_t> packet(random() % 40);
    packet.shrink_to_fit();
    for (uint8_t& octet : packet) octet = random() % 2 ? static_cast<uint8_t>(random()) : 0;
    if (packet.size() > 2) packet[2] |= random() % 2 ? 0x80 : 0;
    Likeness likeness = compare(query.data(), 17, packet.data(), packet.size());
    CHECK(likeness == Likeness::kAnswer ? packet.size() >= 29 : true);
  }
}

void test_parts() {
  shuffle_is_a_bijection();
  in_flight_holds_what_it_was_given();
  in_flight_passes_over_a_probe_that_stays();
  ring_loses_nothing_between_two_threads();
  bell_never_loses_a_wake_up();
  coalesced_packets_come_apart();
  unpack_bears_anything();
  compare_bears_anything();
}
