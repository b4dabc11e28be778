// A shard: one thread with its own sockets, in-flight tables, counters and ring. Its loop is a list of verbs; the packet
// path takes no lock. Other threads reach it only through post() (a mailbox and an eventfd), the ring and the counters.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "batch.h"
#include "result.h"
#include "ring.h"
#include "run.h"

namespace anyprobe {

// Bell wakes the JavaScript thread, once for any number of rows: it rings only while armed, and ringing disarms it.
class Bell {
 public:
  virtual ~Bell() = default;
  // Both are exchanges: whichever comes second sees what the other side did before the first.
  void arm() { armed_.exchange(true, std::memory_order_acq_rel); }
  void ring() {
    if (armed_.exchange(false, std::memory_order_acq_rel)) wake();
  }

 private:
  virtual void wake() = 0;
  std::atomic<bool> armed_{true};
};

// What other threads ask of a shard: a run to start, or one of these. Targets are indexed within the shard's share of the run.
struct Pace {
  uint32_t run, target;
  int64_t interval_ns;  // 0 pauses
  int64_t first_in_ns;
};
struct Burst {
  uint32_t run, target, count;
  int64_t gap_ns;
};
struct Cancel {
  uint32_t run;
};
struct Stop {};
using Command = std::variant<std::unique_ptr<Run>, Pace, Burst, Cancel, Stop>;

struct ShardOptions {
  uint32_t ring_rows = 65536;     // a power of two
  uint32_t answer_octets = 1232;  // kept of each answer; 0 keeps none
  int64_t patience_ns = 0;        // plain answers (NOERROR) wait so long for a wake-up that is due anyway
  int cpu = -1;                   // the one that the thread runs on; -1: any
};

class Shard {
 public:
  // Throws std::system_error where the kernel gives no eventfd or epoll, or no such CPU.
  Shard(uint8_t index, const ShardOptions& options, Bell& bell);
  ~Shard();

  void post(Command command);
  // After post(Stop{}): waits for the thread, which ends every probe in flight as cancelled first.
  void join();

  Ring& ring() { return ring_; }
  uint64_t count(Counter counter) const { return counters_[counter].load(std::memory_order_relaxed); }

 private:
  // Arrival is what the answers of one packet have in common.
  struct Arrival {
    const Peer* peer;
    int64_t stamp_ns;  // CLOCK_MONOTONIC; 0: none
    int64_t read_ns;
    size_t missing = 0;            // octets of it that are not here
    bool transmit_stamps = false;  // its probes have them too, or will
    // Most are to one target: what was looked up for the last is kept.
    uint32_t target = UINT32_MAX;
    uint32_t probe = 0;
    const Template* query = nullptr;
  };
  void loop();
  void note_stall(int64_t now_ns);
  void send_due();
  void receive();
  void expire();
  void expire(Socket& socket, int64_t sent_by_ns);
  void sweep();
  void publish();
  void wait();

  void take_commands();
  void obey(Command& command);
  void start(std::unique_ptr<Run> run);
  template <typename Pacer>
  void send_due(Run& run, Pacer& pacer);
  template <typename Pacer>
  void gather(Run& run, Pacer& pacer, Socket& socket, uint32_t train, uint64_t* skipped);
  void flush(Socket& socket);
  void note_sent(Socket& socket, uint32_t from, uint32_t messages, int64_t before_ns);
  bool retry_send(Socket& socket, int errnum, uint32_t tries);
  bool room(uint32_t probes);
  void receive_answers(Socket& socket);
  void receive_raw(Raw& raw);
  Arrival arrival_of(const Peer& peer, int64_t stamp_ns, int64_t read_ns) const;
  uint32_t receive_errors(Socket& socket);
  void note_unreachable(Socket& socket, const uint8_t* quote, size_t length, const Peer& peer, int errnum);
  void note_transmitted(Socket& socket, uint32_t key, int64_t stamp_ns);
  void note_dropped(Socket& socket, uint32_t dropped);
  void note_dropped(Raw& raw);
  void accept(Socket& socket, const Inbox::Packet& packet, int64_t read_ns);
  void accept(Socket& socket, Arrival& arrival, const uint8_t* octets, size_t length);
  size_t accept_in_order(Socket& socket, const Arrival& arrival, const uint8_t* octets, size_t length, size_t most);
  uint32_t find(Socket& socket, const uint8_t* octets, size_t length);
  // end writes the row of the probe in a slot, completed with what the slot knows, and frees the slot.
  void end(Socket& socket, Slot& slot, Row& row, const uint8_t* answer);
  void end(Socket& socket, uint32_t at, Outcome outcome, int errnum = 0);
  void cancel(Run& run);
  void ring_bell();
  int64_t next_send() const;
  int64_t next_expiry(const Run& run) const;
  Run* find(uint32_t id);
  IntervalPacer* pacer_of(uint32_t run, uint32_t target);
  void add(Counter counter, uint64_t by = 1) {
    counters_[counter].store(counters_[counter].load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  const uint8_t index_;
  const int64_t patience_ns_;
  Bell& bell_;
  Ring ring_;
  const Fd epoll_, resting_, mail_;
  std::mutex mailbox_lock_;
  std::vector<Command> mailbox_;
  std::array<std::atomic<uint64_t>, kCounters> counters_{};

  // The thread's own.
  std::vector<std::unique_ptr<Run>> runs_;
  Outbox outbox_;
  Inbox inbox_;
  int64_t now_ns_ = 0;
  int64_t realtime_offset_ns_ = 0;  // CLOCK_REALTIME - CLOCK_MONOTONIC at the last wake-up
  int64_t wake_by_ns_ = 0;          // when the shard meant to be awake again
  int64_t unrung_since_ns_ = 0;
  uint32_t unrung_ = 0;
  bool urgent_ = false;   // a row that waits is no plain answer
  uint32_t in_flight_ = 0;
  bool moved_ = false;   // this round sent or received
  bool unread_ = false;  // packets are still queued: nothing may expire yet
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace anyprobe
