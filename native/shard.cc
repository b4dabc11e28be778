#include "shard.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <string>
#include <system_error>

#include "clock.h"

namespace anyprobe {
namespace {

constexpr uint32_t kBellRows = 4096;               // under load the bell waits for so many rows,
constexpr int64_t kBellNs = kNsPerMs;              // or for so long
constexpr int64_t kShortestSleep = 20 * kNsPerUs;  // a sleep and wake-up costs more than this
constexpr int64_t kBlockedSleep = kNsPerMs;        // until room is looked for again
constexpr int64_t kRestNs = kNsPerMs;              // at least, between two looks at the sockets while little is in flight
constexpr uint32_t kRestInFlight = 128;            // per socket: so many answers fit a receive queue of the usual size

Fd checked(int fd, const char* syscall) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), syscall);
  return Fd(fd);
}

// pin keeps the calling thread on one CPU; gives the errno.
int pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu >= CPU_SETSIZE) return EINVAL;
  CPU_SET(cpu, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

timespec timespec_of(int64_t ns) { return {ns / kNsPerSecond, ns % kNsPerSecond}; }

// sleep_on waits for an event, `for_ns` at most or without end where it is negative. It does not say which: until the shard
// has come round to looking, there are more.
void sleep_on(int epoll, int64_t for_ns) {
  epoll_event event;
  timespec timeout = timespec_of(for_ns);
  // epoll_pwait2 (Linux 5.11) sleeps to the nanosecond; where it is missing or forbidden, to the millisecond, rounded up.
  long got = syscall(SYS_epoll_pwait2, epoll, &event, 1, for_ns < 0 ? nullptr : &timeout, nullptr, 0);
  if (got >= 0 || errno == EINTR) return;
  epoll_wait(epoll, &event, 1, for_ns < 0 ? -1 : static_cast<int>(std::min<int64_t>(for_ns / kNsPerMs + 1, 60'000)));
}

}  // namespace

Shard::Shard(uint8_t index, const ShardOptions& options, Bell& bell)
    : index_(index),
      patience_ns_(options.patience_ns),
      bell_(bell),
      ring_(options.ring_rows, options.answer_octets),
      epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      resting_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      mail_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  epoll_event event{EPOLLIN, {nullptr}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, mail_, &event);
  epoll_ctl(resting_, EPOLL_CTL_ADD, mail_, &event);
  std::promise<int> pinned;
  thread_ = std::thread([this, &pinned, cpu = options.cpu] {
    pinned.set_value(cpu < 0 ? 0 : pin(cpu));
    loop();
  });
  if (int errnum = pinned.get_future().get()) {
    join();
    throw std::system_error(errnum, std::generic_category(), "pthread_setaffinity_np");
  }
}

Shard::~Shard() { join(); }

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
  // Signals are the JavaScript thread's.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), ("anyprobe/" + std::to_string(index_)).c_str());
  wake_by_ns_ = monotonic_ns();
  while (true) {
    now_ns_ = monotonic_ns();
    moved_ = false;
    note_stall(now_ns_);
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
  uint32_t fresh = ring_.publish();
  add(kRows, fresh);
  if (fresh + unrung_ > 0) bell_.ring();
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
    if (auto* pacer = pacer_of(pace->run, pace->target)) {
      pacer->pace(pace->target, pace->interval_ns, now_ns_ + pace->first_in_ns);
    }
  } else if (auto* burst = std::get_if<Burst>(&command)) {
    if (auto* pacer = pacer_of(burst->run, burst->target)) {
      pacer->burst(burst->target, burst->count, burst->gap_ns, now_ns_);
    }
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
  const bool beats = std::holds_alternative<IntervalPacer>(run->pacer);
  for (auto& socket : run->sockets) {
    epoll_event event{EPOLLIN, {socket.get()}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, socket->fd, &event);
    // A health check's errors end the rest; they are told whether asked for or not. Under a rate they can wait for the next
    // send: here the kernel would look, for each answer, whether it is one.
    if (!beats) continue;
    event.events = 0;
    epoll_ctl(resting_, EPOLL_CTL_ADD, socket->fd, &event);
  }
  for (auto& raw : run->raw) {
    if (!raw) continue;
    // What lies in its ring is told as its first socket's: that itself never has any.
    epoll_event event{EPOLLIN, {raw->sockets.front()}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, raw->in->fd(), &event);
  }
  // Timers may be 50 us late by default, for wake-ups to be shared: a rate wants to be kept more closely than that.
  if (run->plan.schedule.rate_qps > 0 || run->plan.schedule.replay) prctl(PR_SET_TIMERSLACK, 1UL);
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

// --- time -----------------------------------------------------------------------------------------------------------

// note_stall marks what is in flight when the shard comes to a moment far later than it meant to: the whole machine may have
// stood still, the service with it, so silence proves nothing. A round looks when it begins, and before it calls an answer
// late: it may itself have stood still, after its probe left.
void Shard::note_stall(int64_t now_ns) {
  int64_t late_ns = now_ns - wake_by_ns_;
  wake_by_ns_ = now_ns;
  bool stalled = false;
  for (auto& run : runs_) {
    if (late_ns <= run->stall_bound_ns) continue;
    stalled = true;
    for (auto& socket : run->sockets) socket->in_flight.doubt();
  }
  if (!stalled) return;
  add(kStalls);
  add(kStalledNs, static_cast<uint64_t>(late_ns));
}

// sweep lets runs go that have sent all and heard of all.
void Shard::sweep() {
  std::erase_if(runs_, [](const auto& run) { return run->left == 0 && run->in_flight == 0; });
}

// --- the bell and sleep ---------------------------------------------------------------------------------------------

void Shard::publish() {
  uint32_t fresh = ring_.publish();
  if (fresh) add(kRows, fresh);
  if (fresh && unrung_ == 0) unrung_since_ns_ = now_ns_;
  unrung_ += fresh;
  int64_t most_ns = urgent_ ? kBellNs : std::max(kBellNs, patience_ns_);
  if (unrung_ >= kBellRows || (unrung_ > 0 && now_ns_ - unrung_since_ns_ >= most_ns)) ring_bell();
}

void Shard::ring_bell() {
  bell_.ring();
  unrung_ = 0;
  urgent_ = false;
}

int64_t Shard::next_expiry(const Run& run) const {
  int64_t oldest_ns = kNever;
  for (const auto& socket : run.sockets) {
    InFlight& in_flight = socket->in_flight;
    if (in_flight.size() > 0) oldest_ns = std::min(oldest_ns, in_flight[in_flight.oldest()].sent_ns);
  }
  return oldest_ns == kNever ? kNever : oldest_ns + run.plan.schedule.timeout_ns;
}

// next_send tells when there is something to send.
int64_t Shard::next_send() const {
  int64_t until = kNever;
  for (const auto& run : runs_) until = std::min(until, run->blocked ? now_ns_ + kBlockedSleep : run->next_due());
  return until;
}

// wait sleeps until something is due or arrives. With probes in flight that is never longer than the stall bound: a stall
// shows only against a planned wake-up.
void Shard::wait() {
  int64_t until = unread_ ? now_ns_ : next_send();
  int64_t now_ns = monotonic_ns();
  bool rest = moved_ && in_flight_ > 0;
  size_t sockets = 0;
  if (until - now_ns >= kShortestSleep) {
    for (const auto& run : runs_) {
      sockets += run->plan.schedule.raw ? 1 : run->sockets.size();  // a ring is one queue for all its ports
      // A closed loop sends when it is answered.
      rest &= !run->closed_loop();
      if (run->in_flight == 0) continue;
      // The moment that is known may be too early, for a probe that was answered since. A closed loop, which is awake anyway
      // long before, does not look through all its ports for the right one.
      if (!run->closed_loop()) run->next_expiry_ns = next_expiry(*run);
      until = std::min({until, run->next_expiry_ns, now_ns_ + run->stall_bound_ns});
    }
  }
  // After a round that sent or received it first rests: commands wake it then, and a health check's errors, but no answers.
  // Each of them alone would cost a wake-up, and the kernel's stamp keeps its rtt true.
  rest &= in_flight_ <= kRestInFlight * sockets;
  if (rest) until = std::min(until, now_ns + std::max(kRestNs, patience_ns_));
  // Not the time now: where this round itself stood still, the next one sees it.
  wake_by_ns_ = std::max(until, wake_by_ns_);
  if (until - now_ns < kShortestSleep) return;
  // Plain answers wait for the next wake-up, if that comes soon: JavaScript's costs as much as the shard's own.
  if (unrung_ > 0 && (urgent_ || until - unrung_since_ns_ > patience_ns_)) ring_bell();
  add(kWakeups);
  sleep_on(rest ? resting_ : epoll_, until == kNever ? -1 : until - now_ns);
}

}  // namespace anyprobe
