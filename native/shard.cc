#include "shard.h"

#include <linux/errqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "clock.h"

namespace anyprobe {
namespace {

constexpr uint32_t kBellRows = 4096;             // under load the bell waits for so many rows,
constexpr int64_t kBellNs = kNsPerMs;            // or for so long
constexpr int64_t kShortestSleep = 20 * kNsPerUs;  // a sleep and wake-up costs more than this
constexpr int64_t kBlockedSleep = kNsPerMs;      // until room is looked for again
constexpr int64_t kStampSlack = kNsPerUs;        // between two readings of two clocks
constexpr uint32_t kSendTries = 3;
constexpr int kMostBatches = 64;  // received from one socket before the others have their turn

// Without the query's route there is no way to the target but this node's own: see DESIGN, "never the wrong answerer".
Outcome outcome_of_send_error(const Run& run, int errnum) {
  if (errnum != ENETUNREACH && errnum != EHOSTUNREACH) return Outcome::kSendFailed;
  return run.plan.schedule.local_only ? Outcome::kNotLocal : Outcome::kUnreachable;
}

}  // namespace

Shard::Shard(uint8_t index, uint32_t ring_rows, uint32_t answer_octets, Bell& bell)
    : index_(index), bell_(bell), ring_(ring_rows, answer_octets) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  mail_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (mail_ < 0) {
    int errnum = errno;
    close(epoll_);
    throw std::system_error(errnum, std::generic_category(), "eventfd");
  }
  epoll_event event{EPOLLIN, {nullptr}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, mail_, &event);
  // Signals are the JavaScript thread's.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { loop(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), ("anyprobe/" + std::to_string(index)).c_str());
}

Shard::~Shard() {
  join();
  close(mail_);
  close(epoll_);
}

void Shard::post(Command command) {
  {
    std::lock_guard lock(mailbox_lock_);
    mailbox_.push_back(std::move(command));
  }
  uint64_t one = 1;
  [[maybe_unused]] ssize_t written = write(mail_, &one, sizeof(one));
}

void Shard::join() {
  if (!thread_.joinable()) return;
  post(Stop{});
  thread_.join();
}

void Shard::loop() {
  wake_by_ns_ = monotonic_ns();
  while (true) {
    now_ns_ = monotonic_ns();
    note_stall();
    send_due();
    receive();
    if (stopping_) break;
    expire();
    sweep();
    publish();
    wait();
  }
  for (auto& run : runs_) cancel(*run);
  runs_.clear();
  if (ring_.publish()) bell_.ring();
}

// --- commands -------------------------------------------------------------------------------------------------------

// take_commands resets the eventfd before it empties the mailbox: the other order would sleep on a letter.
void Shard::take_commands() {
  uint64_t letters;
  [[maybe_unused]] ssize_t got = read(mail_, &letters, sizeof(letters));
  std::vector<Command> commands;
  {
    std::lock_guard lock(mailbox_lock_);
    commands.swap(mailbox_);
  }
  for (Command& command : commands) obey(command);
}

void Shard::obey(Command& command) {
  if (auto* run = std::get_if<std::unique_ptr<Run>>(&command)) {
    start(std::move(*run));
  } else if (auto* pace = std::get_if<Pace>(&command)) {
    if (auto* pacer = pacer_of(pace->run, pace->target)) pacer->pace(pace->target, pace->interval_ns, now_ns_ + pace->first_in_ns);
  } else if (auto* burst = std::get_if<Burst>(&command)) {
    if (auto* pacer = pacer_of(burst->run, burst->target)) pacer->burst(burst->target, burst->count, burst->gap_ns, now_ns_);
  } else if (auto* order = std::get_if<Cancel>(&command)) {
    if (Run* run = find(order->run)) cancel(*run);
  } else {
    stopping_ = true;
  }
}

// pacer_of gives the pacer of an interval run that has such a target.
IntervalPacer* Shard::pacer_of(uint32_t run_id, uint32_t target) {
  Run* run = find(run_id);
  return run && target < run->plan.targets.size() ? std::get_if<IntervalPacer>(&run->pacer) : nullptr;
}

void Shard::start(std::unique_ptr<Run> run) {
  for (auto& socket : run->sockets) {
    epoll_event event{EPOLLIN, {socket.get()}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, socket->fd, &event);
  }
  runs_.push_back(std::move(run));
}

// cancel ends what is in flight; the run itself leaves in sweep().
void Shard::cancel(Run& run) {
  run.left = 0;
  for (auto& socket : run.sockets) {
    while (socket->in_flight.size() > 0) end(*socket, socket->in_flight.oldest(), Outcome::kCancelled);
  }
}

Run* Shard::find(uint32_t id) {
  for (auto& run : runs_) {
    if (run->id == id) return run.get();
  }
  return nullptr;
}

// --- sending --------------------------------------------------------------------------------------------------------

void Shard::send_due() {
  blocked_ = false;
  for (auto& run : runs_) {
    std::visit([&](auto& pacer) { send_due(*run, pacer); }, run->pacer);
  }
}

