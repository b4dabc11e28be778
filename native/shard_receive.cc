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
constexpr int kMostBatches = 64;           // received from one socket before the others have their turn

}  // namespace

void Shard::receive() {
  unread_ = false;
  realtime_offset_ns_ = realtime_offset_ns();
  constexpr int kMostEvents = 64;
  epoll_event events[kMostEvents];
  int ready = epoll_wait(epoll_, events, kMostEvents, 0);
  unread_ = ready == kMostEvents;
  for (int i = 0; i < ready; ++i) {
    auto* socket = static_cast<Socket*>(events[i].data.ptr);
    if (!socket) {
      take_commands();
      continue;
    }
    if (events[i].events & EPOLLERR) receive_errors(*socket);
    if (events[i].events & EPOLLIN) receive_answers(*socket);
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

// accept ends the probe that a packet answers, or counts why there is none.
void Shard::accept(Socket& socket, const Inbox::Packet& packet, int64_t read_ns) {
  if (packet.dropped > socket.dropped) {
    add(kReceiveDrops, packet.dropped - socket.dropped);
    socket.dropped = packet.dropped;
  }
  if (socket.id_at >= 0 && packet.length < static_cast<size_t>(socket.id_at) + 2) return add(kMalformed);
  uint32_t at = find(socket, packet.octets, packet.length);
  if (at == InFlight::kNone) return add(kLate);
  const Slot& slot = socket.in_flight[at];
  const Plan& plan = socket.run->plan;
  const Target& target = plan.targets[slot.target];
  if (!same_peer(target.peer, *packet.peer)) return add(kForeign);
  Row row{};
  const Template& query = plan.templates[target.query];
  if (query.dns()) {
    switch (compare(query.octets.data(), query.question_length, packet.octets, packet.length)) {
      case Likeness::kMalformed: return add(kMalformed);
      case Likeness::kForeign: return add(kForeign);
      case Likeness::kNoQuestion: row.flags |= kNoQuestion; break;
      case Likeness::kAnswer: break;
    }
    row.rcode = rcode_of(packet.octets);
  }
  int64_t rtt_ns = packet.stamp_ns - realtime_offset_ns_ - slot.sent_ns;
  row.flags |= kKernelStamp;
  if (packet.stamp_ns == 0 || rtt_ns < 0 || rtt_ns > read_ns - slot.sent_ns + kStampSlack) {
    rtt_ns = read_ns - slot.sent_ns;
    row.flags &= static_cast<uint16_t>(~kKernelStamp);
    add(kStampFallbacks);
  }
  if (rtt_ns > plan.schedule.timeout_ns) {
    // It came after its time, even if the shard only now looks.
    add(kLate);
    return end(socket, at, slot.stalled ? Outcome::kVoided : Outcome::kTimeout);
  }
  size_t keep = std::min<size_t>(packet.length, ring_.answer_octets());
  if (packet.cut_short || keep < packet.length) row.flags |= kCutShort;
  row.outcome = Outcome::kAnswered;
  row.rtt_ns = static_cast<double>(rtt_ns);
  row.answer_length = static_cast<uint16_t>(keep);
  end(socket, at, row, packet.octets);
}

// find gives the probe in flight that a packet's id names; without an id it is the one that waits longest.
uint32_t Shard::find(Socket& socket, const uint8_t* octets, size_t length) {
  const InFlight& in_flight = socket.in_flight;
  uint32_t at = in_flight.oldest();
  if (socket.id_at >= 0) {
    size_t id_at = static_cast<size_t>(socket.id_at);
    at = id_at + 2 <= length ? in_flight.find(read16(octets + id_at)) : InFlight::kNone;
  }
  // Not sent yet (see flush): an id used again, and something late for its last use.
  return at != InFlight::kNone && in_flight[at].sent_ns == 0 ? InFlight::kNone : at;
}

// receive_errors reads ICMP errors off the error queue, and tells how many; each quotes the packet that met it and its
// destination.
uint32_t Shard::receive_errors(Socket& socket) {
  for (uint32_t read = 0; read < kMostBatches; ++read) {
    uint8_t octets[512];
    alignas(cmsghdr) uint8_t control[512];
    sockaddr_storage peer{};
    iovec vector{octets, sizeof(octets)};
    msghdr header{&peer, sizeof(peer), &vector, 1, control, sizeof(control), 0};
    ssize_t length = recvmsg(socket.fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (length < 0) {
      // An error for which the queue had no room stays on the socket, and would wake us for ever.
      int pending = 0;
      socklen_t size = sizeof(pending);
      getsockopt(socket.fd, SOL_SOCKET, SO_ERROR, &pending, &size);
      return read;
    }
    const sock_extended_err* error = nullptr;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
      bool ours = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                  (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
      if (ours) error = reinterpret_cast<const sock_extended_err*>(CMSG_DATA(c));
    }
    // What the kernel itself refused comes back from the send as well.
    if (!error || error->ee_origin == SO_EE_ORIGIN_LOCAL) continue;
    uint32_t at = find(socket, octets, static_cast<size_t>(length));
    if (at == InFlight::kNone) continue;
    if (!same_peer(socket.run->plan.targets[socket.in_flight[at].target].peer, peer)) continue;
    end(socket, at, Outcome::kUnreachable, static_cast<int>(error->ee_errno));
  }
  return kMostBatches;
}

// --- ending ---------------------------------------------------------------------------------------------------------

void Shard::end(Socket& socket, uint32_t at, Outcome outcome, int errnum) {
  Row row{};
  row.outcome = outcome;
  row.errnum = static_cast<uint8_t>(errnum);
  row.rtt_ns = static_cast<double>(monotonic_ns() - socket.in_flight[at].sent_ns);
  end(socket, at, row, nullptr);
}

void Shard::end(Socket& socket, uint32_t at, Row row, const uint8_t* answer) {
  const Slot& slot = socket.in_flight[at];
  row.due_ns = static_cast<double>(slot.due_ns);
  row.sent_ns = static_cast<double>(slot.sent_ns);
  row.probe = socket.run->plan.targets[slot.target].probe;
  row.shard = index_;
  ring_.write(row, answer);
  urgent_ |= row.outcome != Outcome::kAnswered || row.rcode != 0;
  socket.in_flight.release(at);
  --in_flight_;
  add(kRows);
}

// expire ends what waited too long. now_ns_ was read before the sockets were: an answer that was in time was seen.
void Shard::expire() {
  if (unread_) return;
  for (auto& run : runs_) {
    for (auto& socket : run->sockets) {
      InFlight& in_flight = socket->in_flight;
      while (in_flight.size() > 0) {
        const Slot& oldest = in_flight[in_flight.oldest()];
        if (oldest.sent_ns + run->plan.schedule.timeout_ns > now_ns_) break;
        end(*socket, in_flight.oldest(), oldest.stalled ? Outcome::kVoided : Outcome::kTimeout);
      }
    }
  }
}

}  // namespace anyprobe
