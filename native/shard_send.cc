// The sending half of a shard: what is due leaves in batches.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "clock.h"
#include "shard.h"

namespace anyprobe {
namespace {

// Sent for a run before answers are read: else our own queue could overflow. In a closed loop its window bounds that, and
// so many probes are let out that not every one waits for the others of its round.
constexpr uint32_t kRoundSends = 8;
constexpr uint32_t kWindowProbes = 512;
constexpr int64_t kLongestTurn = 10 * kNsPerUs;  // of a message: more, and the thread was put aside within the call
constexpr uint32_t kSendTries = 4;
constexpr uint32_t kExplainedTries = 64;  // where each failure was an earlier packet's

// A probe that may only stay on this node and finds no way has found that the target is not here. Any other refusal is
// this host's own fault: without a route, or with its source address gone, it cannot know how the service is.
Outcome outcome_of_send_error(const Run& run, int errnum) {
  bool no_way = errnum == ENETUNREACH || errnum == EHOSTUNREACH;
  return no_way && run.plan.schedule.local_only ? Outcome::kNotLocal : Outcome::kSendFailed;
}

// The kernel says EINVAL or EMSGSIZE of a segment that does not fit the path, EIO of a device that cannot cut (udp(7)).
bool refuses_trains(int errnum) { return errnum == EINVAL || errnum == EMSGSIZE || errnum == EIO; }

// send_messages is sendmmsg, without its detour for a single message; the raw transport sends the first.
int send_messages(const Socket& socket, mmsghdr* messages, uint32_t count) {
  const msghdr& first = messages->msg_hdr;
  if (socket.raw) {
    const Peer& peer = *static_cast<const Peer*>(first.msg_name);
    return socket.raw->out->send(socket.source, socket.port, peer, *first.msg_iov) ? 1 : -1;
  }
  if (count > 1) return sendmmsg(socket.fd, messages, count, 0);
  return sendmsg(socket.fd, &first, 0) < 0 ? -1 : 1;
}

}  // namespace

void Shard::send_due() {
  for (auto& run : runs_) {
    std::visit([&](auto& pacer) { send_due(*run, pacer); }, run->pacer);
  }
}

// send_due sends what is due of a run: a train by itself, single queries in batches.
template <typename Pacer>
void Shard::send_due(Run& run, Pacer& pacer) {
  uint64_t skipped = 0;
  uint32_t sends = 0;
  Socket* socket = nullptr;
  auto leave = [&] {
    if (!outbox_.empty()) flush(*socket);
    socket = nullptr;
    ++sends;
  };
  run.blocked = false;
  const uint64_t enough = run.closed_loop() ? run.left - std::min<uint64_t>(run.left, kWindowProbes) : 0;
  while ((run.closed_loop() || sends < kRoundSends) && run.left > enough && pacer.next_due() <= now_ns_) {
    uint32_t train = static_cast<uint32_t>(std::min<uint64_t>(pacer.next_train(), run.left));
    if (run.in_flight + train > run.window) break;
    if (socket && (train > 1 || outbox_.full() || socket->ports != run.ports_of[pacer.next_target()])) leave();
    if (!socket) {
      if (auto port = pacer.round()) run.begin_round(*port);
      socket = run.next_socket(pacer.next_target(), train);
    }
    if (!socket || socket->in_flight.room() < train || !room(train)) {
      add(ring_.room() < in_flight_ + train ? kRingFull : kTableFull);
      run.blocked = true;
      break;
    }
    gather(run, pacer, *socket, train, &skipped);
    // Raw packets leave one by one anyway: so each has its own port.
    if (train > 1 || socket->raw) leave();
  }
  leave();
  if (skipped) add(kSkipped, skipped);
}

// gather takes the next train from the pacer into the outbox.
template <typename Pacer>
void Shard::gather(Run& run, Pacer& pacer, Socket& socket, uint32_t train, uint64_t* skipped) {
  Due due;
  if (!pacer.take(now_ns_, &due, skipped)) return;
  const Plan& plan = run.plan;
  Outbox::Message message = outbox_.begin(plan.peers[plan.targets[due.target].peer]);
  uint32_t left = train;
  uint32_t known = UINT32_MAX;  // the target whose query was looked up last: most trains are of one
  socket.in_flight.reserve(train, [&](uint32_t at, Slot& slot) {
    slot.due_ns = due.due_ns;
    slot.target = due.target;
    if (due.target != known) {
      known = due.target;
      message.query(plan.templates[plan.targets[known].query]);
    }
    message.add(slot.id, at);
    if (--left > 0) pacer.take(now_ns_, &due, skipped);
  });
  outbox_.end(message);
  in_flight_ += train;
  run.in_flight += train;
  run.left -= train;
}

// room tells whether the rows of so many more probes would find their place, however the others end.
bool Shard::room(uint32_t probes) { return ring_.room() >= in_flight_ + probes; }

// flush sends the outbox. A probe whose slot has no sent time was not sent yet: nothing that arrives can be its end.
void Shard::flush(Socket& socket) {
  Run& run = *socket.run;
  add(kSent, outbox_.probes());
  moved_ = true;
  uint32_t tries = 0;
  for (uint32_t at = 0; at < outbox_.messages();) {
    uint32_t messages = std::min(Outbox::kDatagrams, outbox_.messages() - at);
    int64_t before_ns = monotonic_ns();
    int sent = send_messages(socket, outbox_.from(at), messages);
    if (sent > 0) {
      if (outbox_.messages() < outbox_.probes()) add(kTrains);
      note_sent(socket, at, static_cast<uint32_t>(sent), before_ns);
      at += static_cast<uint32_t>(sent);
      tries = 0;
      continue;
    }
    int errnum = errno;
    if (socket.transmitted.kept()) restart_transmit_keys(socket);
    if (outbox_.messages() < outbox_.probes() && refuses_trains(errnum)) {
      std::visit([](auto& pacer) { pacer.break_trains(); }, run.pacer);
      outbox_.split();
      add(kTrainsRefused);
      continue;
    }
    if (errnum == EMSGSIZE && !socket.raw && allow_fragments(socket)) continue;
    if (retry_send(socket, errnum, tries++)) continue;
    for (uint32_t i = outbox_.first(at); i < outbox_.first(at + 1); ++i) {
      socket.in_flight[outbox_.slot(i)].sent_ns = monotonic_ns();
      end(socket, outbox_.slot(i), outcome_of_send_error(run, errnum), errnum);
    }
    ++at;
    tries = 0;
  }
  outbox_.clear();
}

// note_sent gives each message the moment before it left: of several, about when its turn came.
void Shard::note_sent(Socket& socket, uint32_t from, uint32_t messages, int64_t before_ns) {
  InFlight& in_flight = socket.in_flight;
  int64_t each_ns = messages > 1 ? std::min((monotonic_ns() - before_ns) / messages, kLongestTurn) : 0;
  for (uint32_t message = from; message < from + messages; ++message) {
    int64_t sent_ns = before_ns + (message - from) * each_ns;
    uint32_t first = outbox_.first(message), end = outbox_.first(message + 1);
    for (uint32_t i = first; i < end; ++i) in_flight[outbox_.slot(i)].sent_ns = sent_ns;
    if (!socket.transmitted.kept()) continue;
    uint32_t slot = outbox_.slot(first);
    socket.transmitted.add({slot, in_flight[slot].sequence, in_flight[outbox_.slot(end - 1)].sequence});
  }
  Run& run = *socket.run;
  run.next_expiry_ns = std::min(run.next_expiry_ns, before_ns + run.plan.schedule.timeout_ns);
}

// retry_send tells whether the same packet may be tried again. A send fails once for an ICMP error that an earlier
// packet met, and was then not sent at all: reading the error queue clears that, and explains it.
bool Shard::retry_send(Socket& socket, int errnum, uint32_t tries) {
  bool explained = false;
  if (errnum == EAGAIN || errnum == ENOBUFS) {
    if (tries + 1 >= kSendTries) return false;
    pollfd writable{socket.raw ? socket.raw->out->fd() : static_cast<int>(socket.fd), POLLOUT, 0};
    poll(&writable, 1, 1);
  } else {
    explained = receive_errors(socket) > 0;
  }
  if (tries + 1 >= (explained ? kExplainedTries : kSendTries)) return false;
  add(kSendRetries);
  return true;
}

}  // namespace anyprobe