template <typename Pacer>
void Shard::send_due(Run& run, Pacer& pacer) {
  Socket* socket = nullptr;
  uint64_t skipped = 0;
  // One batch a round: then answers are read, so that our own queue does not overflow.
  while (run.left > 0 && pacer.next_due() <= now_ns_ && !outbox_.full()) {
    Socket* next = run.sockets[run.socket_of[pacer.next_target()]].get();
    if (next->in_flight.full()) {
      add(kTableFull);
      blocked_ = true;
      break;
    }
    if (!room()) {
      add(kRingFull);
      blocked_ = true;
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
    --run.left;
    outbox_.add(query.octets, query.id_at, id, target.peer, slot);
  }
  if (socket) flush(*socket);
  if (skipped) add(kSkipped, skipped);
}

// room tells whether one more probe's row would find its place, however the others end.
bool Shard::room() { return ring_.room() > in_flight_; }

void Shard::flush(Socket& socket) {
  int64_t sent_ns = monotonic_ns();
  for (uint32_t i = 0; i < outbox_.size(); ++i) socket.in_flight[outbox_.slot(i)].sent_ns = sent_ns;
  add(kSent, outbox_.size());
  uint32_t tries = 0;
  for (uint32_t at = 0; at < outbox_.size();) {
    int sent = sendmmsg(socket.fd, outbox_.from(at), outbox_.size() - at, 0);
    if (sent > 0) {
      at += static_cast<uint32_t>(sent);
      tries = 0;
      continue;
    }
    int errnum = errno;
    if (retry_send(socket, errnum, tries++)) continue;
    end(socket, outbox_.slot(at++), outcome_of_send_error(*socket.run, errnum), errnum);
    tries = 0;
  }
  outbox_.clear();
}

// retry_send tells whether the same packet may be tried again. A send fails once for an ICMP error that an earlier
// packet met, and was then not sent at all: reading the error queue clears that.
bool Shard::retry_send(Socket& socket, int errnum, uint32_t tries) {
  if (tries >= kSendTries) return false;
  add(kSendRetries);
  if (errnum == EAGAIN || errnum == ENOBUFS) {
    pollfd writable{socket.fd, POLLOUT, 0};
    poll(&writable, 1, 1);
  } else {
    receive_errors(socket);
  }
  return true;
}

// --- receiving ------------------------------------------------------------------------------------------------------

void Shard::receive() {
  unread_ = false;
  realtime_offset_ns_ = clock_ns(CLOCK_REALTIME) - monotonic_ns();
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

void Shard::accept(Socket& socket, const Inbox::Packet& packet, int64_t read_ns) {
  if (packet.dropped > socket.dropped) {
    add(kReceiveDrops, packet.dropped - socket.dropped);
    socket.dropped = packet.dropped;
  }
  Row row{};
  uint32_t at = match(socket, packet.octets, packet.length, *packet.peer, &row.flags);
  if (at == InFlight::kNone) return;
  const Slot& slot = socket.in_flight[at];
  int64_t rtt_ns = packet.stamp_ns - realtime_offset_ns_ - slot.sent_ns;
  row.flags |= kKernelStamp;
  if (packet.stamp_ns == 0 || rtt_ns < 0 || rtt_ns > read_ns - slot.sent_ns + kStampSlack) {
    rtt_ns = read_ns - slot.sent_ns;
    row.flags &= static_cast<uint16_t>(~kKernelStamp);
    add(kStampFallbacks);
  }
  row.outcome = Outcome::kAnswered;
  row.rtt_ns = static_cast<double>(rtt_ns);
  const Plan& plan = socket.run->plan;
  if (rtt_ns > plan.schedule.timeout_ns) {
    // It came after its time, even if the shard only now looks.
    add(kLate);
    end(socket, at, slot.stalled ? Outcome::kVoided : Outcome::kTimeout);
    return;
  }
  if (plan.templates[plan.targets[slot.target].query].dns()) row.rcode = rcode_of(packet.octets);
  size_t keep = std::min<size_t>(packet.length, ring_.answer_octets());
  if (packet.cut_short || keep < packet.length) row.flags |= kCutShort;
  row.answer_length = static_cast<uint16_t>(keep);
  end(socket, at, row, packet.octets);
}

// match finds the probe that a packet belongs to by socket, id, peer and question, or counts why there is none.
uint32_t Shard::match(Socket& socket, const uint8_t* octets, size_t length, const sockaddr_storage& peer,
                      uint16_t* flags) {
  const bool own_query = flags == nullptr;  // quoted by an ICMP error, maybe cut short
  uint32_t at = socket.in_flight.oldest();
  if (socket.id_at >= 0) {
    if (length < static_cast<size_t>(socket.id_at) + 2) {
      add(kMalformed);
      return InFlight::kNone;
    }
    at = socket.in_flight.find(read16(octets + socket.id_at));
  }
  if (at == InFlight::kNone) {
    add(kLate);
    return at;
  }
  const Plan& plan = socket.run->plan;
  const Target& target = plan.targets[socket.in_flight[at].target];
  if (!same_peer(target.peer, peer)) {
    add(kForeign);
    return InFlight::kNone;
  }
  const Template& query = plan.templates[target.query];
  if (!query.dns() || own_query) return at;
  if (length < kDnsHeader || !is_response(octets)) {
    add(kMalformed);
    return InFlight::kNone;
  }
  if (length == kDnsHeader && question_count(octets) == 0 && rcode_of(octets) != 0) {
    *flags |= kNoQuestion;
    return at;
  }
  if (length < kDnsHeader + query.question_length || question_count(octets) != 1 ||
      !same_question(octets + kDnsHeader, query.octets.data() + kDnsHeader, query.question_length)) {
    add(kForeign);
    return InFlight::kNone;
  }
  return at;
}

// receive_errors reads ICMP errors off the error queue; each quotes the packet that met it and its destination.
void Shard::receive_errors(Socket& socket) {
  for (int i = 0; i < kMostBatches; ++i) {
    uint8_t octets[512];
    alignas(cmsghdr) uint8_t control[512];
    sockaddr_storage peer{};
    iovec vector{octets, sizeof(octets)};
    msghdr header{&peer, sizeof(peer), &vector, 1, control, sizeof(control), 0};
    ssize_t length = recvmsg(socket.fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (length < 0) return;
    const sock_extended_err* error = nullptr;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
      bool ours = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                  (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
      if (ours) error = reinterpret_cast<const sock_extended_err*>(CMSG_DATA(c));
    }
    if (!error) continue;
    uint32_t at = match(socket, octets, static_cast<size_t>(length), peer, nullptr);
    if (at == InFlight::kNone) continue;
    bool icmp = error->ee_origin == SO_EE_ORIGIN_ICMP || error->ee_origin == SO_EE_ORIGIN_ICMP6;
    end(socket, at, icmp ? Outcome::kUnreachable : Outcome::kSendFailed, static_cast<int>(error->ee_errno));
  }
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

// note_stall marks what is in flight when the shard woke far later than it meant to: the whole machine may have stood
// still, the service with it, so silence proves nothing.
void Shard::note_stall() {
  int64_t late_ns = now_ns_ - wake_by_ns_;
  bool stalled = false;
  for (auto& run : runs_) {
    if (late_ns <= run->stall_bound_ns) continue;
    stalled = true;
    for (auto& socket : run->sockets) {
      InFlight& in_flight = socket->in_flight;
      for (uint32_t at = in_flight.oldest(); at != InFlight::kNone; at = in_flight[at].newer) {
        in_flight[at].stalled = true;
      }
    }
  }
  if (!stalled) return;
  add(kStalls);
  add(kStalledNs, static_cast<uint64_t>(late_ns));
}

// sweep lets runs go that have sent all and heard of all.
void Shard::sweep() {
  std::erase_if(runs_, [](const auto& run) { return run->left == 0 && run->in_flight() == 0; });
}

// --- the bell and sleep ---------------------------------------------------------------------------------------------

void Shard::publish() {
  uint32_t fresh = ring_.publish();
  if (fresh && unrung_ == 0) unrung_since_ns_ = now_ns_;
  unrung_ += fresh;
  if (unrung_ >= kBellRows || (unrung_ > 0 && now_ns_ - unrung_since_ns_ >= kBellNs)) {
    bell_.ring();
    unrung_ = 0;
  }
}

int64_t Shard::sleep_until() const {
  int64_t until = blocked_ ? now_ns_ + kBlockedSleep : kNever;
  for (const auto& run : runs_) {
    if (!blocked_) until = std::min(until, run->next_due());
    for (const auto& socket : run->sockets) {
      InFlight& in_flight = socket->in_flight;
      if (in_flight.size() == 0) continue;
      until = std::min(until, in_flight[in_flight.oldest()].sent_ns + run->plan.schedule.timeout_ns);
      // Never longer than the stall bound with something in flight: a stall shows only against a planned wake-up.
      until = std::min(until, now_ns_ + run->stall_bound_ns);
    }
  }
  return unread_ ? now_ns_ : until;
}

void Shard::wait() {
  int64_t until = sleep_until();
  int64_t now_ns = monotonic_ns();
  if (until - now_ns < kShortestSleep) {
    wake_by_ns_ = now_ns;
    return;
  }
  if (unrung_ > 0) {
    bell_.ring();
    unrung_ = 0;
  }
  wake_by_ns_ = until;
  timespec timeout{};
  if (until != kNever) timeout = {(until - now_ns) / kNsPerSecond, (until - now_ns) % kNsPerSecond};
  epoll_event event;
  add(kWakeups);
  // epoll_pwait2 (Linux 5.11) sleeps to the nanosecond; older kernels to the millisecond, rounded up.
  long got = syscall(SYS_epoll_pwait2, epoll_, &event, 1, until == kNever ? nullptr : &timeout, nullptr, 0);
  if (got < 0 && errno == ENOSYS) {
    int64_t ms = std::min<int64_t>((until - now_ns) / kNsPerMs + 1, 60'000);
    epoll_wait(epoll_, &event, 1, until == kNever ? -1 : static_cast<int>(ms));
  }
}

}  // namespace anyprobe
