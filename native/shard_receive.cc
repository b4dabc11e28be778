// The receiving half of a shard: answers and ICMP errors are matched to the probes in flight and end them.
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
// After time.h, whose timespec it needs.
#include <linux/errqueue.h>

#include <algorithm>

#include "clock.h"
#include "shard.h"

namespace anyprobe {
namespace {

constexpr int64_t kStampSlack = kNsPerUs;  // between two readings of two clocks
constexpr int64_t kLongestSend = kNsPerMs;  // a moment before a send was told that much too late at most
constexpr int kMostBatches = 64;           // received from one socket before the others have their turn
constexpr uint32_t kMostErrors = 64;       // likewise
constexpr uint32_t kMostRaw = 4096;        // likewise, from one ring

}  // namespace

// --- ending ---------------------------------------------------------------------------------------------------------

inline void Shard::end(Socket& socket, Slot& slot, Row& row, const uint8_t* answer) {
  row.due_ns = slot.due_ns;
  row.sent_ns = slot.sent_ns;
  row.probe = socket.run->plan.targets[slot.target].probe;
  if (slot.stamped) row.flags |= kTransmitStamp;
  row.source_port = socket.port;
  row.shard = index_;
  ring_.write(row, answer);
  urgent_ |= row.outcome != Outcome::kAnswered || row.rcode != 0;
  socket.in_flight.release(slot);
  --in_flight_;
  --socket.run->in_flight;
}

void Shard::end(Socket& socket, uint32_t at, Outcome outcome, int errnum) {
  Slot& slot = socket.in_flight[at];
  Row row{};
  row.rtt_ns = monotonic_ns() - slot.sent_ns;
  row.outcome = outcome;
  row.errnum = static_cast<uint8_t>(errnum);
  end(socket, slot, row, nullptr);
}

// find gives the probe in flight that a packet's id names; without an id it is the one that waits longest.
inline uint32_t Shard::find(Socket& socket, const uint8_t* octets, size_t length) {
  InFlight& in_flight = socket.in_flight;
  if (length < socket.least_octets()) return InFlight::kNone;
  uint32_t at = socket.id_at < 0 ? in_flight.oldest() : in_flight.find(read16(octets + socket.id_at));
  // Not sent yet (see flush): an id used again, and something late for its last use.
  return at != InFlight::kNone && in_flight[at].sent_ns == 0 ? InFlight::kNone : at;
}

// --- answers --------------------------------------------------------------------------------------------------------

// note_dropped counts what our own queue lost. Whatever was in flight may have been answered: its silence proves nothing.
void Shard::note_dropped(Socket& socket, uint32_t dropped) {
  add(kReceiveDrops, dropped - socket.dropped);
  socket.dropped = dropped;
  socket.in_flight.doubt();
}

void Shard::note_dropped(Raw& raw) {
  uint32_t dropped = raw.in->dropped();
  if (dropped == raw.dropped) return;
  add(kReceiveDrops, dropped - raw.dropped);
  raw.dropped = dropped;
  for (Socket* socket : raw.sockets) socket->in_flight.doubt();
}

// accept ends the probe that an answer is for, or counts why there is none.
void Shard::accept(Socket& socket, Arrival& arrival, const uint8_t* octets, size_t length) {
  uint32_t at = find(socket, octets, length);
  if (at == InFlight::kNone) return add(length < socket.least_octets() ? kMalformed : kLate);
  Slot& slot = socket.in_flight[at];
  // The kernel queues the transmit stamp before the packet leaves: where it was not read yet, it can be now.
  if (arrival.transmit_stamps && !slot.stamped) {
    receive_errors(socket);
    if (!slot.live) return;
  }
  const Plan& plan = socket.run->plan;
  if (slot.target != arrival.target) {
    const Target& target = plan.targets[slot.target];
    if (!(plan.peers[target.peer] == *arrival.peer)) return add(kForeign);
    arrival.target = slot.target;
    arrival.probe = target.probe;
    arrival.query = &plan.templates[target.query];
  }
  Row row{};
  row.outcome = Outcome::kAnswered;
  row.flags = kKernelStamp;
  row.rtt_ns = arrival.stamp_ns - slot.sent_ns;
  if (row.rtt_ns < 0) {
    row.rtt_ns = arrival.read_ns - slot.sent_ns;
    row.flags = 0;
    add(kStampFallbacks);
  }
  const Template& query = *arrival.query;
  if (query.dns()) {
    switch (compare(query.octets.data(), query.question_length, octets, length)) {
      case Likeness::kMalformed: return add(kMalformed);
      case Likeness::kForeign: return add(kForeign);
      case Likeness::kNoQuestion: row.flags |= kNoQuestion; break;
      case Likeness::kAnswer: break;
    }
    row.rcode = rcode_of(octets);
    if (is_truncated(octets)) row.flags |= kTruncated;
  }
  if (row.rtt_ns > plan.schedule.timeout_ns) {
    // It came after its time, even if the shard only now looks.
    add(kLate);
    note_stall(monotonic_ns());
    return end(socket, at, slot.doubted ? Outcome::kVoided : Outcome::kTimeout);
  }
  row.answer_length = static_cast<uint16_t>(std::min<size_t>(length, ring_.answer_octets()));
  row.answer_size = static_cast<uint16_t>(length + arrival.missing);
  if (row.answer_length < row.answer_size) row.flags |= kCutShort;
  end(socket, slot, row, octets);
}

// accept_in_order ends the probes of plain answers that came in the order of their queries, all to the target of the answer
// before them; tells how many, and leaves the first other one to accept. It does what accept does, only faster: at millions
// a second most of the time is spent here.
size_t Shard::accept_in_order(Socket& socket, const Arrival& arrival, const uint8_t* octets, size_t length, size_t most) {
  const Template* query = arrival.query;
  bool likely = query && query->dns() && !arrival.transmit_stamps && length >= kDnsHeader + query->question_length;
  if (!likely) return 0;
  const uint64_t timeout_ns = static_cast<uint64_t>(socket.run->plan.schedule.timeout_ns);
  const uint8_t* const question = query->octets.data();
  const size_t question_length = query->question_length;
  const uint32_t target = arrival.target;
  const int64_t stamp_ns = arrival.stamp_ns;
  Row row{};
  row.probe = arrival.probe;
  row.answer_length = static_cast<uint16_t>(std::min<size_t>(length, ring_.answer_octets()));
  row.answer_size = static_cast<uint16_t>(length);
  row.flags = row.answer_length < length ? kKernelStamp | kCutShort : kKernelStamp;
  row.source_port = socket.port;
  row.outcome = Outcome::kAnswered;
  row.shard = index_;
  Ring::Pen pen(ring_);
  const size_t done = socket.in_flight.release_in_order(most, [&](const Slot& slot) {
    if (slot.id != read16(octets) || slot.target != target) return false;
    // Of a probe that was not sent yet, or an answer without a sensible stamp, this is out of range as well.
    row.rtt_ns = stamp_ns - slot.sent_ns;
    if (static_cast<uint64_t>(row.rtt_ns) > timeout_ns) return false;
    if (!is_plain_answer(question, question_length, octets)) return false;
    row.due_ns = slot.due_ns;
    row.sent_ns = slot.sent_ns;
    pen.write(row, octets);
    octets += length;
    return true;
  });
  in_flight_ -= static_cast<uint32_t>(done);
  socket.run->in_flight -= static_cast<uint32_t>(done);
  return done;
}

// arrival_of takes the kernel's stamp, which is CLOCK_REALTIME; 0: none.
Shard::Arrival Shard::arrival_of(const Peer& peer, int64_t stamp_ns, int64_t read_ns) const {
  if (stamp_ns != 0) stamp_ns -= realtime_offset_ns_;
  // Nothing was received after it was read: a clock was set.
  if (stamp_ns > read_ns + kStampSlack) stamp_ns = 0;
  return {&peer, stamp_ns, read_ns};
}

void Shard::accept(Socket& socket, const Inbox::Packet& packet, int64_t read_ns) {
  if (packet.dropped > socket.dropped) note_dropped(socket, packet.dropped);
  Arrival arrival = arrival_of(*packet.peer, packet.stamp_ns, read_ns);
  arrival.transmit_stamps = socket.transmitted.kept();
  packet.each([&](const uint8_t* octets, size_t length, size_t following) {
    accept(socket, arrival, octets, length);
    return accept_in_order(socket, arrival, octets + length, length, following);
  });
}

void Shard::receive() {
  constexpr int kMostEvents = 128;
  epoll_event events[kMostEvents];
  int ready = epoll_wait(epoll_, events, kMostEvents, 0);
  if (ready > 0) realtime_offset_ns_ = realtime_offset_ns();
  unread_ = ready == kMostEvents;
  for (int i = 0; i < ready; ++i) {
    auto* socket = static_cast<Socket*>(events[i].data.ptr);
    if (!socket) {
      take_commands();
      continue;
    }
    if (events[i].events & EPOLLERR) receive_errors(*socket);
    if (events[i].events & EPOLLIN) socket->raw ? receive_raw(*socket->raw) : receive_answers(*socket);
  }
}

// receive_answers reads until a short batch: leaving answers queued while sleeping would make them look lost.
void Shard::receive_answers(Socket& socket) {
  moved_ = true;
  for (int batch = 0; batch < kMostBatches; ++batch) {
    int got = inbox_.receive(socket.fd);
    if (got < 0) {
      if (errno == EAGAIN) return;
      if (errno != EINTR) receive_errors(socket);
      continue;
    }
    int64_t read_ns = monotonic_ns();
    for (int i = 0; i < got; ++i) accept(socket, inbox_[static_cast<uint32_t>(i)], read_ns);
    if (static_cast<uint32_t>(got) < Inbox::kMost) return;
  }
  unread_ = true;
}

// receive_raw reads the ring until it is empty.
void Shard::receive_raw(Raw& raw) {
  moved_ = true;
  auto take = [&](const UdpPacket& packet, int64_t stamp_ns) {
    const Flow& flow = packet.flow;
    Socket& socket = raw.socket_at(flow.destination_port);
    if (!is_unset(socket.source) && !(socket.source == flow.destination)) return add(kForeign);
    Peer peer = peer_at(flow.ipv6, flow.source, flow.source_port);
    Arrival arrival = arrival_of(peer, stamp_ns, monotonic_ns());
    arrival.missing = packet.missing;
    accept(socket, arrival, packet.payload, packet.length);
  };
  if (raw.in->receive(kMostRaw, take, [&] { add(kMalformed); }) == kMostRaw) unread_ = true;
}

// --- errors and transmit stamps -------------------------------------------------------------------------------------

// receive_errors reads the error queue: ICMP errors, which quote the packet that met them and name its destination, and
// transmit stamps. It tells how many probes ended.
uint32_t Shard::receive_errors(Socket& socket) {
  const uint32_t before = socket.in_flight.size();
  for (uint32_t read = 0; read < kMostErrors; ++read) {
    uint8_t octets[1500];
    alignas(cmsghdr) uint8_t control[512];
    Peer peer;
    iovec vector{octets, sizeof(octets)};
    msghdr header{&peer, sizeof(peer), &vector, 1, control, sizeof(control), 0};
    ssize_t length = recvmsg(socket.fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (length < 0) {
      // An error for which the queue had no room stays on the socket, and would wake us for ever.
      int pending = 0;
      socklen_t size = sizeof(pending);
      getsockopt(socket.fd, SOL_SOCKET, SO_ERROR, &pending, &size);
      break;
    }
    const sock_extended_err* error = nullptr;
    int64_t stamp_ns = 0;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
      if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
          (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
        error = reinterpret_cast<const sock_extended_err*>(CMSG_DATA(c));
      } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING) {
        stamp_ns = to_ns(reinterpret_cast<const scm_timestamping*>(CMSG_DATA(c))->ts[0]);
      }
    }
    // What the kernel itself refused comes back from the send as well.
    if (!error || error->ee_origin == SO_EE_ORIGIN_LOCAL) continue;
    if (error->ee_origin == SO_EE_ORIGIN_TIMESTAMPING) {
      note_transmitted(socket, error->ee_data, stamp_ns);
    } else {
      note_unreachable(socket, octets, static_cast<size_t>(length), peer, static_cast<int>(error->ee_errno));
    }
  }
  return before - socket.in_flight.size();
}

