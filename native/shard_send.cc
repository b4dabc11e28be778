// The sending half of a shard: what is due leaves in batches.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "clock.h"
#include "shard.h"

namespace anyprobe {
namespace {

constexpr uint32_t kRoundProbes = Outbox::kMost;  // sent for a run before answers are read
constexpr uint32_t kSendBatch = 8;    // sent under one stamp: the last of them leaves some 20 us after it
constexpr uint32_t kSendTries = 4;
constexpr uint32_t kExplainedTries = 64;  // where each failure was an earlier packet's

// A probe that may only stay on this node and finds no way has found that the target is not here. Any other refusal is
// this host's own fault: without a route, or with its source address gone, it cannot know how the service is.
Outcome outcome_of_send_error(const Run& run, int errnum) {
  bool no_way = errnum == ENETUNREACH || errnum == EHOSTUNREACH;
  return no_way && run.plan.schedule.local_only ? Outcome::kNotLocal : Outcome::kSendFailed;
}

}  // namespace

void Shard::send_due() {
  for (auto& run : runs_) {
    std::visit([&](auto& pacer) { send_due(*run, pacer); }, run->pacer);
  }
}

// send_due sends what is due of a run, one batch a round: then answers are read, so that our own queue does not overflow.
template <typename Pacer>
void Shard::send_due(Run& run, Pacer& pacer) {
  Socket* socket = nullptr;
  uint64_t skipped = 0;
  run.blocked = false;
  for (uint32_t taken = 0; taken < kRoundProbes && run.left > 0 && pacer.next_due() <= now_ns_;) {
    Socket* next = run.sockets[run.socket_of[pacer.next_target()]].get();
    bool table_full = next->in_flight.full();
    if (table_full || !room()) {
      add(table_full ? kTableFull : kRingFull);
      run.blocked = true;
      break;
    }
    Due due;
    if (!pacer.take(now_ns_, &due, &skipped)) continue;
    if (socket && socket != next) flush(*socket);
    socket = next;
    const Target& target = run.plan.targets[due.target];
    const Template& query = run.plan.templates[target.query];
    uint16_t id;
    uint32_t slot = socket->in_flight.reserve(due.target, due.due_ns, &id);
    ++in_flight_;
    ++taken;
    --run.left;
    outbox_.add(query.octets, query.id_at, id, target.peer, slot);
  }
  if (socket) flush(*socket);
  if (skipped) add(kSkipped, skipped);
}

// room tells whether one more probe's row would find its place, however the others end.
bool Shard::room() { return ring_.room() > in_flight_; }

// flush sends the outbox. A probe whose slot has no sent time was not sent yet: nothing that arrives can be its end.
void Shard::flush(Socket& socket) {
  auto stamp = [&](uint32_t from, uint32_t count, int64_t sent_ns) {
    for (uint32_t i = from; i < from + count; ++i) socket.in_flight[outbox_.slot(i)].sent_ns = sent_ns;
  };
  add(kSent, outbox_.size());
  moved_ = true;
  uint32_t tries = 0;
  for (uint32_t at = 0; at < outbox_.size();) {
    uint32_t count = std::min(kSendBatch, outbox_.size() - at);
    stamp(at, count, monotonic_ns());
    int sent = sendmmsg(socket.fd, outbox_.from(at), count, 0);
    if (sent > 0) {
      at += static_cast<uint32_t>(sent);
      tries = 0;
      continue;
    }
    int errnum = errno;
    stamp(at, count, 0);
    if (retry_send(socket, errnum, tries++)) continue;
    stamp(at, 1, monotonic_ns());
    end(socket, outbox_.slot(at++), outcome_of_send_error(*socket.run, errnum), errnum);
    tries = 0;
  }
  outbox_.clear();
}

// retry_send tells whether the same packet may be tried again. A send fails once for an ICMP error that an earlier
// packet met, and was then not sent at all: reading the error queue clears that, and explains it.
bool Shard::retry_send(Socket& socket, int errnum, uint32_t tries) {
  bool explained = false;
  if (errnum == EAGAIN || errnum == ENOBUFS) {
    if (tries + 1 >= kSendTries) return false;
    pollfd writable{socket.fd, POLLOUT, 0};
    poll(&writable, 1, 1);
  } else {
    explained = receive_errors(socket) > 0;
  }
  if (tries + 1 >= (explained ? kExplainedTries : kSendTries)) return false;
  add(kSendRetries);
  return true;
}

}  // namespace anyprobe