// note_unreachable ends the probe that an ICMP error quotes. Where the quote is longer than its query, a whole train met the
// error (on loopback no device has cut it up): then all of it ends.
void Shard::note_unreachable(Socket& socket, const uint8_t* quote, size_t length, const Peer& peer, int errnum) {
  uint32_t at = find(socket, quote, length);
  if (at == InFlight::kNone) return;
  InFlight& in_flight = socket.in_flight;
  const Plan& plan = socket.run->plan;
  const Target& target = plan.targets[in_flight[at].target];
  if (!(plan.peers[target.peer] == peer)) return;
  const bool train = length > plan.templates[target.query].length;
  const int64_t sent_ns = in_flight[at].sent_ns;
  do {
    uint32_t next = in_flight.after(at);
    end(socket, at, Outcome::kUnreachable, errnum);
    at = next;
  } while (train && at != InFlight::kNone && in_flight[at].sent_ns == sent_ns);
}

// note_transmitted puts the kernel's stamp for the moment before, on all probes of the message.
void Shard::note_transmitted(Socket& socket, uint32_t key, int64_t stamp_ns) {
  auto [at, first, last] = socket.transmitted.of(key);
  InFlight& in_flight = socket.in_flight;
  if (at == InFlight::kNone || !in_flight[at].live || in_flight[at].sequence != first) return;
  const int64_t sent_ns = stamp_ns - realtime_offset_ns_;
  // It left after the send began, and before now; else a clock was set.
  const int64_t late_ns = sent_ns - in_flight[at].sent_ns;
  if (late_ns < -kLongestSend || sent_ns > monotonic_ns() + kStampSlack) return add(kStampFallbacks);
  for (; at != InFlight::kNone && in_flight[at].sequence - first <= last - first; at = in_flight.after(at)) {
    in_flight[at].sent_ns = sent_ns;
    in_flight[at].stamped = true;
  }
}

// --- timeouts -------------------------------------------------------------------------------------------------------

// expire ends what waited too long. now_ns_ was read before the sockets were: an answer that was in time was seen.
void Shard::expire() {
  if (unread_) return;
  for (auto& run : runs_) {
    if (run->next_expiry_ns > now_ns_) continue;
    for (auto& socket : run->sockets) expire(*socket, now_ns_ - run->plan.schedule.timeout_ns);
    run->next_expiry_ns = next_expiry(*run);
  }
}

void Shard::expire(Socket& socket, int64_t sent_by_ns) {
  InFlight& in_flight = socket.in_flight;
  auto expired = [&] { return in_flight.size() > 0 && in_flight[in_flight.oldest()].sent_ns <= sent_by_ns; };
  if (!expired()) return;
  // A socket that only reserves its port drops every packet: that tells nothing.
  if (socket.raw) {
    note_dropped(*socket.raw);
  } else if (uint32_t dropped = dropped_of(socket); dropped > socket.dropped) {
    note_dropped(socket, dropped);
  }
  while (expired()) {
    uint32_t at = in_flight.oldest();
    end(socket, at, in_flight[at].doubted ? Outcome::kVoided : Outcome::kTimeout);
  }
}

}  // namespace anyprobe
